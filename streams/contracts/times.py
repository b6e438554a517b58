"""Times as records spell them: RFC 3339, UTC, milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime


def rfc3339(ts_ms: int) -> str:
    """`ts_ms` (ms since the epoch) as RFC 3339 UTC: 2026-11-23T14:05:09.120Z."""
    return datetime.fromtimestamp(ts_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 time with any number of fractional digits.

    Raises ValueError if it is not one. Without an offset it is taken as UTC.
    """
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
