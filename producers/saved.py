"""Reading back what stands in checkpoints, which is data of a stranger: of whoever may write to their topic.

What cannot be read, or lies in the future, counts as not saved: the source then reads more than it had to, once.
"""

from __future__ import annotations

import re

from streams.runtime.clock import now_ms

_SKEW_MS = 3600 * 1000
"""How far a clock may have been set back since the position was saved."""
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def past_ms(value: object) -> int:
    """A saved time in ms; 0, as if it had never been, for one that has not come yet, and for what is no time."""
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return value if 0 <= value <= now_ms() + _SKEW_MS else 0


def guids_of(value: object) -> list[str]:
    """The GUIDs of a saved list."""
    listed = value if isinstance(value, list) else []
    return [each for each in listed if isinstance(each, str) and _GUID.fullmatch(each)]


def texts_of(value: object) -> dict[str, str]:
    """The entries of a saved table that are GUID -> text."""
    items = value.items() if isinstance(value, dict) else ()
    return {key: each for key, each in items if _GUID.fullmatch(key) and isinstance(each, str)}
