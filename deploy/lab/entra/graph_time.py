"""Times as Microsoft Graph writes them, and the lab clock they come from."""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Callable
from typing import Final

Clock = Callable[[], int]
"""Milliseconds since the epoch. The lab passes its own clock, which may run faster than ours."""

DAY_MS: Final = 86_400_000
_PATTERN = re.compile(r"(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2})?)(?:\.(\d{1,9}))?(Z|[+-]\d{2}:\d{2}))?$")


def wall_clock() -> int:
    """Milliseconds since the epoch by this machine's clock."""
    return time.time_ns() // 1_000_000


def graph_time(ms: int) -> str:
    """Directory times carry whole seconds: `2026-03-02T09:31:07Z`."""
    return dt.datetime.fromtimestamp(ms // 1000, dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def precise_time(ms: int) -> str:
    """Audit and provisioning-error times carry seven fractional digits."""
    moment = dt.datetime.fromtimestamp(ms // 1000, dt.UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}0000Z"


def ticks(text: str) -> int:
    """Parse a Graph time to 100 ns steps since the epoch, so that any two can be compared.

    Raises:
        ValueError: `text` is not a date or an RFC 3339 time with an offset.
    """
    match = _PATTERN.match(text)
    if match is None:
        raise ValueError(f"not a time: {text!r}")
    date, clock, fraction, zone = match.groups()
    offset = "+00:00" if zone in (None, "Z") else zone
    moment = dt.datetime.fromisoformat(f"{date}T{clock or '00:00'}{offset}")
    epoch = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    whole = (moment - epoch) // dt.timedelta(seconds=1)
    return whole * 10_000_000 + int((fraction or "0").ljust(7, "0")[:7])
