"""Kinds of rule the profile `entra` repeats over attributes: length, characters, colon, local part, domain."""

from __future__ import annotations

import re
from collections.abc import Callable

from streams.hygiene.faults import Action, Breach, Effect, ErrorName
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import Claim, Rule, UniqueRule
from streams.hygiene.tenant import TenantContext
from streams.hygiene.text import ascii_letters_of, longer_than, utf16_cut, utf16_length, utf16_position

LOCAL_CHARACTERS = r"A-Za-z0-9!#$%&'*+/=?^_`{|}~-"
"""What an RFC 5322 local part holds between its dots."""

_OUTSIDE_LOCAL = re.compile(rf"[^.{LOCAL_CHARACTERS}]")


def length(rule: str, attribute: str, limit: int, source: str) -> Rule:
    """At most `limit` UTF-16 units; the repair cuts."""

    def check(value: str, _subject: DirectoryObject, _tenant: TenantContext) -> Breach | None:
        if not longer_than(value, limit):
            return None
        return Breach(
            rule, (ErrorName.LENGTH,), value, utf16_cut(value, limit).rstrip(),
            length=utf16_length(value), limit=limit, effect=Effect.REJECTS,
        )  # fmt: skip

    return Rule(rule, attribute, (ErrorName.LENGTH,), source, check)


def characters(
    rule: str, attribute: str, source: str, find: Callable[[str], int], repair: Callable[[str], str]
) -> Rule:
    """No forbidden character; `find` gives the index of the first or -1."""

    def check(value: str, _subject: DirectoryObject, _tenant: TenantContext) -> Breach | None:
        index = find(value)
        if index < 0:
            return None
        return Breach(
            rule, (ErrorName.CHARACTER,), value, repair(value) or None,
            character=value[index], position=utf16_position(value, index), effect=Effect.REJECTS,
        )  # fmt: skip

    return Rule(rule, attribute, (ErrorName.CHARACTER,), source, check)


def unique(
    rule: str,
    attribute: str,
    source: str,
    claim: Callable[[str], Claim],
    applies: Callable[[DirectoryObject], bool] | None = None,
) -> UniqueRule:
    """The stored value is held by this object alone. Every holder is at fault, whoever came first."""
    return UniqueRule(rule, attribute, source, claim, applies, lambda _value, _subject: Action.EDIT)


def smtp_format(rule: str, attribute: str, source: str, prefix_of: Callable[[str], int]) -> Rule:
    """An SMTP address is `dot-atom@domain`; the domain may be internationalised, and need not be routable.

    `prefix_of` gives the length of the type prefix, or -1 where the value is no SMTP address.
    Errors: Format (no single @), LocalPart, DomainPart.
    """
    errors = (ErrorName.FORMAT, ErrorName.LOCAL_PART, ErrorName.DOMAIN_PART)

    def check(value: str, _subject: DirectoryObject, tenant: TenantContext) -> Breach | None:
        start = prefix_of(value)
        if start < 0:
            return None
        address = value[start:]
        local, at, domain = address.rpartition("@")
        if not at or not local or not domain:
            return Breach(
                rule, (ErrorName.FORMAT,), value, None,
                position=utf16_length(value) if not at else utf16_position(value, start + len(local)),
                character=at or None, effect=Effect.REJECTS,
            )  # fmt: skip
        found: list[ErrorName] = []
        position: int | None = None
        repaired = repaired_local(local)
        if repaired != local:
            found.append(ErrorName.LOCAL_PART)
            position = start + first_local_fault(local)
        if not tenant.domain(domain).well_formed:
            found.append(ErrorName.DOMAIN_PART)
            position = start + len(local) + 1 if position is None else position
            domain = _repaired_or_same(domain, tenant)
        if position is None:
            return None
        whole = f"{value[:start]}{repaired}@{domain}" if repaired else None
        return Breach(
            rule, tuple(found), value, whole, character=value[position],
            position=utf16_position(value, position), effect=Effect.REJECTS,
        )  # fmt: skip

    return Rule(rule, attribute, errors, source, check)


def repaired_local(local: str) -> str:
    """The local part without foreign characters and without leading, trailing and doubled dots."""
    kept = _OUTSIDE_LOCAL.sub("", ascii_letters_of(local))
    return ".".join(part for part in kept.split(".") if part)


def first_local_fault(local: str) -> int:
    """Index of the first character that `repaired_local` would take out or change."""
    match = _OUTSIDE_LOCAL.search(local)
    if match is not None:
        return match.start()
    if local.startswith("."):
        return 0
    doubled = local.find("..")
    return doubled + 1 if doubled >= 0 else len(local) - 1


def _repaired_or_same(domain: str, tenant: TenantContext) -> str:
    from streams.hygiene.domains import repaired_domain

    repaired = repaired_domain(domain)
    return repaired if repaired and tenant.domain(repaired).well_formed else domain
