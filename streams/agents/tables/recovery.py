"""Bring local stores up to the end of their changelog. Replaces Faust's recovery.

Why not Faust's: it reads record by record (5,300/s against 137,000/s here), takes the end of the log
from ListOffsets (wrong on Tansu: silently half a table) and crashes on a foreign position.

The end is what a fetch answers as high watermark. The first record of every changelog partition is
its *birth record*, a random id that is never overwritten: a store whose birth record is not where it
was belongs to another changelog (topic recreated, other cluster) and is rebuilt from the start.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from streams.agents.delivery.client import new_reader
from streams.agents.delivery.positions import at_end
from streams.agents.tables.store import RESERVED, Position, Store
from streams.contracts.errors import FatalError
from streams.runtime.logs import get_logger
from streams.runtime.settings import KafkaSettings

BIRTH_KEY = RESERVED + b"birth"
_POLL_MS = 100
_CHECK_BYTES = 4096
log = get_logger(__name__)


async def recover(
    kafka: KafkaSettings,
    topic: str,
    stores: Mapping[int, Store],
    producer: AIOKafkaProducer,
    *,
    stall_s: float = 60.0,
) -> int:
    """Replay what `stores` (by partition) lack of changelog `topic`; return the records read.

    Writes the birth record of a partition that has none. Raises FatalError when the changelog makes
    no progress for `stall_s` seconds: a worker must never start on half a table.
    """
    bound = {
        TopicPartition(topic, partition): position
        for partition, store in stores.items()
        if (position := store.position()) is not None
    }
    for tp in await _foreign(kafka, bound, stall_s):
        log.warning("table_rebuild", topic=topic, partition=tp.partition, why="another changelog")
        stores[tp.partition].clear()
    replay = _Replay(topic, stores, producer, stall_s)
    async with new_reader(kafka) as reader:
        return await replay.run(reader)


async def _foreign(
    kafka: KafkaSettings, bound: Mapping[TopicPartition, Position], stall_s: float
) -> set[TopicPartition]:
    """The partitions whose birth record is not where the store saw it."""
    if not bound:
        return set()
    foreign: set[TopicPartition] = set()
    waiting = dict(bound)
    patience = _Patience(stall_s)
    async with new_reader(kafka, fetch_bytes=_CHECK_BYTES) as reader:
        reader.assign(list(waiting))
        for tp, position in waiting.items():
            reader.seek(tp, position.birth_offset)
        while waiting:
            patience.check(f"birth records of {sorted(waiting)}")
            try:
                fetched = await reader.getmany(*waiting, timeout_ms=_POLL_MS)
            except OffsetOutOfRangeError as error:
                for tp in error.args[0]:
                    reader.pause(tp)
                    waiting.pop(tp, None)
                    foreign.add(tp)
                continue
            for tp, records in fetched.items():
                first, expected = records[0], waiting.pop(tp)
                reader.pause(tp)
                if (first.offset, first.key, first.value) != (
                    expected.birth_offset,
                    BIRTH_KEY,
                    expected.birth_id,
                ):
                    foreign.add(tp)
            for tp in [tp for tp in waiting if await at_end(reader, tp)]:
                del waiting[tp]
                foreign.add(tp)
    return foreign


class _Replay:
    """The reading itself, over all partitions of one table at once."""

    def __init__(self, topic: str, stores: Mapping[int, Store], producer: AIOKafkaProducer, stall_s: float) -> None:
        self._stores = {TopicPartition(topic, partition): store for partition, store in stores.items()}
        self._producer = producer
        self._births: dict[TopicPartition, tuple[int, bytes]] = {}
        self._patience = _Patience(stall_s)
        self._read = 0

    async def run(self, reader: AIOKafkaConsumer) -> int:
        reader.assign(list(self._stores))
        for tp, store in self._stores.items():
            position = store.position()
            if position is not None:
                self._births[tp] = (position.birth_offset, position.birth_id)
            reader.seek(tp, position.next_offset if position else 0)
        behind = set(self._stores)
        christened: set[TopicPartition] = set()
        while behind:
            self._patience.check(f"the changelog of {sorted(behind)}")
            try:
                fetched = await reader.getmany(*behind, timeout_ms=_POLL_MS)
            except OffsetOutOfRangeError as error:
                await self._restart(reader, set(error.args[0]))
                continue
            for tp, records in fetched.items():
                self._patience.renew()
                self._apply(tp, records, await reader.position(tp))
            for tp in [tp for tp in behind if await at_end(reader, tp)]:
                if tp in self._births:
                    behind.discard(tp)
                    reader.pause(tp)
                elif tp not in christened:  # an empty partition: its birth is read back like any record
                    christened.add(tp)
                    await self._producer.send_and_wait(
                        tp.topic, key=BIRTH_KEY, value=uuid.uuid4().hex.encode(), partition=tp.partition
                    )
        return self._read

    def _apply(self, tp: TopicPartition, records: list[object], next_offset: int) -> None:
        writes: dict[bytes, bytes | None] = {}
        for record in records:
            key: bytes = record.key  # type: ignore[attr-defined]
            value: bytes | None = record.value  # type: ignore[attr-defined]
            if key == BIRTH_KEY and value is not None:
                self._births[tp] = (record.offset, value)  # type: ignore[attr-defined]
            else:
                writes[key] = value
        self._read += len(records)
        self._stores[tp].apply(writes, Position(next_offset, *self._births.get(tp, (0, b""))))

    async def _restart(self, reader: AIOKafkaConsumer, tps: set[TopicPartition]) -> None:
        """The position is outside the log: behind its end it is foreign, before its start just old."""
        for tp in tps:
            log.warning("table_rebuild", topic=tp.topic, partition=tp.partition, why="position outside the log")
            self._stores[tp].clear()
            self._births.pop(tp, None)
        await reader.seek_to_beginning(*tps)


class _Patience:
    """Counts down while nothing arrives."""

    def __init__(self, stall_s: float) -> None:
        self._stall_s = stall_s
        self.renew()

    def renew(self) -> None:
        self._until = time.monotonic() + self._stall_s

    def check(self, what: str) -> None:
        if time.monotonic() > self._until:
            raise FatalError(
                f"no progress for {self._stall_s:.0f} s while reading {what}: "
                "Kafka does not answer for it; check the brokers, then restart this worker"
            )
