"""The watchdog: a worker that owns partitions with something to read, and reads nothing, is dead.

Faust agents have been seen to stop without an error after broker outages (faust-streaming issues 175,
523). Dead workers are restarted; sleeping ones are not. So sleep is turned into death here.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.agents.lanes import Lane, Stage
from streams.agents.metrics import LAG
from streams.contracts.errors import FatalError


@dataclass(slots=True)
class _Seen:
    lane: Lane
    position: int | None
    since: float


class Watchdog:
    """Compares positions with the ends of the topics. `stuck_s`: patience with a partition, seconds."""

    def __init__(self, reader: AIOKafkaConsumer, stuck_s: float) -> None:
        self._reader = reader
        self._stuck_s = stuck_s
        self._seen: dict[tuple[str, int], _Seen] = {}

    async def look(self, stages: Mapping[str, Stage]) -> None:
        """Set the lag gauges. Raises FatalError when a partition has lag and has not moved for too long."""
        lanes = {
            (topic, partition): lane
            for topic, stage in stages.items()
            for partition, lane in stage.lanes.items()
            if stage.ready
        }
        ends = await self._reader.end_offsets([TopicPartition(*name) for name in lanes]) if lanes else {}
        now = time.monotonic()
        lag: dict[str, int] = dict.fromkeys(stages, 0)
        self._seen = {name: seen for name, seen in self._seen.items() if lanes.get(name) is seen.lane}
        for name, lane in lanes.items():
            behind = max(0, ends[TopicPartition(*name)] - (lane.next_offset or 0))
            if lane.next_offset is not None:
                lag[name[0]] += behind
            seen = self._seen.setdefault(name, _Seen(lane, lane.next_offset, now))
            waiting = lane.queued or lane.busy_since is not None or (lane.next_offset is not None and behind)
            if seen.position != lane.next_offset or not waiting:
                seen.position, seen.since = lane.next_offset, now
            elif now - seen.since > self._stuck_s:
                raise FatalError(
                    f"{name[0]}/{name[1]} has not moved for {now - seen.since:.0f} s with {behind} records to read: "
                    "this worker stops to be started afresh"
                )
        for topic, records in lag.items():
            LAG.labels(topic).set(records)
