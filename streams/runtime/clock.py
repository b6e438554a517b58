"""Time at the edges. Rules never read it: they are handed `now`."""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """Milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


def rfc3339(ts_ms: int) -> str:
    """`ts_ms` as RFC 3339 UTC with milliseconds: 2026-11-23T14:05:09.120Z."""
    return datetime.fromtimestamp(ts_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_rfc3339(text: str) -> int:
    """Milliseconds since the epoch of an RFC 3339 time with any number of fractional digits.

    Raises ValueError if it is not one. Without an offset it is taken as UTC.
    """
    moment = datetime.fromisoformat(text)
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


class Sequence:
    """A hybrid clock: strictly increasing, never behind the wall clock by more than the burst it gave out.

    `last`: the highest number handed out before a restart, from the checkpoint.
    """

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def next(self) -> int:
        """The next sequence number: milliseconds shifted by 12 bits, or one above the last."""
        self.last = max(self.last + 1, now_ms() << 12)
        return self.last
