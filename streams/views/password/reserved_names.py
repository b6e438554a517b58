"""Names of organisational units that password writeback cannot pass on: with a reserved character in them.

Source: Microsoft, "Troubleshoot self-service password reset writeback", section "Organizational unit characters
reserved from password writeback": event 33001.
"""

from __future__ import annotations

import re

_RESERVED = {**{each: each for each in ',+"\\<>;=/'}, "\n": "line feed", "\r": "carriage return"}
_ESCAPED = re.compile(r"\\([0-9a-f]{2}|.)", re.IGNORECASE | re.DOTALL)
_PARTS = re.compile(r"(?:[^\\,]|\\.)+", re.DOTALL)


def reserved_in_path(distinguished_name: str) -> tuple[str, str] | None:
    """The organisational unit nearest to the object whose name has a reserved character, and the character."""
    for part in _PARTS.findall(distinguished_name)[1:]:
        kind, _, raw = part.partition("=")
        character = _reserved_in(_ESCAPED.sub(_plain, raw)) if kind.strip().upper() == "OU" else None
        if character is not None:
            return part.lstrip(), character
    return None


def _reserved_in(name: str) -> str | None:
    if name[:1] == " ":
        return "leading space"
    if name[:1] == "#":
        return "leading #"
    if name[-1:] == " ":
        return "trailing space"
    return next((text for character, text in _RESERVED.items() if character in name), None)


def _plain(found: re.Match[str]) -> str:
    return chr(int(found[1], 16)) if len(found[1]) == 2 else found[1]
