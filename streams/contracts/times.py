"""Times as records spell them: RFC 3339, UTC, milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime

_FIRST_MS, _LAST_MS = -62_135_596_800_000, 253_402_300_799_999  # of the years 1 and 9999


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
