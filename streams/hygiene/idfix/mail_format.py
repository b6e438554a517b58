"""IdFix's mail-format rule, exactly. Source: idfix.md section 5.

Its known bugs are kept: the dot looked up may be in the local part; no internationalised domain passes
(letters a-z only, two to seventeen); an outdated list of top-level domains.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from streams.hygiene.faults import Breach, ErrorName
from streams.hygiene.text import WHITESPACE, utf16_position

_IN_LOCAL = r"a-z0-9!#$%&'*+/=?^_`{|}~-"
_LOCAL = rf"[{_IN_LOCAL}]+(?:\.[{_IN_LOCAL}]+)*@"
# $ lets one newline follow, as it does in .NET
_DOMAIN = r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+([a-z]{2,17})$"
_FLAGS = re.IGNORECASE | re.ASCII

LOCAL_PART = re.compile(_LOCAL, _FLAGS)
DOMAIN_PART = re.compile("@" + _DOMAIN, _FLAGS)
WHOLE = re.compile(_LOCAL + _DOMAIN, _FLAGS)
_NOT_IN_LOCAL = re.compile(rf"[^.{_IN_LOCAL}]", _FLAGS)
_NOT_IN_DOMAIN = re.compile(r"[^a-z0-9.-]", _FLAGS)
_SMTP = re.compile("smtp:", _FLAGS)
_TRIMMED = re.compile(rf"^[{WHITESPACE}]+|[{WHITESPACE}]+\Z")


def has_smtp(value: str) -> bool:
    """Whether `smtp:` stands anywhere in the value, in any case: IdFix's test for an SMTP address."""
    return _SMTP.search(value) is not None


def judge_mail_format(rule: str, top_level_domains: frozenset[str]) -> Callable[[str], Breach | None]:
    """The rule under an id, with the top-level domains it knows (lower case, with their dot)."""

    def check(value: str) -> Breach | None:
        prefix, address = _split(value)
        errors: list[ErrorName] = []
        at = len(value) - len(address)
        position: int | None = None

        dot = address.rfind(".")
        ending = address[dot:].lower() if dot >= 0 else ""
        if len(ending) > 1 and ending not in top_level_domains:
            errors.append(ErrorName.TOP_LEVEL_DOMAIN)
            position = at + dot

        repaired = address
        if DOMAIN_PART.search(repaired) is None:
            errors.append(ErrorName.DOMAIN_PART)
            position = at + _fault_in_domain(address) if position is None else position
            sign = repaired.rfind("@")
            if sign >= 0:
                repaired = repaired[: sign + 1] + _NOT_IN_DOMAIN.sub("", repaired[sign + 1 :])
        if LOCAL_PART.match(repaired) is None or repaired.count("@") > 1:
            errors.append(ErrorName.LOCAL_PART)
            position = at + _fault_in_local(address) if position is None else position
            sign = repaired.rfind("@")
            if sign >= 0:
                local = _NOT_IN_LOCAL.sub("", repaired[:sign])
                repaired = (local + repaired[sign:]).replace(".@", "@")
        if WHOLE.match(repaired) is None:
            errors.insert(0, ErrorName.FORMAT)
        if not errors:
            return None
        character = value[position] if position is not None and position < len(value) else None
        return Breach(
            rule,
            tuple(errors),
            value,
            prefix + repaired,
            character=character,
            position=None if character is None or position is None else utf16_position(value, position),
        )

    return check


def _split(value: str) -> tuple[str, str]:
    """The prefix up to the FIRST colon, trimmed, and the rest; no prefix unless `smtp:` is in the value."""
    if not has_smtp(value):
        return "", value
    prefix, _, address = value.partition(":")
    return _TRIMMED.sub("", prefix + ":"), address


def _fault_in_domain(address: str) -> int:
    sign = address.rfind("@")
    if sign < 0:
        return len(address)
    match = _NOT_IN_DOMAIN.search(address, sign + 1)
    return match.start() if match else sign


def _fault_in_local(address: str) -> int:
    sign = address.rfind("@")
    match = _NOT_IN_LOCAL.search(address, 0, sign if sign >= 0 else len(address))
    if match:
        return match.start()
    doubled = address.find("..")
    if address.startswith(".") or doubled < 0:
        return max(0, address.find(".@")) if not address.startswith(".") else 0
    return doubled
