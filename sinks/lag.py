"""What a consumer group has still to work off, asked from outside of it: no member, no rebalance, nothing committed."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from streams.contracts.errors import FatalError, RetriableError
from streams.contracts.topics import Topic
from streams.runtime.clock import now_ms
from streams.runtime.settings import KafkaConnection
from streams.runtime.topic_reader import Partition, consumer, partitions_of

_WITHIN_S = 10.0
# Owners write the time into their partitions every second, or at least every ten while they are behind.
ASLEEP_S = 60.0
_GLANCE_BYTES = 16 * 1024  # one batch per partition is enough: Kafka sends at least one


@dataclass(frozen=True, slots=True)
class Lag:
    """records: how many wait, None where not every end is known; oldest_ms: when the oldest waiting one was written.

    committed: whether the group has ever committed anything. lost: how many records went before it had read them, as
    retention takes them from a topic that is not compacted; a worker that notices it orders sources to emit them again.
    asleep: how many partitions of `ticking` had no tick for `asleep_s`.
    """

    records: int | None
    oldest_ms: int | None
    committed: bool
    lost: int = 0
    asleep: int = 0
    ticking: int = 0


def group_lag(
    kafka: KafkaConnection,
    group: str,
    topics: Sequence[Topic],
    ticking: Sequence[Topic] = (),
    asleep_s: float = ASLEEP_S,
) -> Lag:
    """How far `group` is behind the ends of `topics`. ticking: those of them that hold the ticks of their owners, and
    that sleep without one for `asleep_s`.

    The ends are what a fetch says (streams.runtime.topic_reader). Raises RetriableError where Kafka cannot be read.
    """
    try:
        with consumer(
            kafka,
            "synchealth-lag",
            group_id=group,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=_GLANCE_BYTES,
            bootstrap_timeout_ms=5_000,
        ) as asked:
            partitions = partitions_of(asked, [topic.name for topic in topics])
            if not partitions:
                return Lag(None, None, committed=False)
            lag = _lag(asked, partitions, {topic.name for topic in topics if topic.compacted})
            names = {topic.name for topic in ticking}
            ticked = [each for each in partitions if each.topic in names]
            return replace(lag, asleep=_asleep(asked, ticked, now_ms() - int(asleep_s * 1000)), ticking=len(ticked))
    except FatalError as error:  # what is asked beside a command's question does not end it
        raise RetriableError(f"the lag of group {group} cannot be read: {error}") from error


def _lag(client: Any, partitions: list[Partition], compacted: Collection[str]) -> Lag:
    client.assign(partitions)  # the group's committed offsets are where it begins
    waiting: dict[Partition, Any] = {}  # partition -> its oldest record that waits
    asked = set(partitions)
    deadline = time.monotonic() + _WITHIN_S
    while asked and time.monotonic() < deadline:
        for partition, records in client.poll(timeout_ms=100, max_records=10_000).items():
            waiting.setdefault(partition, records[0])
        asked = {each for each in asked if not (each in waiting or _is_at_its_end(client, each))}
        client.pause(*(each for each in partitions if each not in asked))
    # Asked afterwards, so that what a healthy worker commits in the meantime does not count as waiting.
    offsets = {each: client.committed(each) for each in partitions}
    begun = any(offset is not None for offset in offsets.values())
    ends = {each: client.highwater(each) for each in partitions}
    if any(end is None for end in ends.values()):
        return Lag(None, None, committed=begun)
    # Where nothing waits, the position is the committed one, or the log's end if that one is no longer in the log.
    first = {
        each: waiting[each].offset if each in waiting else client.position(each, timeout_ms=0) or 0
        for each in partitions
        if each.topic not in compacted
    }
    lost = sum(max(0, at - offset) for each, at in first.items() if (offset := offsets[each]) is not None)
    still = {each: record for each, record in waiting.items() if (offsets[each] or 0) <= record.offset}
    behind = sum(max(0, ends[each] - (offsets[each] or record.offset)) for each, record in still.items())
    return Lag(behind, min((record.timestamp for record in still.values()), default=None), begun, lost)


def _asleep(client: Any, partitions: Sequence[Partition], since_ms: int) -> int:
    """How many of `partitions` hold no record since then, though each is given time again and again."""
    awake: set[Partition] = set()
    asked = {each for each in partitions if client.highwater(each)}
    client.pause(*client.assignment())
    client.resume(*asked)
    for each in asked:
        client.seek(each, client.highwater(each) - 1)
    deadline = time.monotonic() + _WITHIN_S
    while asked and time.monotonic() < deadline:
        for partition, records in client.poll(timeout_ms=100, max_records=10_000).items():
            asked.discard(partition)
            if records[-1].timestamp >= since_ms:
                awake.add(partition)
        asked = {each for each in asked if not _is_at_its_end(client, each)}  # its last record went with time
    return len(partitions) - len(awake)


def _is_at_its_end(client: Any, partition: Partition) -> bool:
    end = client.highwater(partition)
    return end is not None and (client.position(partition, timeout_ms=0) or 0) >= end
