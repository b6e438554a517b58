"""Times as records spell them: RFC 3339, UTC, milliseconds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # of the years 1 and 9999
FILETIME_EPOCH_MS = 11_644_473_600_000
"""From 1601, where a FILETIME begins, to 1970 (ms)."""


def rfc3339(ts_ms: int) -> str:
    """`ts_ms` (ms since the epoch) as RFC 3339 UTC: 2026-11-23T14:05:09.120Z.

    Total: records may hold any number; what no calendar has is the first or the last time that it has.
    """
    moment = datetime.fromtimestamp(min(max(ts_ms, _FIRST_MS), _LAST_MS) / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 time with any number of fractional digits.

    Raises ValueError if it is not one. Without an offset it is taken as UTC.
    """
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def time_in(record: Mapping[str, Any], name: str, otherwise_ms: int) -> int:
    """The RFC 3339 time a record carries under `name`, in ms; `otherwise_ms` if there is none."""
    value = record.get(name)
    try:
        return parse_rfc3339(value) if isinstance(value, str) else otherwise_ms
    except ValueError:
        return otherwise_ms


def age(seconds: float) -> str:
    """A duration in its largest telling unit: 41 s, 12 min, 35 h, 6 d."""
    whole = max(0, int(seconds))
    for unit, size, from_s in (("d", 86400, 2 * 86400), ("h", 3600, 2 * 3600), ("min", 60, 2 * 60)):
        if whole >= from_s:
            return f"{whole // size} {unit}"
    return f"{whole} s"


def filetime_ms(value: object) -> int | None:
    """A FILETIME (pwdLastSet) in ms since the epoch; None where it is unset or 0."""
    if not isinstance(value, int) or value <= 0:
        return None
    return value // 10_000 - FILETIME_EPOCH_MS
