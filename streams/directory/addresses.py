"""Addresses as Entra ID compares them.

Folding: addresses are compared without regard to case; `SMTP:` (primary) and `smtp:` (secondary) differ in
rank, not in identity; userPrincipalName, mail and SMTP proxy addresses share one name space; other prefixes
(SIP, X500, …) have one each. Source: Microsoft, "How the proxyAddresses attribute is populated in Microsoft
Entra ID", "Identity synchronization and duplicate attribute resiliency"; shared name space of UPN, mail and
proxyAddresses across object classes: "Troubleshoot errors during synchronization", AttributeValueMustBeUnique.
No Unicode folding beyond lower case: Entra documents none, and merging two different addresses would be a
false conflict.
"""

from __future__ import annotations

import re

import msgspec

from streams.contracts.clouds import INITIAL_DOMAINS

_SMTP = ("SMTP:", "smtp:")
_PREFIX = re.compile(r"^([A-Za-z][A-Za-z0-9-]*):(.*)$", re.DOTALL)
# <prefix>[+]<four digits>@<initial domain>: the documentation shows it with and without the plus.
_PLACEHOLDER = re.compile(r"^(?P<local>.*?)\+?\d{4}$")


class Address(msgspec.Struct, frozen=True):
    """A folded address. `primary`: an upper-case `SMTP:` proxy address."""

    folded: str
    primary: bool = False

    @property
    def is_smtp(self) -> bool:
        """Whether duplicate-attribute resiliency covers it (only UPN and SMTP addresses)."""
        return ":" not in self.folded


def fold_proxy_address(value: str) -> Address | None:
    """The folded form of one proxyAddresses value; None if nothing is left of it."""
    if value.startswith(_SMTP) and (plain := value[5:].strip()):  # nearly all
        return Address(plain.lower(), primary=value[0] == "S")
    match = _PREFIX.match(value.strip())
    if match is None:
        return fold_address(value)
    prefix, rest = match.group(1), match.group(2).strip()
    if not rest:
        return None
    if prefix.lower() == "smtp":
        return Address(rest.lower(), primary=prefix == "SMTP")
    return Address(f"{prefix.lower()}:{rest.lower()}")


def fold_address(value: str) -> Address | None:
    """The folded form of a mail or userPrincipalName value; None if it is blank."""
    folded = value.strip().lower()
    return Address(folded) if folded else None


def domain_of(address: str) -> str:
    """The part behind the last @, in lower case; "" if there is none."""
    return address.rpartition("@")[2].lower() if "@" in address else ""


def is_placeholder_upn(cloud_upn: str, on_premises_upn: str, initial_domain: str | None) -> bool:
    """Whether `cloud_upn` is what Entra assigns when `on_premises_upn` is taken.

    initial_domain: the tenant's, e.g. contoso.onmicrosoft.com; None while unknown: any onmicrosoft domain.
    Source: Microsoft, "Duplicate attribute resiliency": <prefix>+<4 digits>@<initial domain>.
    """
    local, _, domain = cloud_upn.lower().rpartition("@")
    if domain != initial_domain if initial_domain else not f".{domain}".endswith(INITIAL_DOMAINS):
        return False
    match = _PLACEHOLDER.match(local)
    return match is not None and match.group("local") == on_premises_upn.lower().rpartition("@")[0]
