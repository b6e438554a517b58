"""The SMTP addresses of proxyAddresses as Entra ID keeps them: what it takes from AD, and what it adds of its own.

Source: Microsoft, "How the proxyAddresses attribute is populated in Microsoft Entra ID": reserved suffixes are left
out, and a user's addresses in domains that the tenant has not verified; mail is the primary address where none is; the
cloud adds its own onmicrosoft address, the UPN and mail. Other prefixes (X500, SIP, EUM) have owners of their own in
the cloud and are not compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from streams.contracts.clouds import RESERVED_DOMAINS
from streams.directory.addresses import domain_of

_SHOWN = 20


class Proxies(msgspec.Struct, frozen=True):
    """Folded SMTP addresses; `primary`: the one with the upper-case prefix."""

    addresses: frozenset[str]
    primary: str | None

    def shown(self, addresses: Iterable[str]) -> list[str]:
        """Some of them as they are written, sorted, not too many."""
        return sorted(f"{'SMTP' if address == self.primary else 'smtp'}:{address}" for address in addresses)[:_SHOWN]


def proxies_of(values: object) -> Proxies:
    """The addresses among the values of a proxyAddresses attribute. An address without prefix is a secondary one."""
    addresses, primary = set(), None
    for value in [values] if isinstance(values, str) else values if isinstance(values, list) else ():
        prefix, colon, rest = value.partition(":")
        folded = (rest if colon else prefix).strip().lower()
        if not folded or (colon and prefix.strip().lower() != "smtp"):
            continue
        addresses.add(folded)
        if prefix.strip() == "SMTP" and colon and primary is None:
            primary = folded
    return Proxies(frozenset(addresses), primary)


def exported_proxies(ad: Mapping[str, Any], kind: str, verified: frozenset[str] | None) -> Proxies:
    """What the cloud should hold of an AD object's addresses; `verified` only matters for users."""
    held = proxies_of(ad.get("proxyAddresses"))
    mail = str(ad.get("mail") or "").strip().lower()
    addresses, primary = held.addresses, held.primary
    if primary is None and mail:
        addresses, primary = addresses | {mail}, mail
    kept = frozenset(address for address in addresses if _deliverable(address, kind, verified))
    return Proxies(kept, primary if primary in kept else None)


def lacking_and_surplus(
    wanted: Proxies, found: Proxies, own: frozenset[str], quarantined: frozenset[str]
) -> tuple[list[str], list[str]]:
    """What the cloud lacks (or does not rank first, as it should), and what it has too much.

    own: addresses that the cloud may hold without AD naming them in proxyAddresses.
    """
    lacking = wanted.addresses - found.addresses - quarantined
    if wanted.primary is not None and wanted.primary in found.addresses and wanted.primary != found.primary:
        lacking |= {wanted.primary}
    surplus = {address for address in found.addresses - wanted.addresses - own if not _reserved(address)}
    return wanted.shown(lacking), found.shown(surplus)


def _deliverable(address: str, kind: str, verified: frozenset[str] | None) -> bool:
    domain = domain_of(address)
    return bool(domain) and not _reserved(address) and (kind != "user" or domain in (verified or ()))


def _reserved(address: str) -> bool:
    return address.endswith(RESERVED_DOMAINS)
