"""The watchdog: a worker that owns partitions with something to read, and reads nothing, is dead.

Faust agents have been seen to stop without an error after broker outages (faust-streaming issues 175,
523). Dead workers are restarted; sleeping ones are not. So sleep is turned into death here.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from streams.agents.delivery.lanes import Lane, TopicLanes
from streams.agents.metrics import LAG
from streams.agents.topic_reader import listed_ends
from streams.contracts.errors import FatalError
from streams.runtime.backoff import pause_s


@dataclass(slots=True)
class _Seen:
    lane: Lane
    position: int
    expected: int
    since: float
    rewinds: int = 0


class Watchdog:
    """Compares positions with the ends of the topics.

    reader:    of streams.agents.topic_reader, to ask for the ends.
    highwater: see Delivery.
    stuck_s:   patience with a partition that does not move, seconds.
    rewind_s:  how long one may get no records before the consumer is sent back, seconds.
    """

    def __init__(
        self,
        reader: Any,
        highwater: Callable[[str, int], int | None],
        stuck_s: float,
        rewind_s: float = 3.0,
    ) -> None:
        self._reader = reader
        self._highwater = highwater
        self._stuck_s = stuck_s
        self._rewind_s = rewind_s
        self._seen: dict[tuple[str, int], _Seen] = {}
        self._moved: dict[str, float] = {}

    async def look(self, topics: Mapping[str, TopicLanes]) -> None:
        """Set the lag gauges; send the consumer back where it lost records at the end of a partition.

        Raises FatalError when a partition has lag and has not moved for too long.
        """
        lanes = {
            (topic, partition): lane
            for topic, owned in topics.items()
            for partition, lane in owned.lanes.items()
            if owned.ready
        }
        ends = await listed_ends(self._reader, lanes)
        lanes = {name: lane for name, lane in lanes.items() if not lane.stopping}  # revoked while we asked
        now = time.monotonic()
        lag: dict[str, int] = dict.fromkeys(topics, 0)
        self._seen = {name: seen for name, seen in self._seen.items() if lanes.get(name) is seen.lane}
        resting: list[tuple[tuple[str, int], int]] = []
        for name, lane in lanes.items():
            end = max(ends[name], self._highwater(*name) or 0)
            behind = max(0, end - lane.next_offset)
            lag[name[0]] += behind
            seen = self._seen.get(name)
            if seen is None or seen.position != lane.next_offset or not behind:
                if seen is None or seen.position != lane.next_offset:
                    self._moved[name[0]] = now
                self._seen[name] = _Seen(lane, lane.next_offset, lane.expected, now)
            else:
                resting.append((name, behind))
        for name, behind in resting:
            if not lanes[name].stopping:
                await self._wake(name, behind, now)
        for topic, records in lag.items():
            LAG.labels(topic).set(records)

    async def _wake(self, name: tuple[str, int], behind: int, now: float) -> None:
        """Deal with a partition that has records to read and did not move since the last look.

        While others of its topic move it merely waits for its turn, within reason.
        """
        seen = self._seen[name]
        alone_s, all_s = now - seen.since, now - max(seen.since, self._moved.get(name[0], 0.0))
        if all_s > self._stuck_s or alone_s > 10 * self._stuck_s:
            raise FatalError(
                f"{name[0]}/{name[1]} has not moved for {alone_s:.0f} s with {behind} records to read: "
                "this worker stops to be started afresh"
            )
        lane = seen.lane
        idle = seen.expected == lane.expected and not lane.queued and lane.busy_since is None
        seen.expected = lane.expected
        # Ever rarer: a rewind throws away what is being fetched, and a starved machine is merely slow.
        patience_s = pause_s(seen.rewinds + 1, first_s=self._rewind_s, longest_s=self._stuck_s)
        if idle and (all_s > patience_s or alone_s > 10 * patience_s):
            seen.rewinds += 1
            await lane.rewind("got nothing")
