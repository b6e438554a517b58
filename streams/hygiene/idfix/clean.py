"""Cheap tests that let the great majority of values, which are clean, pass without running their chain.

Each may say False of a clean value (the chain then finds nothing), never True of a faulty one; a property
test holds them to that.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from streams.hygiene.tenant import TenantContext

Cleaner = Callable[[str, TenantContext], bool]

_DOMAIN = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+([a-z]{2,17})"
_IN_LOCAL = r"a-z0-9!#$%&'*+/=?^_`{|}~-"
_SMTP = re.compile(rf"smtp:[{_IN_LOCAL}]+(?:\.[{_IN_LOCAL}]+)*@{_DOMAIN}", re.IGNORECASE | re.ASCII)
_PLAIN = re.compile(r"(?:sip|x[45]00|eum|spo):[a-z0-9@.=/_ -]*", re.IGNORECASE | re.ASCII)
_IN_UPN = "a-z0-9!#$^_`~-"
_SIGN_IN = re.compile(rf"[{_IN_UPN}]+(?:\.[{_IN_UPN}]+)*@{_DOMAIN}", re.IGNORECASE | re.ASCII)


def short(limit: int) -> Cleaner:
    """Short enough however its characters count."""
    characters = limit // 2

    def clean(value: str, _tenant: TenantContext) -> bool:
        return len(value) <= characters

    return clean


def address_cleaner(limit: int, top_level_domains: frozenset[str]) -> Cleaner:
    """A plain SMTP address in a listed top-level domain, or a plain address of another kind."""
    endings = frozenset(name.removeprefix(".") for name in top_level_domains)
    smtp, plain = _SMTP.fullmatch, _PLAIN.fullmatch

    def clean(value: str, _tenant: TenantContext) -> bool:
        if len(value) > limit:
            return False
        match = smtp(value)
        if match is not None:
            return match[1].lower() in endings
        return " " not in value and plain(value) is not None

    return clean


def sign_in_cleaner(limit: int, top_level_domains: frozenset[str]) -> Cleaner:
    """A plain user principal name in a listed top-level domain."""
    endings = frozenset(name.removeprefix(".") for name in top_level_domains)
    fullmatch = _SIGN_IN.fullmatch

    def clean(value: str, _tenant: TenantContext) -> bool:
        match = fullmatch(value) if len(value) <= limit else None
        return match is not None and match[1].lower() in endings

    return clean
