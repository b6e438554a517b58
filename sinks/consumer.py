"""Reading topics from their beginning to their end, then following: the only kafka-python consumer of the sinks.

The end of a topic is what a fetch says (its high watermark), never what ListOffsets says: after a
batch, the embedded broker answers a ListOffsets with an offset before the end (reference: measured
on Tansu 0.6.0), and a reader that believes it would call itself complete while records are missing.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import AuthorizationError, KafkaError, SaslAuthenticationFailedError, UnsupportedSaslMechanismError

from sinks.sink import Meta, Position
from streams.contracts.errors import FatalError, RetriableError
from streams.contracts.identity import partition_of
from streams.contracts.topics import Topic
from streams.runtime.kafka import client_options
from streams.runtime.kafka_ping import built
from streams.runtime.logs import get_logger
from streams.runtime.settings import KafkaSettings

_log = get_logger(__name__)
_REFUSED = (AuthorizationError, SaslAuthenticationFailedError, UnsupportedSaslMechanismError)
_PARTITIONS_EVERY_S = 30.0
_CONTACT_EVERY_S = 1.0
_TAIL_WITHIN_S = 10.0


@dataclass(frozen=True, slots=True)
class Record:
    """One record as it stood in Kafka."""

    key: bytes | None
    value: bytes | None
    meta: Meta


class TopicReader:
    """Reads every partition of some topics from the beginning at every start; nothing is committed. Not thread-safe.

    keys: only the partitions where records with these keys stand.
    tail: at most about this many of the latest records of each partition.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        topics: Sequence[Topic],
        *,
        keys: Collection[str] | None = None,
        tail: int | None = None,
        max_records: int = 2000,
    ) -> None:
        self._kafka = kafka
        self._topics = [topic.name for topic in topics]
        self._keys = keys
        self._tail = tail
        self._max_records = max_records
        self._consumer: Any = None
        self._known: frozenset[TopicPartition] = frozenset()
        self._ends: dict[TopicPartition, int] = {}
        self._caught_up = False
        self._looked_at = 0.0
        self._contact_at = 0.0
        self._in_contact = False

    def poll(self, wait_s: float) -> list[Record]:
        """The next records, in order per partition; an empty list after `wait_s` seconds without any.

        Raises RetriableError while Kafka or a topic is missing, FatalError when Kafka refuses us.
        """
        try:
            self._connect()
            polled = self._consumer.poll(timeout_ms=int(wait_s * 1000), max_records=self._max_records)
            self._note_ends()
        except _REFUSED as error:
            raise FatalError(f"Kafka refuses the reader of {self._topics}: {error}; check its rights") from error
        except (KafkaError, OSError) as error:
            self._in_contact = False
            raise RetriableError(f"Kafka at {self._kafka.bootstrap_servers} cannot be read: {error}") from error
        return [self._record(tp, record) for tp, records in polled.items() for record in records]

    @property
    def position(self) -> Position:
        """How far this reader is, as of the last poll."""
        behind = 0
        if self._consumer is not None:
            for partition in self._consumer.assignment():
                end = self._consumer.highwater(partition)
                if end is not None:
                    behind += max(0, end - self._offset(partition))
        return Position(caught_up=self._caught_up, in_contact=self._in_contact, behind=behind)

    def close(self) -> None:
        """Drop the connections."""
        if self._consumer is not None:
            self._consumer.close(autocommit=False)
            self._consumer = None

    def _connect(self) -> None:
        if self._consumer is None:
            options = client_options(self._kafka, "synchealth-sink") | {
                "group_id": None,
                "auto_offset_reset": "earliest",
                "enable_auto_commit": False,
                "allow_auto_create_topics": False,
                "fetch_max_wait_ms": 250,
                "max_partition_fetch_bytes": 8 * 1024 * 1024,
                "reconnect_backoff_max_ms": 2000,
                "bootstrap_timeout_ms": 10_000,
            }
            self._consumer = built(self._kafka, KafkaError, lambda: KafkaConsumer(**options))
        now = time.monotonic()
        if not self._known or now - self._looked_at > _PARTITIONS_EVERY_S:
            self._looked_at = now
            self._assign()
        if now - self._contact_at > _CONTACT_EVERY_S:
            self._contact_at = now
            connections = self._consumer.metrics().get("consumer-metrics", {}).get("connection-count", 0)
            self._in_contact = connections > 0

    def _assign(self) -> None:
        """Take every partition there is; partitions that appear later are read from their beginning too."""
        found: set[TopicPartition] = set()
        for topic in self._topics:
            partitions = self._consumer.partitions_for_topic(topic)
            if not partitions and not self._known:
                raise RetriableError(
                    f"topic {topic} does not exist at {self._kafka.bootstrap_servers}: "
                    "create the topics (`synchealth topics create`)"
                )
            if self._keys is not None and partitions:
                partitions = {partition_of(key, len(partitions)) for key in self._keys}
            found |= {TopicPartition(topic, number) for number in partitions}
        new = found - self._known
        if not new:
            return
        self._consumer.assign(sorted(found | self._known))  # keeps the position of what was assigned before
        self._consumer.seek_to_beginning(*new)
        if self._tail is not None:
            self._skip_to_tail(new, self._tail)
        self._known = self._known | new
        _log.info("reading", topics=self._topics, partitions=len(self._known))

    def _skip_to_tail(self, partitions: set[TopicPartition], tail: int) -> None:
        """Fetch until every partition has told its end, then go where its tail begins."""
        first = {partition: int(self._consumer.position(partition) or 0) for partition in partitions}
        deadline = time.monotonic() + _TAIL_WITHIN_S
        while any(self._consumer.highwater(tp) is None for tp in partitions) and time.monotonic() < deadline:
            self._consumer.poll(timeout_ms=100, max_records=1)
        for partition in partitions:
            end = self._consumer.highwater(partition) or 0
            self._consumer.seek(partition, max(first[partition], end - tail))

    def _note_ends(self) -> None:
        """Remember where each partition ended when it was first fetched; caught up once all are passed."""
        if self._caught_up and len(self._ends) == len(self._known):
            return
        assignment = self._consumer.assignment()
        for partition in assignment:
            if partition not in self._ends:
                end = self._consumer.highwater(partition)
                if end is not None:
                    self._ends[partition] = end
        self._caught_up = self._caught_up or (
            bool(assignment) and all(tp in self._ends and self._offset(tp) >= self._ends[tp] for tp in assignment)
        )

    def _offset(self, partition: TopicPartition) -> int:
        return int(self._consumer.position(partition, timeout_ms=0) or 0)

    def _record(self, tp: TopicPartition, record: Any) -> Record:
        live = tp in self._ends and record.offset >= self._ends[tp]
        return Record(record.key, record.value, Meta(tp.topic, tp.partition, record.offset, record.timestamp, live))


