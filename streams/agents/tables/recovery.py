"""Bring local stores up to the end of their changelog. Replaces Faust's recovery.

Why not Faust's: it reads record by record (5,300/s against 137,000/s here), takes the end of the log
from ListOffsets (streams.runtime.topic_reader; silently half a table) and crashes on a foreign position.

The first record of every changelog partition is
its *identity record*, a random id that is never overwritten: a store whose identity record is not where it
was belongs to another changelog (topic recreated, other cluster) and is rebuilt from the start.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from streams.agents.client import Producer
from streams.agents.tables.store import RESERVED, Store, StorePosition
from streams.agents.topic_reader import STALL_S, PartitionReading, reading
from streams.runtime.logs import get_logger
from streams.runtime.settings import KafkaSettings

IDENTITY_KEY = RESERVED + b"birth"
_CHECK_BYTES = 4096
log = get_logger(__name__)


async def recover(
    kafka: KafkaSettings,
    topic: str,
    stores: Mapping[int, Store],
    producer: Producer,
    *,
    stall_s: float = STALL_S,
) -> int:
    """Replay what `stores` (by partition) lack of changelog `topic`; return the records read.

    Writes the identity record of a partition that has none. Raises FatalError when the changelog makes
    no progress for `stall_s` seconds: a worker must never start on half a table.
    """
    bound = {
        partition: position for partition, store in stores.items() if (position := store.position()) is not None
    }
    for partition in await _foreign(kafka, topic, bound, stall_s):
        _rebuild(topic, partition, stores[partition], "another changelog")
    positions = {partition: store.position() for partition, store in stores.items()}
    offsets = {partition: position.next_offset if position else 0 for partition, position in positions.items()}
    async with reading(kafka, topic, offsets, stall_s=stall_s) as changelog:
        return await _Replay(topic, stores, producer).run(changelog)


async def _foreign(kafka: KafkaSettings, topic: str, bound: Mapping[int, StorePosition], stall_s: float) -> set[int]:
    """The partitions whose identity record is not where the store saw it."""
    foreign: set[int] = set()
    if not bound:
        return foreign
    identities = {partition: position.identity_offset for partition, position in bound.items()}
    async with reading(kafka, topic, identities, stall_s=stall_s, fetch_bytes=_CHECK_BYTES) as changelog:
        while steps := await changelog.next():
            for step in steps:
                expected = (identities[step.partition], IDENTITY_KEY, bound[step.partition].identity_id)
                if [(each.offset, each.key, each.value) for each in step.records[:1]] != [expected]:
                    foreign.add(step.partition)
                changelog.done(step.partition)
    return foreign


def _rebuild(topic: str, partition: int, store: Store, why: str) -> None:
    log.warning("table_rebuild", topic=topic, partition=partition, why=why)
    store.clear()


class _Replay:
    """The reading itself, over all partitions of one table at once."""

    def __init__(self, topic: str, stores: Mapping[int, Store], producer: Producer) -> None:
        self._topic = topic
        self._stores = stores
        self._producer = producer
        positions = {partition: store.position() for partition, store in stores.items()}
        self._identities = {
            number: (at.identity_offset, at.identity_id) for number, at in positions.items() if at is not None
        }
        self._identity_written: set[int] = set()
        self._read = 0

    async def run(self, changelog: PartitionReading) -> int:
        while steps := await changelog.next():
            for step in steps:
                if step.outside:  # behind the end of the log it is a foreign one, before its start just old
                    _rebuild(self._topic, step.partition, self._stores[step.partition], "position outside the log")
                    self._identities.pop(step.partition, None)
                if step.records:
                    self._apply(step.partition, step.records, step.next_offset)
                if step.at_end and step.partition in self._identities:
                    changelog.done(step.partition)
                elif step.at_end:
                    await self._write_identity(step.partition)
        return self._read

    async def _write_identity(self, partition: int) -> None:
        """Write the identity record of an empty partition, once; it is read back like any record."""
        if partition not in self._identity_written:
            self._identity_written.add(partition)
            await self._producer.send_and_wait(
                self._topic, key=IDENTITY_KEY, value=uuid.uuid4().hex.encode(), partition=partition
            )

    def _apply(self, partition: int, records: Sequence[Any], next_offset: int) -> None:
        writes: dict[bytes, bytes | None] = {}
        for record in records:
            if record.key == IDENTITY_KEY and record.value is not None:
                self._identities[partition] = (record.offset, record.value)
            else:
                writes[record.key] = record.value
        self._read += len(records)
        self._stores[partition].apply(writes, StorePosition(next_offset, *self._identities.get(partition, (0, b""))))
