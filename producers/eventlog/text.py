"""Reading what an event's text names. Pure, and total: any text gives something or nothing, never an error.

Texts are written for people and differ between versions; so each value is looked for by the words around it, in any
case, with or without spaces, and a text that has changed costs one detail, not the event.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from streams.runtime.redaction import redacted

LONGEST_REASON = 1000
_LONGEST_TEXT = 64_000
_LONGEST_DETAIL = 1000

GUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
ANCHOR = r"[A-Za-z0-9+/]{4,}={0,2}"
_ENGINE_HRESULT = re.compile(r"\bhr[ \t]{0,5}=[ \t]{0,5}(?:0x)?([0-9a-f]{8})\b", re.IGNORECASE)
_HRESULT = re.compile(r"\b0x([89a-f][0-9a-f]{7})\b", re.IGNORECASE)
_SOURCE_ANCHOR = re.compile(rf"\bsource ?anchor(?:value)?[ \t]{{0,5}}[:=][ \t]{{0,5}}({ANCHOR})", re.IGNORECASE)


def clean(message: str) -> str:
    """The text with plain line ends, without what may be a secret, and not endless."""
    plain = message[:_LONGEST_TEXT].replace("\r\n", "\n").replace("\r", "\n")
    return redacted(plain).strip()


def reason_of(text: str | None) -> str | None:
    """The beginning of a text; None for an empty one."""
    return text[:LONGEST_REASON] if text else None


def first(pattern: re.Pattern[str], text: str) -> str | None:
    """The first group that `pattern` finds in `text`, trimmed; None for nothing or nothing but spaces."""
    found = pattern.search(text)
    if found is None:
        return None
    value = next((group for group in found.groups() if group is not None), "")
    return value.strip().rstrip(".") or None


def hresult(text: str) -> str | None:
    """The error the synchronization engine returned, "0x8023…", or any other HRESULT that the text names."""
    code = first(_ENGINE_HRESULT, text) or first(_HRESULT, text)
    return f"0x{code.lower()}" if code else None


def source_anchor(text: str) -> str | None:
    """The source anchor (immutableId) that the text names."""
    return first(_SOURCE_ANCHOR, text)


def present(details: Mapping[str, Any]) -> dict[str, Any]:
    """The details that there are; long ones are cut."""
    return {
        name: value[:_LONGEST_DETAIL] if isinstance(value, str) else value
        for name, value in details.items()
        if value is not None
    }
