"""Cheap tests that let the great majority of values, which are clean, pass without running their chain.

Each may say False of a clean value (the chain then finds nothing), never True of a faulty one; a property
test holds them to that.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from streams.hygiene.idfix.mail_format import DOMAIN_PART
from streams.hygiene.tenant import TenantContext

Cleaner = Callable[[str, TenantContext], bool]

_IN_LOCAL = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~-"
_SMTP = re.compile(rf"[Ss][Mm][Tt][Pp]:[{_IN_LOCAL}]+(?:\.[{_IN_LOCAL}]+)*@([A-Za-z0-9.-]+)")
_OTHER = re.compile(r"(?:[Ss][Ii][Pp]|[Xx][45]00|[Ee][Uu][Mm]|[Ss][Pp][Oo]):[A-Za-z0-9@.=/_-]*")
_IN_UPN = "A-Za-z0-9!#$^_`~-"
_SIGN_IN = re.compile(rf"[{_IN_UPN}]+(?:\.[{_IN_UPN}]+)*@([A-Za-z0-9.-]+)")
_REMEMBERED_DOMAINS = 50_000


class _AcceptedDomains(dict[str, bool]):
    """Domain as written -> whether the mail-format rule accepts it. Directories repeat few domains."""

    def __init__(self, top_level_domains: frozenset[str]) -> None:
        super().__init__()
        self._top_level_domains = top_level_domains

    def __missing__(self, domain: str) -> bool:
        if len(self) >= _REMEMBERED_DOMAINS:
            self.clear()
        match = DOMAIN_PART.fullmatch("@" + domain)
        self[domain] = match is not None and "." + match[1].lower() in self._top_level_domains
        return self[domain]


def short(limit: int) -> Cleaner:
    """Short enough however its characters count."""
    characters = limit // 2

    def clean(value: str, _tenant: TenantContext) -> bool:
        return len(value) <= characters

    return clean


def address_cleaner(limit: int, top_level_domains: frozenset[str]) -> Cleaner:
    """A plain SMTP address in a listed top-level domain, or a plain address of another kind."""
    accepted = _AcceptedDomains(top_level_domains)
    smtp, other = _SMTP.fullmatch, _OTHER.fullmatch

    def clean(value: str, _tenant: TenantContext) -> bool:
        if len(value) > limit:
            return False
        match = smtp(value)
        return other(value) is not None if match is None else accepted[match[1]]

    return clean


def sign_in_cleaner(limit: int, top_level_domains: frozenset[str]) -> Cleaner:
    """A plain user principal name in a listed top-level domain."""
    accepted = _AcceptedDomains(top_level_domains)
    fullmatch = _SIGN_IN.fullmatch

    def clean(value: str, _tenant: TenantContext) -> bool:
        match = fullmatch(value) if len(value) <= limit else None
        return match is not None and accepted[match[1]]

    return clean
