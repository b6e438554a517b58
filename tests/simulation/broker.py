"""Kafka as far as the pipeline can tell: ordered partitions, offsets, a group's commits, compaction and retention.

And the clients that the pipeline brings along, with the same methods and errors.
"""

from __future__ import annotations

import asyncio
import contextlib
import zlib
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, NamedTuple

from aiokafka import TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from streams.contracts.topics import TOPICS
from tests.simulation.virtual_time import VirtualLoop

PARTITIONS = 3
NUMBER = {topic.name: topic.partitions or PARTITIONS for topic in TOPICS}
COMPACTED = {topic.name for topic in TOPICS if topic.compacted}
_COMPACTION_LAG_MS = 60_000


class Stored(NamedTuple):
    """A record in a log. timestamp: the broker's (ms)."""

    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: int


class Log:
    """One partition."""

    def __init__(self) -> None:
        self.records: list[Stored] = []
        self.start = 0
        self.end = 0

    def at(self, offset: int, most: int) -> list[Stored]:
        """The records from `offset` on. Raises IndexError outside the log."""
        if not self.start <= offset <= self.end:
            raise IndexError(offset)
        low, high = 0, len(self.records)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if self.records[middle].offset < offset else (low, middle)
        return self.records[low : low + most]


class Broker:
    """All topics, and what the workers' group committed. `story`: told of every record."""

    def __init__(self, loop: VirtualLoop, story: Callable[[str], None]) -> None:
        self.loop = loop
        self.logs = {(topic, number): Log() for topic, many in NUMBER.items() for number in range(many)}
        self.committed: dict[tuple[str, int], int] = {}
        self._story = story
        self._waiting: list[asyncio.Future[None]] = []

    def append(self, topic: str, partition: int, key: bytes | None, value: bytes | None) -> int:
        """Write down a record; return its offset."""
        log = self.logs[topic, partition]
        offset = log.end
        log.records.append(Stored(offset, key, value, self.loop.true_ms))
        log.end += 1
        self._story(f"{topic}/{partition}@{offset} {zlib.crc32(value or b''):08x}")
        self.stir()
        return offset

    def stir(self) -> None:
        """Have everybody who waits for records look again."""
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if not each.done():
                each.set_result(None)

    async def news(self) -> None:
        """Wait for the next record, anywhere."""
        waits: asyncio.Future[None] = self.loop.create_future()
        self._waiting.append(waits)
        await waits

    def compact(self, topic: str, partition: int) -> int:
        """Drop what was overwritten more than a minute ago; return how many records went."""
        log = self.logs[topic, partition]
        newest = {record.key: record.offset for record in log.records}
        old_ms = self.loop.true_ms - _COMPACTION_LAG_MS
        kept = [each for each in log.records if newest[each.key] == each.offset or each.timestamp > old_ms]
        gone, log.records = len(log.records) - len(kept), kept
        return gone

    def cut(self, topic: str, partition: int, before: int) -> list[Stored]:
        """Retention: everything before this offset goes; returned is what went."""
        log = self.logs[topic, partition]
        gone = [each for each in log.records if each.offset < before]
        log.records, log.start = log.records[len(gone) :], max(log.start, before)
        return gone

    def newest(self, topic: str) -> dict[bytes | None, Stored]:
        """The last record of each key, as a reader of a compacted topic ends up with."""
        return {each.key: each for (name, _), log in self.logs.items() if name == topic for each in log.records}

    def unread(self, topics: set[str]) -> dict[tuple[str, int], list[Stored]]:
        """What the group has still to work off."""
        found = {}
        for name, log in self.logs.items():
            if name[0] in topics and (rest := log.at(max(log.start, self.committed.get(name, 0)), log.end)):
                found[name] = rest
        return found

    def lost(self, topics: set[str]) -> int:
        """How many records retention took before the group had committed behind them."""
        begun = [(name, offset) for name, offset in self.committed.items() if name[0] in topics]
        return sum(max(0, self.logs[name].start - offset) for name, offset in begun)


class Connection:
    """One process' way to the broker: every step takes a moment, and may be the last.

    step: called at every step; raises when the process is dead. awake: unset while the process is stopped.
    """

    def __init__(
        self, broker: Broker, step: Callable[[str], None], delay: Callable[[], float], awake: asyncio.Event
    ) -> None:
        self.broker = broker
        self.step = step
        self._delay = delay
        self._awake = awake

    async def travel(self) -> None:
        """The way there."""
        await asyncio.sleep(self._delay())

    @property
    def is_heard(self) -> bool:
        """Whether an answer would be heard at once."""
        return self._awake.is_set()

    async def heard(self) -> None:
        """The answer has been heard: a process that is stopped hears it later.

        What it had sent arrives meanwhile. A stop between the look at the lease and the sending is not played: nothing
        fences what then arrives too late (DECISIONS.md, G6).
        """
        await self._awake.wait()


