"""The kinds of rule IdFix has: length, characters, colon, blank, mail format. Each makes judges.

Source: idfix.md sections 3 to 5.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from streams.hygiene.faults import Breach, ErrorName
from streams.hygiene.idfix.mail_format import judge_mail_format
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import Rule
from streams.hygiene.tenant import TenantContext
from streams.hygiene.text import longer_than, utf16_cut, utf16_length, utf16_position

_SECTION_7 = "idfix.md section 7"
_SECTION_8 = "idfix.md section 8"


def source_of(rule: str) -> str:
    """The section that lists a rule of this id."""
    return _SECTION_8 if rule.startswith("D-") else _SECTION_7


def length(rule: str, attribute: str, limit_of: int | Callable[[DirectoryObject], int]) -> Rule:
    """More UTF-16 units than the limit; the repair cuts."""

    def check(value: str, subject: DirectoryObject, _tenant: TenantContext) -> Breach | None:
        limit = limit_of if isinstance(limit_of, int) else limit_of(subject)
        if not longer_than(value, limit):
            return None
        return Breach(
            rule,
            (ErrorName.LENGTH,),
            value,
            utf16_cut(value, limit),
            length=utf16_length(value),
            limit=limit,
        )

    return Rule(rule, attribute, (ErrorName.LENGTH,), source_of(rule), check)


def characters(rule: str, attribute: str, forbidden: re.Pattern[str]) -> Rule:
    """A match of the forbidden set; the repair deletes every match, and is cn if nothing is left."""

    def check(value: str, subject: DirectoryObject, _tenant: TenantContext) -> Breach | None:
        match = forbidden.search(value)
        if match is None:
            return None
        return Breach(
            rule,
            (ErrorName.CHARACTER,),
            value,
            forbidden.sub("", value) or subject.common_name,
            character=match[0][0],
            position=utf16_position(value, match.start()),
        )

    return Rule(rule, attribute, (ErrorName.CHARACTER,), source_of(rule), check)


def colon(rule: str, attribute: str) -> Rule:
    """A colon that is not the first character, and another after it; the repair deletes the later ones."""

    def check(value: str, _subject: DirectoryObject, _tenant: TenantContext) -> Breach | None:
        first = value.find(":")
        second = value.find(":", first + 1) if first > 0 else -1
        if second < 0:
            return None
        return Breach(
            rule,
            (ErrorName.CHARACTER,),
            value,
            value[: first + 1] + value[first + 1 :].replace(":", ""),
            character=":",
            position=utf16_position(value, second),
        )

    return Rule(rule, attribute, (ErrorName.CHARACTER,), source_of(rule), check)


def blank(
    rule: str,
    attribute: str,
    applies: Callable[[DirectoryObject], bool],
    proposal: Callable[[DirectoryObject], str | None],
) -> Rule:
    """Absent or empty; a space is not blank."""

    def check(value: str, subject: DirectoryObject, _tenant: TenantContext) -> Breach | None:
        if value or not applies(subject):
            return None
        return Breach(rule, (ErrorName.BLANK,), value, proposal(subject))

    return Rule(rule, attribute, (ErrorName.BLANK,), source_of(rule), check)


def mail_format(rule: str, attribute: str, top_level_domains: frozenset[str]) -> Rule:
    """Section 5."""
    check_value = judge_mail_format(rule, top_level_domains)

    def check(value: str, _subject: DirectoryObject, _tenant: TenantContext) -> Breach | None:
        return check_value(value)

    errors = (
        ErrorName.FORMAT,
        ErrorName.TOP_LEVEL_DOMAIN,
        ErrorName.DOMAIN_PART,
        ErrorName.LOCAL_PART,
    )
    return Rule(rule, attribute, errors, "idfix.md section 5", check)
