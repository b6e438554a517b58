"""Activity logs: directory audits, provisioning and sign-ins, with their lateness and retention.

Rows are appended by whoever acts in the lab (sync engine, stories). A row may become visible
later than it happened, as the real logs do, and rows older than the retention are dropped.
"""

from __future__ import annotations

import uuid
from bisect import bisect_left, insort
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import orjson

from deploy.lab.entra.graph_time import DAY_MS, Clock, precise_time, ticks

LogName = Literal["directoryAudits", "provisioning", "signIns"]
TIME_PROPERTY: Final[Mapping[LogName, str]] = {
    "directoryAudits": "activityDateTime",
    "provisioning": "activityDateTime",
    "signIns": "createdDateTime",
}


@dataclass(frozen=True, slots=True, order=True)
class Row:
    """One row, ordered by when it happened (100 ns steps), then by arrival."""

    at: int
    serial: int
    visible_ms: int
    blob: bytes

    def item(self) -> dict[str, Any]:
        """Return the row as Graph shows it."""
        decoded: dict[str, Any] = orjson.loads(self.blob)
        return decoded


class ActivityLog:
    """One of the three logs of a tenant."""

    def __init__(self, name: LogName, clock: Clock, *, retention_days: int = 30) -> None:
        self.name = name
        self._clock = clock
        self._retention = retention_days * DAY_MS * 10_000
        self._rows: list[Row] = []
        self._serial = 0

    def append(self, row: Mapping[str, Any], *, delay_s: float = 0.0) -> str:
        """Add a row and return its id; the id and the time are filled in where absent.

        `delay_s` (lab time) keeps the row out of answers for that long after it happened.
        """
        now, time_property = self._clock(), TIME_PROPERTY[self.name]
        item = {time_property: precise_time(now), **row}
        self._serial += 1
        prefix = "Directory_" if self.name == "directoryAudits" else ""
        suffix = f"_LAB00_{self._serial}" if prefix else ""
        item.setdefault("id", f"{prefix}{uuid.uuid4()}{suffix}")
        at = ticks(item[time_property])
        blob = bytes(memoryview(orjson.dumps(item)))  # without the spare room of orjson's buffer
        insort(self._rows, Row(at, self._serial, now + int(delay_s * 1000), blob))
        self._prune(now)
        return str(item["id"])

    def newest_first(self, before: tuple[int, int] | None = None) -> Iterator[Row]:
        """Yield the visible rows, newest first, from just before a row's (at, serial)."""
        now = self._clock()
        end = len(self._rows) if before is None else bisect_left(self._rows, before, key=_order)
        for place in range(end - 1, -1, -1):
            if self._rows[place].visible_ms <= now:
                yield self._rows[place]

    def oldest_first(self, after: tuple[int, int] | None = None) -> Iterator[Row]:
        """Yield the visible rows, oldest first, from just after a row's (at, serial)."""
        now = self._clock()
        start = 0 if after is None else bisect_left(self._rows, (after[0], after[1] + 1), key=_order)
        for place in range(start, len(self._rows)):
            if self._rows[place].visible_ms <= now:
                yield self._rows[place]

    def _prune(self, now: int) -> None:
        oldest = now * 10_000 - self._retention
        if self._rows[0].at < oldest:
            del self._rows[: bisect_left(self._rows, (oldest, 0), key=_order)]


def _order(row: Row) -> tuple[int, int]:
    return row.at, row.serial
