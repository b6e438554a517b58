"""What the rules of streams.hygiene (profile `entra`) say of an object view, shared by this family's detections.

The rule book is the one of `synchealth scan`: the same object gets the same verdict from both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

from msgspec.structs import replace

from streams.contracts.finding import Holder
from streams.detections.conflict._of_address import OF_AN_ADDRESS, findings_about
from streams.detections.detection import Context, Verdict
from streams.directory.addresses import fold_address
from streams.hygiene.check import check
from streams.hygiene.entra.profile import entra_profile
from streams.hygiene.faults import Breach, Effect, ErrorName, Fault
from streams.hygiene.tenant import TenantContext
from streams.reference_data.export_errors import CONFLICTS
from streams.views.identity.object_view import ObjectView
from streams.views.identity.proposals import directory_object, faults_anywhere, view_of_value
from streams.views.identity.refusals import attribute_of, standing_refusal
from streams.views.sides import Side
from streams.views.view import Memo

Wanted = Callable[[Fault, Breach], bool]

TOLD_BY: dict[ErrorName, str] = {
    ErrorName.CHARACTER: "hygiene.invalid_character",
    ErrorName.FORMAT: "hygiene.invalid_format",
    ErrorName.LOCAL_PART: "hygiene.invalid_format",
    ErrorName.DOMAIN_PART: "hygiene.invalid_format",
    ErrorName.PRIMARY_ADDRESS: "hygiene.invalid_format",
    ErrorName.LENGTH: "hygiene.too_long",
}
"""What is wrong with a single value -> the detection that tells it."""
OF_A_VALUE = tuple(dict.fromkeys(TOLD_BY.values()))

_PROFILE = entra_profile()
_MOST_LISTED = 20
# Of somebody who is joined with another's account, these stay in the forest.
_SIGN_IN = frozenset({"userPrincipalName", "sAMAccountName"})
_MAILBOX = frozenset({"homeMDB", "msExchMailboxGuid", "msExchRemoteRecipientType"})


def faults_of(view: ObjectView, context: Context) -> tuple[tuple[Side, Fault], ...]:
    """The faults of the AD objects of the view that are in the scope of synchronisation."""
    tenant = _tenant(context.verified_domains, context.initial_domain)
    return view.memo.once("faults", tenant, lambda: _faults_in(view, tenant))


def faulty(view: ObjectView, context: Context) -> bool:
    """The gate of this family: some rule has something against an object of the view."""
    return bool(faults_of(view, context))


def _faults_in(view: ObjectView, tenant: TenantContext) -> tuple[tuple[Side, Fault], ...]:
    return tuple(
        (side, fault)
        for side in view.in_scope
        for fault in _faults_of_side(side, tenant, view.memo)
        if view.joined is not False or fault.attribute not in _SIGN_IN
    )


def _faults_of_side(side: Side, tenant: TenantContext, memo: Memo) -> tuple[Fault, ...]:
    """Clean in any tenant and at home in this one's domains is clean; only the others are checked again."""
    if not faults_anywhere(side.party, side.attributes, memo) and not _judged_by_domain(side, tenant):
        return ()
    return check(directory_object(side.party, side.attributes), _PROFILE, tenant)


def _judged_by_domain(side: Side, tenant: TenantContext) -> bool:
    """Whether a rule on the tenant's domains could have something to say."""
    if tenant.verified_domains is None:
        return False
    name = side.attributes.get("userPrincipalName")
    if isinstance(name, str) and not tenant.domain(name.rpartition("@")[2]).verified:
        return True
    return not _MAILBOX.isdisjoint(side.attributes)


def told_by(detection: str) -> Wanted:
    """The breaches that one of OF_A_VALUE tells."""
    errors = {error for error, each in TOLD_BY.items() if each == detection}
    return lambda _fault, breach: not errors.isdisjoint(breach.errors)


def not_taken(view: ObjectView, context: Context) -> Iterator[tuple[str, str, str]]:
    """Attribute of AD, value and detection of each value that the service does not take as it is."""
    for _, fault in faults_of(view, context):
        for breach in fault.breaches:
            if breach.effect is not Effect.WARNS and fault.value is not None:
                yield from (
                    (fault.attribute, fault.value, TOLD_BY[error]) for error in breach.errors if error in TOLD_BY
                )


