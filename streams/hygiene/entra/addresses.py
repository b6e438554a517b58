"""Addresses: type prefix and address, the primary one, and which stored values claim an address.

In Entra ID userPrincipalName, mail and SMTP proxyAddresses are one space of addresses, over users, groups and
contacts (domain.md section 8, "uniqueness index"; idfix.md section 14.3).
"""

from __future__ import annotations

import re

from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import Claim
from streams.hygiene.text import comparison_key

ADDRESS = "address"
_TYPE = re.compile(r"[a-z][a-z0-9-]*:").match
_OURS = frozenset({"", "smtp", "sip", "eum"})
"""Types of address whose characters Microsoft's preparation guide has a word on; "": no type at all."""


def is_smtp(value: str) -> bool:
    """Whether the value's type prefix is SMTP; a prefix, unlike IdFix's "smtp:" anywhere."""
    return value[:5].lower() == "smtp:"


def type_of(value: str) -> str:
    """The type before the first colon, in lower case; "" where there is none."""
    prefix, colon, _ = value.partition(":")
    return prefix.lower() if colon else ""


def is_foreign(value: str) -> bool:
    """Whether the form of the address is another system's business: X400, X500, NOTES … with blanks, brackets, quotes.

    Source: Microsoft, [MS-OXLDAP] 2.2.3.4: a type, a colon, and an address in the form of that type's own protocol.
    """
    return type_of(value) not in _OURS


def address_of(value: str) -> str:
    """The value without its SMTP prefix, if it has one."""
    return value[5:] if is_smtp(value) else value


def primary_address(subject: DirectoryObject) -> str | None:
    """The object's primary SMTP address: the proxyAddresses value with SMTP in capitals, else mail."""
    for value in subject.attributes.get("proxyAddresses", ()):
        if value.startswith("SMTP:"):
            return value[5:]
    return subject.first("mail")


def claim_address(value: str) -> Claim:
    """A bare address (UPN, mail) in the common space."""
    return ADDRESS, value.strip().lower()


def claim_proxy(value: str) -> Claim:
    """An SMTP address, or one without a type, in the common space; any other kind among its like."""
    key = value.strip().lower()
    if key[:5] == "smtp:":
        return ADDRESS, key[5:].lstrip()
    match = _TYPE(key)
    if match is None:
        return ADDRESS, key
    return "proxyAddresses", match[0] + key[match.end() :].lstrip()


def claim_target(value: str) -> Claim:
    """A targetAddress among targetAddresses: it names a mailbox elsewhere, and is no address of the object."""
    return "targetAddress", comparison_key(address_of(value))
