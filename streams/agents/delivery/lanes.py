"""Lanes: one per owned partition, each working off its records strictly in order, a batch at a time.

A Faust agent hands every record to the lane of its partition and goes on. That gives order within a
partition, parallel waiting across partitions, and large batches exactly when there is a backlog.

The commit rule is ours as well: a lane's position moves when its handler has returned, and only such
positions are committed. (Faust's own bookkeeping may commit past a skipped record: see DECISIONS.md.)
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from streams.agents.metrics import BATCH_SECONDS, LOST_RECORDS, PARTITIONS
from streams.contracts.topics import TOPICS
from streams.runtime.logs import get_logger

MAX_BATCH_BYTES = 1_000_000
MAX_BATCH_RECORDS = 2_000
_QUEUED_RECORDS = 500
_REWIND_PATIENCE_S = 5.0
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Record:
    """One Kafka record as the agents see it.

    generation: the consumer group's when it was fetched.
    arrived_ms: the broker's time when it was written down (ms); None where it is the writer's, which proves nothing.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    generation: int
    arrived_ms: int | None = None


class Handler(Protocol):
    """Works off records of one partition; whatever it must keep is lasting when it returns."""

    async def __call__(self, records: Sequence[Record]) -> None: ...


class Positions(Protocol):
    """What lanes ask about their topic, and of its consumer."""

    async def committed(self, topic: str, partitions: set[int]) -> Mapping[int, int]:
        """The committed offsets; partitions without one are left out."""

    async def first_available(self, topic: str, offsets: Mapping[int, int]) -> Mapping[int, int]:
        """The offset of the first record at or after each partition's offset; the end if there is none."""

    async def rewind(self, topic: str, partition: int, offset: int) -> None:
        """Make the consumer deliver from `offset` on (again)."""

    async def order_again(self, topic: str, partition: int, first: int, records: int) -> None:
        """Order the sources to emit again what stood in these records, which were deleted unread; lasting on return."""


class Lane:
    """The records of one partition, and how far they are worked off.

    start:     the first offset to work off.
    committed: the committed offset, None if there is none.
    """

    def __init__(self, topic: str, partition: int, handler: Handler, positions: Positions, start: int) -> None:
        self.expected = start
        self.next_offset = start
        self.committed: int | None = None
        self.busy_since: float | None = None
        self._topic = topic
        self._partition = partition
        self._handler = handler
        self._positions = positions
        self._rewound_at: float | None = None
        self._queue: deque[Record] = deque()
        self._arrived = asyncio.Event()
        self._space = asyncio.Event()
        self._stopping = False

    async def offer(self, record: Record) -> None:
        """Queue a record; waits while the queue is full.

        Only the record that is expected next is taken. One seen before is dropped. One too far ahead is
        taken where the log itself has the gap (compaction); otherwise records were lost on the way here,
        and the consumer is sent back to fetch them.
        """
        while len(self._queue) >= _QUEUED_RECORDS and not self._stopping:
            self._space.clear()
            await self._space.wait()
        if self._stopping or record.offset < self.expected:
            return
        if record.offset > self.expected:
            if self._rewound_at is not None and time.monotonic() - self._rewound_at < _REWIND_PATIENCE_S:
                return  # still the records from before the rewind
            available = await self._positions.first_available(self._topic, {self._partition: self.expected})
            if self._stopping:
                return
            await note_lost(self._positions, self._topic, self._partition, self.expected, available[self._partition])
            if self._stopping:
                return
            self.expected = available[self._partition]
            if record.offset != self.expected:
                await self.rewind(f"got {record.offset}")
                return
        self._rewound_at = None
        self.expected = record.offset + 1
        self._queue.append(record)
        self._arrived.set()

    async def rewind(self, why: str) -> None:
        """Have the consumer deliver again from the record that is expected next."""
        if self._stopping:
            return
        log.warning("rewound", why=why, topic=self._topic, partition=self._partition, offset=self.expected)
        self._rewound_at = time.monotonic()
        await self._positions.rewind(self._topic, self._partition, self.expected)

    @property
    def stopping(self) -> bool:
        """Whether the partition is being given back."""
        return self._stopping

    @property
    def queued(self) -> int:
        """Records waiting."""
        return len(self._queue)

    def stop(self) -> None:
        """Finish the batch in hand, then end `run`; what is queued stays unread and uncommitted."""
        self._stopping = True
        self._arrived.set()
        self._space.set()

    async def run(self) -> None:
        """Work until stopped. Raises what the handler raises."""
        while True:
            await self._arrived.wait()
            if self._stopping:
                return
            records = self._batch(self._queue.popleft())
            if not self._queue:
                self._arrived.clear()
            self._space.set()
            self.busy_since = time.monotonic()
            await self._handler(records)
            BATCH_SECONDS.labels(self._topic).observe(time.monotonic() - self.busy_since)
            self.busy_since = None
            self.next_offset = records[-1].offset + 1

    def _batch(self, first: Record) -> list[Record]:
        records, size = [first], len(first.value or b"")
        while size < MAX_BATCH_BYTES and len(records) < MAX_BATCH_RECORDS and self._queue:
            records.append(self._queue.popleft())
            size += len(records[-1].value or b"")
        return records


