"""Where partitions go on, asked of the broker by fetching.

Not by ListOffsets, which is wrong on Tansu, and not by trusting the consumer's own position: after a
rebalance Faust drops what was fetched and seeks back to the committed offset, but aiokafka's
seek_to_committed does nothing where nothing is committed yet, and the dropped records are lost
(measured: one run in eight of the convergence test lost facts until lanes checked for themselves).
"""

from __future__ import annotations

import time
from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import OffsetOutOfRangeError

from streams.agents.delivery.client import new_reader
from streams.contracts.errors import FatalError
from streams.runtime.settings import KafkaSettings

_POLL_MS = 100
_PEEK_BYTES = 1024


async def first_available(
    kafka: KafkaSettings, topic: str, offsets: Mapping[int, int], *, stall_s: float = 60.0
) -> dict[int, int]:
    """The offset of the first record at or after each partition's offset; the end where there is none yet.

    An offset outside the log (cut off by retention, or of an earlier topic of the same name) leads to
    the first record there is. Raises FatalError when Kafka does not answer for `stall_s` seconds.
    """
    found: dict[int, int] = {}
    until = time.monotonic() + stall_s
    async with new_reader(kafka, fetch_bytes=_PEEK_BYTES) as reader:
        waiting = {TopicPartition(topic, partition): offset for partition, offset in offsets.items()}
        reader.assign(list(waiting))
        for tp, offset in waiting.items():
            reader.seek(tp, offset)
        while waiting:
            if time.monotonic() > until:
                raise FatalError(f"Kafka gives no answer for {sorted(waiting)}: check the brokers, then restart")
            try:
                fetched = await reader.getmany(*waiting, timeout_ms=_POLL_MS)
            except OffsetOutOfRangeError as error:
                await reader.seek_to_beginning(*error.args[0])
                continue
            for tp, records in fetched.items():
                found[tp.partition] = records[0].offset
            for tp in list(waiting):
                if tp.partition not in found and await at_end(reader, tp):
                    found[tp.partition] = await reader.position(tp)
                if tp.partition in found:
                    del waiting[tp]
                    reader.pause(tp)
    return found


async def at_end(reader: AIOKafkaConsumer, tp: TopicPartition) -> bool:
    """Whether `reader` has read all that its latest fetch knew of."""
    end = reader.highwater(tp)  # None before the first fetch
    return end is not None and await reader.position(tp) >= end
