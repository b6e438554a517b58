"""Duplicate attribute resiliency: what of an export Entra takes, what it quarantines, and when it gives it back.

Source: Microsoft, "Identity synchronization and duplicate attribute resiliency" (the two holes included).
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from deploy.lab.sync.claims import Claims
from deploy.lab.sync.mapping import Desired
from deploy.lab.sync.matching import ErrorCode
from deploy.lab.sync.naming import placeholder_upn
from deploy.lab.sync.objects import CloudObject, TenantRules, fold, primary_of

UPN_PROPERTY = "UserPrincipalName"
ADDRESS_PROPERTY = "ProxyAddresses"


@dataclass(frozen=True, slots=True)
class Settled:
    """What Entra made of the contested properties. `error` set: it refused the whole object this time."""

    upn: str | None
    addresses: tuple[str, ...]
    errors: tuple[dict[str, Any], ...] = ()
    error: ErrorCode | None = None
    attribute: str | None = None
    other: CloudObject | None = None


def settle(
    wanted: Desired,
    claims: Claims,
    rules: TenantRules,
    *,
    own: CloudObject | None,
    fresh: Collection[str],
    occurred: str,
    draw: Callable[[], int],
) -> Settled:
    """Divide what `wanted` claims into what it gets and what is quarantined.

    own:      the object's present cloud self (its claims do not stand in its own way); None at creation.
    fresh:    ids created in this very cycle; occurred: the time to write into new errors.
    draw:     four digits (0-9999) for a placeholder.
    """
    but = own.id if own else None
    upn_in_way = claims.upn_holder(wanted.upn, but=but) if wanted.upn else None
    in_way = {address: holder for address in wanted.addresses if (holder := claims.address_holder(address, but=but))}
    if own is None:
        refused = _hole(wanted, claims, in_way, fresh)
        if refused is not None:
            code = ErrorCode.ATTRIBUTE_VALUE_MUST_BE_UNIQUE
            return Settled(None, (), error=code, attribute="proxyAddresses", other=refused)
    for address in wanted.addresses:
        taken = claims.sip_holder(address, but=but)
        if taken is not None:  # covered by nothing: the whole object is refused, each time
            code = ErrorCode.ATTRIBUTE_VALUE_MUST_BE_UNIQUE
            return Settled(None, (), error=code, attribute="sipProxyAddress", other=taken)
    earlier = {(error["propertyCausingError"], error["value"]): error for error in provisioning_errors(own)}
    contested = [(UPN_PROPERTY, wanted.upn)] if wanted.upn and upn_in_way else []
    contested += [(ADDRESS_PROPERTY, address) for address in in_way]
    errors = tuple(
        earlier.get((name, value))
        or {
            "category": "PropertyConflict",
            "occurredDateTime": occurred,
            "propertyCausingError": name,
            "value": value,
        }
        for name, value in contested
    )
    upn = wanted.upn
    if upn and upn_in_way:
        upn = _placeholder(upn, own, claims, rules, draw)
    return Settled(upn, tuple(address for address in wanted.addresses if address not in in_way), errors)


def provisioning_errors(found: CloudObject | None) -> list[dict[str, Any]]:
    """The onPremisesProvisioningErrors an object carries."""
    return list(found.properties.get("onPremisesProvisioningErrors") or ()) if found else []


def released(found: CloudObject, claims: Claims) -> dict[str, Any]:
    """What the hourly job changes on `found`: values that nobody else holds any more are restored.

    Returns the properties to write; empty where everything is still contested.
    """
    left: list[dict[str, Any]] = []
    addresses, changes = found.addresses, {}
    for error in provisioning_errors(found):
        name, value = error["propertyCausingError"], error["value"]
        if name == UPN_PROPERTY and claims.upn_holder(value, but=found.id) is None:
            changes["userPrincipalName"] = value
        elif name == ADDRESS_PROPERTY and claims.address_holder(value, but=found.id) is None:
            addresses = with_address(addresses, value)
        else:
            left.append(error)
    if len(left) == len(provisioning_errors(found)):
        return {}
    changes["onPremisesProvisioningErrors"] = left
    if addresses != found.addresses:
        changes["proxyAddresses"] = addresses
        changes["mail"] = primary_of(addresses) or found.properties.get("mail")
    return changes


def with_address(addresses: list[str], address: str) -> list[str]:
    """The addresses with one more, unless it is there; a primary goes first."""
    if fold(address) in {fold(known) for known in addresses}:
        return addresses
    return [address, *addresses] if address.startswith("SMTP:") else [*addresses, address]


def _hole(
    wanted: Desired, claims: Claims, in_way: dict[str, CloudObject], fresh: Collection[str]
) -> CloudObject | None:
    """The holder in one of the two known holes, which end in an error instead of a quarantine.

    A user whose UPN *and* another address both clash with a group's addresses; two groups of one cycle that claim
    one address (the next cycle quarantines).
    """
    upn_holder = claims.address_holder(wanted.upn) if wanted.upn else None
    for address, holder in in_way.items():
        if holder.kind != "group":
            continue
        if wanted.kind == "group" and holder.id in fresh:
            return holder
        if upn_holder is not None and upn_holder.kind == "group" and fold(address) != (wanted.upn or "").lower():
            return holder
    return None


def _placeholder(upn: str, own: CloudObject | None, claims: Claims, rules: TenantRules, draw: Callable[[], int]) -> str:
    """The placeholder the object has already, else a new one."""
    present = own.text("userPrincipalName") if own else None
    if present and present.lower().endswith("@" + rules.initial_domain):
        return present
    return placeholder_upn(upn, rules, lambda name: claims.upn_holder(name) is not None, draw)
