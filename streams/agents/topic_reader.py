"""Partitions read from given offsets to their ends, outside of the group; and a whole topic in one go.

Where a partition ends is what a fetch says, not what ListOffsets says (streams.runtime.topic_reader tells why).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError, TopicAuthorizationFailedError

from streams.contracts.errors import FatalError, RetriableError
from streams.runtime.kafka import connection_options
from streams.runtime.settings import KafkaSettings
from streams.runtime.topic_reader import consumer, partitions_of

STALL_S = 60.0
"""How long Kafka may say nothing at all before a worker that waits for it ends."""
_POLL_MS = 100
_FETCH_BYTES = 2 * 1024 * 1024


class Fetched(NamedTuple):
    """What a fetch said of one partition.

    records:     aiokafka's, in their order. next_offset: of what follows them.
    at_end:      nothing follows them that the broker knew of.
    outside:     the offset to read from is not in the log; reading goes on with the first record there is.
    """

    partition: int
    records: Sequence[Any] = ()
    next_offset: int = 0
    at_end: bool = False
    outside: bool = False


class PartitionReading:
    """Some partitions of a topic, each read until it is `done`.

    >>> while steps := await reading.next():  # doctest: +SKIP
    ...     for step in steps:
    ...         if step.at_end:
    ...             reading.done(step.partition)
    """

    def __init__(self, reader: AIOKafkaConsumer, topic: str, offsets: Mapping[int, int], stall_s: float) -> None:
        self._reader = reader
        self._waiting = [TopicPartition(topic, partition) for partition in offsets]
        self._outside: list[TopicPartition] = []
        self._stall_s = stall_s
        self._until = time.monotonic() + stall_s
        reader.assign(list(self._waiting))
        for each in self._waiting:
            reader.seek(each, offsets[each.partition])

    def done(self, partition: int) -> None:
        """No more is wanted of this one."""
        for each in [each for each in self._waiting if each.partition == partition]:
            self._waiting.remove(each)
            self._reader.pause(each)

    async def next(self) -> list[Fetched]:
        """What the next fetches say, as soon as they say something; nothing once all partitions are done.

        Raises FatalError where Kafka sends no record for `stall_s` seconds.
        """
        again, self._outside = [each for each in self._outside if each in self._waiting], []
        if again:
            await self._reader.seek_to_beginning(*again)
        while self._waiting:
            if time.monotonic() > self._until:
                raise FatalError(
                    f"no progress for {self._stall_s:.0f} s while reading {sorted(self._waiting)}: "
                    "Kafka does not answer for it; check the brokers, then restart this worker"
                )
            steps = await self._fetch()
            if steps:
                return steps
        return []

    async def _fetch(self) -> list[Fetched]:
        try:
            fetched = await self._reader.getmany(*self._waiting, timeout_ms=_POLL_MS)
        except OffsetOutOfRangeError as error:
            self._outside = list(error.args[0])
            return [Fetched(each.partition, outside=True) for each in self._outside]
        if fetched:
            self._until = time.monotonic() + self._stall_s
        steps = []
        for each in self._waiting:
            records, ended = fetched.get(each, ()), await at_end(self._reader, each)
            if records or ended:
                steps.append(Fetched(each.partition, records, await self._reader.position(each), ended))
        return steps


async def at_end(reader: AIOKafkaConsumer, partition: TopicPartition) -> bool:
    """Whether `reader` has read all that its latest fetch knew of."""
    end = reader.highwater(partition)  # None before the first fetch
    return end is not None and await reader.position(partition) >= end


@contextlib.asynccontextmanager
async def reading(
    kafka: KafkaSettings,
    topic: str,
    offsets: Mapping[int, int],
    *,
    stall_s: float = STALL_S,
    fetch_bytes: int = _FETCH_BYTES,
) -> AsyncIterator[PartitionReading]:
    """These partitions of `topic`, each from its offset on."""
    async with new_reader(kafka, fetch_bytes=fetch_bytes) as reader:
        yield PartitionReading(reader, topic, offsets, stall_s)


def read_whole(
    kafka: KafkaSettings, topic: str, take: Callable[[bytes | None, bytes | None], object], *, stall_s: float
) -> None:
    """Give `take` the key and value of every record of `topic`, in order within each partition.

    aiokafka takes records apart in C, four times as fast as kafka-python (streams.runtime.topic_reader), which follows
    a topic and says more of each record. Raises RetriableError where Kafka or the topic cannot be read or nothing comes
    for `stall_s` seconds, FatalError where we may not.
    """
    where = f"{topic} of Kafka at {', '.join(kafka.bootstrap_servers)}"

    with consumer(kafka, "synchealth-reader") as asked:
        offsets = {place.partition: 0 for place in partitions_of(asked, [topic])}
    if not offsets:
        raise RetriableError(f"there is no topic {where}: create the topics (`synchealth topics create`)")

    async def read() -> None:
        async with reading(kafka, topic, offsets, stall_s=stall_s) as whole:
            while steps := await whole.next():
                for step in steps:
                    for record in step.records:
                        take(record.key, record.value)
                    if step.at_end:
                        whole.done(step.partition)

    try:
        asyncio.run(read())
    except TopicAuthorizationFailedError as error:
        raise FatalError(f"{where} may not be read ({error}): check the reader's rights") from error
    except (KafkaError, OSError) as error:
        raise RetriableError(f"{where} cannot be read ({type(error).__name__}: {error})") from error


@contextlib.asynccontextmanager
async def new_reader(kafka: KafkaSettings, *, fetch_bytes: int = _FETCH_BYTES) -> AsyncIterator[AIOKafkaConsumer]:
    """A consumer outside any group that never resets its position by itself."""
    reader = AIOKafkaConsumer(
        **connection_options(kafka),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=50,
        max_partition_fetch_bytes=fetch_bytes,
    )
    try:
        await reader.start()
        yield reader
    finally:
        await reader.stop()


async def listed_ends(
    reader: AIOKafkaConsumer, places: Collection[tuple[str, int]]
) -> dict[tuple[str, int], int]:
    """The ends of (topic, partition)s as ListOffsets tells them: too small at times, but told by whoever is asked."""
    found = await reader.end_offsets([TopicPartition(*place) for place in places]) if places else {}
    return {(each.topic, each.partition): end for each, end in found.items()}
