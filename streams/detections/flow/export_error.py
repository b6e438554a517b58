"""Entra ID refused the object at the last export: the engine itself says which, why, and of which value.

Source: ADSync event 6941 (KB2647098), one per object and export; Microsoft, "Troubleshoot errors during
synchronization".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from streams.contracts.events import Event
from streams.contracts.finding import Holder, Severity
from streams.contracts.identity import finding_id
from streams.contracts.times import rfc3339
from streams.contracts.view_keys import ViewKind, kind_of
from streams.detections.conflict import hard_match_blocked
from streams.detections.conflict._of_address import OF_AN_ADDRESS
from streams.detections.conflict._quarantine import errors_without_value
from streams.detections.detection import Alert, Context, Detection, Verdict
from streams.detections.gates import refused
from streams.reference_data.export_errors import ADVICE, CONFLICTS
from streams.views.address.address_view import AddressView
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView
from streams.views.identity.refusals import as_in_ad, attribute_of, standing_refusal, value_views
from streams.views.messages import HolderOfValue
from streams.views.sides import Side

_SAID = 300
# What explains it, the cause before what follows from it. Faults of the object's values are explained by it: hygiene.
_HARD_MATCH, _ONE_ANCHOR = hard_match_blocked.DETECTION.id, "conflict.duplicate_source_anchor"
_OTHER_ANCHOR, _ONE_SID = "authority.source_anchor_changed", "conflict.duplicate_sid"
_REFUSES_TAKEOVER = ("InvalidHardMatch", "ExistingAdminRoleConflict")
_UNKNOWN = (
    "The name is not one that is explained here: read evidence.said, and in Synchronization Service Manager the export "
    "error of the object that the finding names (Operations, the export, Export Errors, Detail)."
)

DETECTION = Detection(
    id="flow.export_error",
    views=(UserView, GroupView, ContactView, AddressView),
    title="Entra ID refuses the object",
    severity=Severity.HIGH,
    # Two cycles: the first may refuse what another object only lets go of in it.
    alert=Alert(for_s=3600),
    explained_by=(*OF_AN_ADDRESS, _HARD_MATCH, _ONE_ANCHOR, _OTHER_ANCHOR, _ONE_SID),
    ends_proven=True,
    remediation=(
        "The evidence names the error, the attribute and its value as the engine logged them, who holds the value, and "
        "what to do. While the error stands no change of the object is exported. The finding clears when the object is "
        "written, or with the next export that does not tell of it."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-sync-errors",
        "https://support.microsoft.com/topic/2647098",
    ),
    false_positives=("An object that is being repaired, until the next cycle.",),
    known_gaps=(
        "Needs ADSync 6941 of the Connect server's log, and Directory Synchronization 904 for a prompt end.",
        "Of groups and contacts the anchor must be the objectGUID.",
        "An event that names no object is told of who claims the address and lacks it in the cloud, else not at all.",
    ),
    only_if=refused,
)


def evaluate(view: ObjectView | AddressView, context: Context, now_ms: int) -> Verdict | None:
    """Fires from the event on, until the object is written or a later export tells of it no more."""
    return _of_address(view) if isinstance(view, AddressView) else _of_object(view)


def _of_address(view: AddressView) -> Verdict | None:
    """The event names no object: it is one that claims the address and has it not in the cloud."""
    refusal = view.standing_refusal
    if refusal is None:
        return None
    left_out = [
        each
        for each in view.ad
        if each.party.view not in view.refused and ((cloud := view.cloud_side(each)) is None or not cloud.holds)
    ]
    if not left_out:
        return None
    first = left_out[0]
    own = {first.party.identity, *(each.party.id for each in view.entra if each.party.matches(first.party))}
    others = [each for each in view.claimants if each.party.identity not in own]
    holders = [HolderOfValue(each.party.id, each.party.distinguished_name or each.party.name) for each in others]
    return Verdict(
        summary=_summary(first.party.name, refusal, holders),
        since_ms=refusal.ts_ms,
        open_at_ms=0,
        subject=view.subject(first),
        forest=first.party.forest,
        evidence=_evidence(refusal, holders),
        counterparts=view.holders(
            {first.party.identity: "refused", **{each.party.identity: "holds" for each in others}}
        ),
        explained_by=OF_AN_ADDRESS if _may_be_a_conflict(refusal) else (),
        explains_in=view.object_views([first]),
    )


def _of_object(view: ObjectView) -> Verdict | None:
    refusal = standing_refusal(view)
    side = _subject(view, refusal) if refusal is not None else None
    if refusal is None or side is None:
        return None
    attribute, others = attribute_of(refusal), _others(view, refusal)
    return Verdict(
        summary=_summary(side.party.name, refusal, others),
        since_ms=refusal.ts_ms,
        open_at_ms=0,
        subject=side.party.subject(view.key),
        forest=next((ad.party.forest for ad in (*view.ad, *view.gone)), None),
        evidence=_evidence(refusal, others),
        counterparts=(
            side.party.holder("refused", [attribute] if attribute is not None else ()),
            *(
                Holder(
                    side=other.side,
                    kind=other.kind,
                    id=other.id,
                    display_name=other.name,
                    role="holds",
                    forest=other.forest or None,
                )
                for other in others
                if other.side
            ),
        ),
        explained_by=tuple(_explained_by(view, refusal, others)) if _may_be_a_conflict(refusal) else (),
        explains_in=(*view.references(), *(key for key in value_views(refusal) if kind_of(key) == ViewKind.VALUE)),
    )


def _summary(who: str, refusal: Event, others: Sequence[HolderOfValue]) -> str:
    attribute, details = attribute_of(refusal), refusal.details
    name = details.get("error_name") or "an error without a name"
    about = f" {attribute} {details['value']}" if attribute is not None and "value" in details else ""
    return f"{who} is refused by Entra ID: {name}{about}" + (f", held by {others[0].name}" if others else "")


def _evidence(refusal: Event, others: Sequence[HolderOfValue]) -> dict[str, Any]:
    details, name = refusal.details, str(refusal.details.get("error_name"))
    evidence = {
        "error_name": details.get("error_name"),
        "attribute": attribute_of(refusal),
        "value": details.get("value"),
        "more_values": details.get("more_values"),
        "held_by": [other.name for other in others] or None,
        "conflicting_id": details.get("conflicting_id"),
        "advice": ADVICE.get(name, _UNKNOWN),
        "said": refusal.reason[:_SAID] if name not in ADVICE and refusal.reason else None,
        "tracking_id": details.get("tracking_id"),
        "server": refusal.server,
        "last_refused": rfc3339(refusal.ts_ms),
    }
    return {name: value for name, value in evidence.items() if value is not None}


def _subject(view: ObjectView, refusal: Event) -> Side | None:
    """The AD object; else the dead or the cloud one, whose deletion was refused.

    What has left the scope since is exported no more. What we took for out of scope before, the engine exports.
    """
    ours = [side for side in view.ad if side.party.in_scope or side.changed_ms <= refusal.ts_ms]
    return next(iter(ours or (view.entra and (*view.ad, *view.gone, *view.entra)) or ()), None)


def _others(view: ObjectView, refusal: Event) -> list[HolderOfValue]:
    """Who holds a refused value, the object itself and its own cloud object left out."""
    own = [side.party for side in (*view.ad, *view.entra, *view.gone)]
    held = (holder for key in value_views(refusal) for holder in view.held.get(key, ()))
    return [holder for holder in dict.fromkeys(held) if not holder.is_one_of(own)]


def _may_be_a_conflict(refusal: Event) -> bool:
    """Not where the name of the error says that the object's own values are at fault."""
    name = refusal.details.get("error_name")
    return name in CONFLICTS or name not in ADVICE


def _explained_by(view: ObjectView, refusal: Event, others: Sequence[HolderOfValue]) -> Iterator[str]:
    """Findings of the values that are named, else of any value; of the anchor where nobody else holds a value."""
    name, values = refusal.details.get("error_name"), value_views(refusal)
    yield from (finding_id(conflict, key) for conflict in OF_AN_ADDRESS for key in values)
    if name not in CONFLICTS:
        return
    if attribute_of(refusal) in (None, "objectSid"):
        yield from (finding_id(_ONE_SID, key) for key in view.references())
    if not values and attribute_of(refusal) != "objectSid":
        yield from OF_AN_ADDRESS
    recorded = {as_in_ad(error.get("propertyCausingError")) for _, error in errors_without_value(view)}
    if attribute_of(refusal) in recorded:
        yield finding_id("conflict.address_quarantined", view.key)
    if name in _REFUSES_TAKEOVER:
        yield _HARD_MATCH
    if not others:
        yield _ONE_ANCHOR
    held_by = {other.id for other in others}
    yield from (
        each.finding for each in view.explanations if each.detection == _OTHER_ANCHOR and held_by <= each.objects
    )