def verdict_on(view: ObjectView, context: Context, wanted: Wanted, says: str) -> Verdict | None:
    """The verdict on the breaches that a detection wants; None if there are none.

    says: how the summary goes on after "<name>: <attribute> …".
    """
    found = [
        (side, fault, breach)
        for side, fault in faults_of(view, context)
        for breach in fault.breaches
        if wanted(fault, breach)
    ]
    if not found:
        return None
    side, fault, breach = found[0]
    more = f" and {len(found) - 1} more" if len(found) > 1 else ""
    return Verdict(
        summary=f"{side.party.name}: {fault.attribute} {says}{more}",
        since_ms=side.changed_ms,
        subject=side.party.subject(view.key),
        forest=side.party.forest,
        evidence={
            **_evidence(view, side, fault, breach),
            "profile": fault.profile,
            "faults": len(found),
            "further": [_evidence(view, *other) for other in found[1 : 1 + _MOST_LISTED]],
        },
        counterparts=_objects_at_fault(found),
        explained_by=_refused(view, [fault for _, fault, _ in found]),
    )


def of_the_suffix(view: ObjectView, verdict: Verdict | None) -> Verdict | None:
    """A verdict on the UPN's suffix. It keeps no object out, but it is one incident with whatever concerns the name."""
    if verdict is None:
        return None
    name = fold_address(str(verdict.evidence.get("value") or ""))
    about = findings_about(view.tenant, [name.folded]) if name is not None else ()
    refusal = standing_refusal(view)
    if refusal is not None:
        refused, error = attribute_of(refusal), refusal.details.get("error_name")
        if refused != "userPrincipalName" and (refused is not None or error not in _OF_THE_NAME):
            return replace(verdict, explained_by=about)
    return replace(verdict, explained_by=(*about, *(verdict.explained_by or ())))


SUFFIX_EXPLAINED_BY = (*OF_AN_ADDRESS, "flow.export_error")
_OF_THE_NAME = frozenset({"IdentityDataValidationFailed", "FederatedDomainChangeError"})


def _refused(view: ObjectView, faults: list[Fault]) -> tuple[str, ...]:
    """A refusal explains faults of the object's values, unless it says that somebody else has another value of it."""
    refusal = standing_refusal(view)
    if refusal is not None and refusal.details.get("error_name") in CONFLICTS:
        attribute, value = attribute_of(refusal), str(refusal.details.get("value")).lower()
        if not any(fault.attribute == attribute and str(fault.value).lower() == value for fault in faults):
            return ()
    return ("flow.export_error",)


def _objects_at_fault(found: list[tuple[Side, Fault, Breach]]) -> tuple[Holder, ...]:
    """All objects at fault where several stand under one key (two contacts with one address); else nothing."""
    attributes: dict[str, set[str]] = {}
    for side, fault, _ in found:
        attributes.setdefault(side.party.identity, set()).add(fault.attribute)
    if len(attributes) < 2:
        return ()
    parties = {side.party.identity: side.party for side, _, _ in found}
    return tuple(parties[holder].holder(attributes=names) for holder, names in attributes.items())


def _evidence(view: ObjectView, side: Side, fault: Fault, breach: Breach) -> dict[str, Any]:
    evidence = {
        "attribute": fault.attribute,
        "value": fault.value,
        "rule": breach.rule,
        "errors": [str(error) for error in breach.errors],
        "effect": str(breach.effect),
        "character": breach.character,
        "position": breach.position,
        "length": breach.length,
        "limit": breach.limit,
        "proposed_value": fault.proposed_value,
        "proposed_value_held_by": _held_by(view, side, fault),
        "forecast": breach.forecast,
    }
    return {name: value for name, value in evidence.items() if value is not None}


def _held_by(view: ObjectView, side: Side, fault: Fault) -> list[str] | None:
    """Who holds the proposed value already, the object itself and its own cloud object left out."""
    key = fault.proposed_value and view_of_value(view.tenant, fault.attribute, fault.proposed_value)
    own = [side.party, *(cloud.party for cloud in view.entra)]
    return [holder.name for holder in view.held.get(key or "", ()) if not holder.is_one_of(own)] or None


@lru_cache(maxsize=64)
def _tenant(verified: frozenset[str] | None, initial: str | None) -> TenantContext:
    """The tenant's domains, the shortest name first: that one is offered in proposals."""
    names = None if verified is None else tuple(sorted(verified, key=lambda name: (len(name), name)))
    return TenantContext(names, initial)