class Producer:
    """aiokafka's, idempotent: what is sent arrives in order or not at all."""

    def __init__(self, way: Connection) -> None:
        self._way = way
        self._sent: list[tuple[str, int, list[tuple[bytes | None, bytes | None]], asyncio.Future[Any]]] = []
        self._unheard: list[tuple[asyncio.Future[Any], int]] = []
        self._arrives: asyncio.Task[None] | None = None
        self._hears: asyncio.Task[None] | None = None

    async def partitions_for(self, topic: str) -> set[int]:
        return set(range(NUMBER[topic]))

    async def send(self, topic: str, value: bytes | None, *, key: bytes | None, partition: int) -> asyncio.Future[Any]:
        self._way.step("send")
        return self._later(topic, partition, [(key, value)])

    async def send_and_wait(self, topic: str, value: bytes, *, key: bytes, partition: int) -> Any:
        return await (await self.send(topic, value, key=key, partition=partition))

    def create_batch(self) -> _Batch:
        return _Batch()

    async def send_batch(self, batch: _Batch, topic: str, *, partition: int) -> asyncio.Future[Any]:
        self._way.step("send")
        return self._later(
            topic, partition, [(key, bytes(value) if value is not None else None) for key, value in batch.rows]
        )

    def _later(self, topic: str, partition: int, rows: list[tuple[bytes | None, bytes | None]]) -> asyncio.Future[Any]:
        done: asyncio.Future[Any] = self._way.broker.loop.create_future()
        self._sent.append((topic, partition, rows, done))
        if self._arrives is None or self._arrives.done():
            self._arrives = asyncio.create_task(self._arriving())
        return done

    async def _arriving(self) -> None:
        await self._way.travel()
        while self._sent:
            self._way.step("arrive")
            topic, partition, rows, done = self._sent.pop(0)
            offsets = [self._way.broker.append(topic, partition, key, value) for key, value in rows]
            self._unheard.append((done, offsets[0]))
            if self._way.is_heard:
                self._acknowledge()
            elif self._hears is None or self._hears.done():
                self._hears = asyncio.create_task(self._hearing())

    async def _hearing(self) -> None:
        """Apart from what arrives: else the rest of what was sent would arrive when the process goes on."""
        await self._way.heard()
        self._acknowledge()

    def _acknowledge(self) -> None:
        while self._unheard:
            self._way.step("acknowledge")
            done, offset = self._unheard.pop(0)
            if not done.done():
                done.set_result(_Answer(offset))

    async def flush(self) -> None:
        if self._arrives is not None:
            await asyncio.wait([self._arrives])
        if self._hears is not None:
            await asyncio.wait([self._hears])

    async def stop(self) -> None:
        await self.flush()


class _Answer(NamedTuple):
    offset: int


class _Batch:
    """A batch that is full after 50 rows, so that several are needed."""

    def __init__(self) -> None:
        self.rows: list[tuple[bytes, bytes | None]] = []

    def append(self, *, key: bytes, value: bytes | None, timestamp: None) -> object:
        if len(self.rows) == 50:
            return None
        self.rows.append((key, value))
        return True

    def close(self) -> None:
        pass


class _Read(NamedTuple):
    """What a consumer hands out."""

    offset: int
    key: bytes | None
    value: bytes | None


class Reader:
    """aiokafka's consumer without a group."""

    def __init__(self, way: Connection) -> None:
        self._way = way
        self._at: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._at = dict.fromkeys(partitions, 0)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._at[partition] = offset

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        for each in partitions:
            self._at[each] = self._way.broker.logs[each.topic, each.partition].start

    def pause(self, *partitions: TopicPartition) -> None:
        pass

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[_Read]]:
        self._way.step("read")
        await self._way.travel()
        await self._way.heard()
        self._way.step("read")
        found = {}
        for each in partitions:
            log = self._way.broker.logs[each.topic, each.partition]
            try:
                records = log.at(self._at[each], 40)
            except IndexError:
                if found:
                    return found  # as aiokafka's: first what there is, the error with the next call
                raise OffsetOutOfRangeError({each: self._at[each]}) from None
            self._ends[each] = log.end
            if records:
                found[each] = [_Read(record.offset, record.key, record.value) for record in records]
                self._at[each] = records[-1].offset + 1
            else:
                self._at[each] = log.end  # the rest was compacted away
        return found

    def highwater(self, partition: TopicPartition) -> int | None:
        return self._ends.get(partition)

    async def position(self, partition: TopicPartition) -> int:
        return self._at[partition]

    async def end_offsets(self, partitions: list[TopicPartition]) -> Mapping[TopicPartition, int]:
        self._way.step("read")
        await self._way.travel()
        return {each: self._way.broker.logs[each.topic, each.partition].end for each in partitions}


def reading(way_of: Callable[[], Connection]) -> Callable[..., Any]:
    """What stands for streams.agents.topic_reader.new_reader."""

    @contextlib.asynccontextmanager
    async def new_reader(_kafka: object, **_: object) -> AsyncIterator[Reader]:
        yield Reader(way_of())

    return new_reader


class PlainProducer:
    """kafka-python's, for the publisher: a record is on its way until `flush`."""

    def __init__(self, broker: Broker, step: Callable[[str], None]) -> None:
        self._broker, self._step = broker, step
        self._sent: dict[tuple[str, int], list[tuple[bytes | None, bytes | None]]] = defaultdict(list)

    def partitions_for(self, topic: str) -> set[int]:
        return set(range(NUMBER[topic]))

    def send(
        self, topic: str, value: bytes | None, *, key: bytes | None, partition: int | None, headers: object = ()
    ) -> _Sent:
        self._step("publish")
        number = partition if partition is not None else zlib.crc32(key or b"") % NUMBER[topic]
        self._sent[topic, number].append((key, value))
        return _Sent()

    def flush(self, timeout: float) -> None:
        for (topic, number), rows in self._sent.items():
            for key, value in rows:
                self._step("arrive")
                self._broker.append(topic, number, key, value)
        self._sent.clear()
        self._step("flushed")

    def close(self, timeout: float) -> None:
        pass


class _Sent:
    def get(self, timeout: float) -> None:
        pass