def read_to_end(reader: TopicReader, *, within_s: float) -> Iterator[Record]:
    """Every record up to where the topics ended when reading began.

    Raises RetriableError where Kafka cannot be read, or where the end is not reached `within_s` seconds
    after the last record.
    """
    deadline = time.monotonic() + within_s
    while not reader.position.caught_up:
        records = reader.poll(0.25)
        if records:
            deadline = time.monotonic() + within_s
        elif time.monotonic() > deadline:
            raise RetriableError(f"Kafka sent nothing for {within_s:.0f} s before the end of the topic was reached")
        yield from records


def read_at(
    kafka: KafkaSettings, places: Iterable[tuple[str, int, int]], *, within_s: float = 10.0
) -> Iterator[Record]:
    """The records at these (topic, partition, offset); those that retention has removed are left out.

    Raises RetriableError where Kafka cannot be read.
    """
    consumer: Any = None
    try:
        options = client_options(kafka, "synchealth-sink") | {
            "enable_auto_commit": False,
            "allow_auto_create_topics": False,
        }
        consumer = built(kafka, KafkaError, lambda: KafkaConsumer(**options))
        for topic, number, offset in sorted(set(places)):
            place = TopicPartition(topic, number)
            if number not in (consumer.partitions_for_topic(topic) or ()):
                continue
            consumer.assign([place])
            consumer.seek(place, offset)
            polled = consumer.poll(timeout_ms=int(within_s * 1000), max_records=1).get(place, [])
            for found in polled:
                if found.offset == offset:
                    yield Record(found.key, found.value, Meta(topic, number, offset, found.timestamp, live=False))
    except (KafkaError, OSError) as error:
        raise RetriableError(f"Kafka cannot be read ({type(error).__name__}: {error})") from error
    finally:
        if consumer is not None:
            consumer.close(autocommit=False)