async def note_lost(positions: Positions, topic: str, partition: int, expected: int, available: int) -> None:
    """Count a range of the log that was deleted before it was read, and order it from its sources again.

    Nothing behind the gap is worked off until that is ordered: whoever dies in between finds the gap again. In a
    compacted topic a gap is no loss.
    """
    compacted = any(each.compacted for each in TOPICS if each.name == topic)
    if available > expected and not compacted:
        records = available - expected
        LOST_RECORDS.labels(topic).inc(records)
        log.error("lost_range", topic=topic, partition=partition, first=expected, records=records)
        await positions.order_again(topic, partition, expected, records)


class TopicLanes:
    """One topic's lanes on this worker: opened on assignment, closed on revocation.

    Every lane starts at its committed offset, whatever the consumer thinks.

    open_partitions: prepares the state of exactly these partitions (recovery) and returns their handlers.
    """

    def __init__(
        self,
        topic: str,
        open_partitions: Callable[[set[int]], Awaitable[Mapping[int, Handler]]],
        positions: Positions,
    ) -> None:
        self.topic = topic
        self._positions = positions
        self.lanes: dict[int, Lane] = {}
        self._open_partitions = open_partitions
        self._tasks: list[asyncio.Task[None]] = []
        self._opening: asyncio.Task[None] | None = None
        self._opened = asyncio.Event()
        self._generation = -1
        self._show()  # before the first assignment, too: a series that is missing can raise no alert

    def open(self, partitions: set[int], generation: int, on_failure: Callable[[BaseException], None]) -> None:
        """Start owning exactly `partitions`, in the background: recovery must not hold up the heartbeat.

        `on_failure` is told when recovery or a lane breaks; the lanes do not go on by themselves then.
        """

        async def opening() -> None:
            handlers = await self._open_partitions(partitions)
            committed = await self._positions.committed(self.topic, partitions)
            wanted = {partition: committed.get(partition, 0) for partition in partitions}
            starts = await self._positions.first_available(self.topic, wanted) if wanted else {}
            # Where nothing is committed everything is unread; Kafka forgets what a group that is away had committed
            # (offsets.retention.minutes, 7 days by default: Apache Kafka, "Broker configs").
            for partition, offset in wanted.items():
                await note_lost(self._positions, self.topic, partition, offset, starts[partition])
            self.lanes = {
                partition: Lane(self.topic, partition, handler, self._positions, starts[partition])
                for partition, handler in handlers.items()
            }
            for partition, lane in self.lanes.items():
                lane.committed = committed.get(partition)
                self._watch(lane.run(), on_failure)
            self._show()
            self._opened.set()

        self._generation = generation
        self._opening = self._watch(opening(), on_failure)

    def _watch(self, work: Awaitable[None], on_failure: Callable[[BaseException], None]) -> asyncio.Task[None]:
        async def guarded() -> None:
            try:
                await work
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001 - whatever it is, the worker must not go on
                on_failure(error)

        task = asyncio.create_task(guarded())
        self._tasks.append(task)
        return task

    async def close(self, within_s: float) -> bool:
        """Finish the batches in hand; False if one took longer than `within_s` seconds and was cut off."""
        self._opened.clear()
        if self._opening is not None and not self._opening.done():
            self._opening.cancel()
        for lane in self.lanes.values():
            lane.stop()
        tasks, self._tasks, self._opening = self._tasks, [], None
        late: set[asyncio.Task[None]] = set()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within_s)
        for task in late:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        return not late

    def forget(self) -> None:
        """Drop the closed lanes, after their positions were committed."""
        self.lanes = {}
        self._show()

    def _show(self) -> None:
        PARTITIONS.labels(self.topic).set(len(self.lanes))

    async def offer(self, record: Record) -> None:
        """Give a record to its lane.

        Dropped, to be read again, where the partition is not ours now or the record was fetched before
        the latest rebalance: worked off out of turn it would move the position past unread ones.
        """
        await self._opened.wait()
        lane = self.lanes.get(record.partition)
        if lane is not None and record.generation == self._generation:
            await lane.offer(record)

    @property
    def ready(self) -> bool:
        """Whether the lanes of the current assignment are open."""
        return self._opened.is_set()

    def uncommitted(self) -> dict[int, int]:
        """Partition -> position that is worked off and not committed yet."""
        return {
            partition: lane.next_offset for partition, lane in self.lanes.items() if lane.next_offset != lane.committed
        }

    def committed(self, positions: Mapping[int, int]) -> None:
        """Remember what the broker took."""
        for partition, position in positions.items():
            if partition in self.lanes:
                self.lanes[partition].committed = position
