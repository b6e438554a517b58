"""Time at the edges. Rules never read it: they are handed `now`."""

from __future__ import annotations

import time

from streams.contracts.times import parse_rfc3339, rfc3339

__all__ = ["CLOCK_SKEW_MS", "HybridClock", "now_ms", "parse_rfc3339", "rfc3339"]

CLOCK_SKEW_MS = 300_000
"""Kerberos allows as much. Source: Microsoft, "Maximum tolerance for computer clock synchronization" (5 minutes)."""


def now_ms() -> int:
    """Milliseconds since the epoch, UTC."""
    return time.time_ns() // 1_000_000


class HybridClock:
    """A hybrid clock: strictly increasing, never behind the wall clock by more than the burst it gave out.

    `last`: the highest number handed out before a restart, from the checkpoint.
    """

    def __init__(self, last: int = 0) -> None:
        self.last = last

    def next(self, at_ms: int | None = None) -> int:
        """The next sequence number: milliseconds (`at_ms`, else now) shifted by 12 bits, or one above the last."""
        self.last = max(self.last + 1, (now_ms() if at_ms is None else at_ms) << 12)
        return self.last
