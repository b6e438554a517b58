"""Which cloud object an object new to the engine becomes: hard match, soft match, a refusal, or a new one.

Sources: Microsoft, "Microsoft Entra Connect: When you have an existing tenant"; "Troubleshoot errors during
synchronization" (error names).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from deploy.lab.sync.claims import Claims
from deploy.lab.sync.mapping import Desired
from deploy.lab.sync.objects import CloudObject, TenantRules, primary_of


class ErrorCode(StrEnum):
    """Export errors by the names that Connect and the portal show."""

    INVALID_HARD_MATCH = "InvalidHardMatch"
    INVALID_SOFT_MATCH = "InvalidSoftMatch"
    OBJECT_TYPE_MISMATCH = "ObjectTypeMismatch"
    ATTRIBUTE_VALUE_MUST_BE_UNIQUE = "AttributeValueMustBeUnique"
    ADMIN_ROLE_CONFLICT = "ExistingAdminRoleConflict"
    DUPLICATE_ANCHOR = "DuplicateAnchor"
    DATA_VALIDATION = "IdentityDataValidationFailed"


@dataclass(frozen=True, slots=True)
class Match:
    """What to do with an object new to the engine.

    target: the cloud object to take over; None: create one, unless the error is `fatal`.
    error:  to be reported; `attribute` the property that caused it, `other` the object in the way.
    """

    target: CloudObject | None = None
    error: ErrorCode | None = None
    attribute: str | None = None
    other: CloudObject | None = None
    fatal: bool = False


def match(wanted: Desired, claims: Claims, rules: TenantRules) -> Match:
    """Decide over an object that the engine has never exported: hard match, then soft match, then creation.

    Only users match hard; since summer 2026 not with a holder of a role, nor with one that is mapped to another object
    of AD (MC1262584, MC1263280). A soft match needs the UPN (where the tenant allows it) or the *primary* address of a
    cloud-only object. What another synced object holds is no match: duplicate attribute resiliency settles that.
    """
    hard = claims.anchor_holder(wanted.anchor) if wanted.anchor else None
    if hard is not None:
        if hard.is_synced:
            return Match(error=ErrorCode.DUPLICATE_ANCHOR, attribute="onPremisesImmutableId", other=hard, fatal=True)
        blocked = rules.has("blockCloudObjectTakeoverThroughHardMatchEnabled")
        mapped_to = hard.text("onPremisesObjectIdentifier") or wanted.guid
        remapped = mapped_to != wanted.guid and not rules.has("allowOnPremUpdateOfOnPremisesObjectIdentifierEnabled")
        if blocked or remapped or hard.id in rules.privileged_ids:
            return Match(error=ErrorCode.INVALID_HARD_MATCH, attribute="onPremisesImmutableId", other=hard, fatal=True)
        return Match(target=hard)
    for attribute, target in _candidates(wanted, claims, rules):
        if not target.is_synced:
            return _soft(wanted, attribute, target, rules)
    return Match()


def _soft(wanted: Desired, attribute: str, target: CloudObject, rules: TenantRules) -> Match:
    if target.kind != wanted.kind:
        return Match(error=ErrorCode.OBJECT_TYPE_MISMATCH, attribute=attribute, other=target, fatal=True)
    if target.text("onPremisesImmutableId"):  # another one: the same would have matched hard
        return Match(error=ErrorCode.INVALID_SOFT_MATCH, attribute=attribute, other=target, fatal=True)
    if target.id in rules.privileged_ids:
        return Match(error=ErrorCode.ADMIN_ROLE_CONFLICT, attribute=attribute, other=target)
    if rules.has("blockSoftMatchEnabled"):
        return Match(other=target)
    return Match(target=target)


def _candidates(wanted: Desired, claims: Claims, rules: TenantRules) -> list[tuple[str, CloudObject]]:
    found: list[tuple[str, CloudObject]] = []
    if wanted.upn and rules.has("softMatchOnUpnEnabled", default=True):
        holder = claims.upn_holder(wanted.upn)
        if holder is not None:
            found.append(("userPrincipalName", holder))
    primary = primary_of(wanted.addresses)
    holder = claims.address_holder(f"SMTP:{primary}") if primary else None
    if holder is not None:
        found.append(("proxyAddresses", holder))
    return found
