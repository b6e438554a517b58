"""Reading other people's topics from where we were: the only kafka-python consumer of records among the sources.

Positions are ours, not a consumer group's: they are saved only once what was read is in our own Kafka.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import (
    AuthorizationError,
    KafkaError,
    OffsetOutOfRangeError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)

from streams.contracts.errors import FatalError, RetriableError
from streams.runtime.kafka import client_options, require_reachable
from streams.runtime.kafka_ping import built
from streams.runtime.logs import get_logger
from streams.runtime.settings import KafkaConnection

_REFUSED = (AuthorizationError, SaslAuthenticationFailedError, UnsupportedSaslMechanismError)
_PARTITIONS_EVERY_S = 30.0
# Of strangers: what is packed into so many bytes is unpacked all at once, by the client.
_MOST_FETCHED = 1024 * 1024

log = get_logger(__name__)


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Shipped:
    """One record as somebody wrote it.

    appended_ms: when the broker took it in, by its own clock; None where the topic keeps what the writer said.
    """

    place: Place
    offset: int
    value: bytes | None
    appended_ms: int | None = None


class ShippedReader:
    """Reads every partition of some topics. Not thread-safe.

    A position whose records are no longer kept (or that lies behind the end of a topic that was created again)
    is told in the log, and reading goes on with the earliest record that there is.
    """

    def __init__(
        self, kafka: KafkaConnection, topics: Sequence[str], client_id: str, max_records: int = 500, tail: int = 0
    ) -> None:
        """tail: begin with the last so many records of each partition without a position; 0: with the earliest."""
        self._kafka = kafka
        self._topics = list(topics)
        self._client_id = client_id
        self._max_records = max_records
        self._tail = tail
        self._next: dict[Place, int] = {}
        self._consumer: Any = None
        self._assigned: frozenset[Place] = frozenset()
        self._missing: frozenset[str] = frozenset()
        self._looked_at = 0.0

    def start_at(self, positions: Mapping[Place, int]) -> None:
        """Where to go on: the next offset of each partition; those that are not named begin at their beginning."""
        self._next = dict(positions)

    def poll(self, wait_s: float) -> list[Shipped]:
        """The next records, in order per partition; an empty list after `wait_s` seconds without any.

        Raises RetriableError while Kafka or all of the topics are missing, FatalError when Kafka refuses us. Nothing
        is lost by an error: the next call goes on behind what the last one returned.
        """
        try:
            polled = self._polled(wait_s)
        except _REFUSED as error:
            self.close()
            raise FatalError(f"{self._where} refuses us {self._topics}: {error}; check the reader's rights") from error
        except (KafkaError, OSError) as error:
            self.close()
            gc.collect()  # each refused connection of kafka-python leaves an open socket in a reference cycle
            raise RetriableError(f"{self._where} cannot be read ({type(error).__name__}: {error})") from error
        found = [
            Shipped(Place(tp.topic, tp.partition), record.offset, record.value, _appended(record))
            for tp, records in polled.items()
            for record in records
        ]
        for record in found:
            self._next[record.place] = record.offset + 1
        return found

    @property
    def full(self) -> int:
        """How many records one `poll` returns at most."""
        return self._max_records

    @property
    def missing(self) -> frozenset[str]:
        """The topics that are not there while others are."""
        return self._missing

    @property
    def in_contact(self) -> bool:
        """Whether a broker is connected; a poll without records says nothing of it."""
        if self._consumer is None:
            return False
        return bool(self._consumer.metrics().get("consumer-metrics", {}).get("connection-count", 0))

    def close(self) -> None:
        """Drop the connections; the positions stay."""
        consumer, self._consumer, self._assigned = self._consumer, None, frozenset()
        if consumer is not None:
            consumer.close(autocommit=False, timeout_ms=1000)

    @property
    def _where(self) -> str:
        return f"Kafka at {', '.join(self._kafka.bootstrap_servers)}"

    def _polled(self, wait_s: float) -> Any:
        while True:
            self._connect()
            try:
                return self._consumer.poll(timeout_ms=int(wait_s * 1000), max_records=self._max_records)
            except OffsetOutOfRangeError as error:
                self._start_over([Place(*place) for place in error.args[0]])

    def _connect(self) -> None:
        if self._consumer is None:
            require_reachable(self._kafka)
            options = client_options(self._kafka, self._client_id) | {
                "group_id": None,
                "auto_offset_reset": "none",  # it would skip without a word
                "enable_auto_commit": False,
                "allow_auto_create_topics": False,
                "fetch_max_wait_ms": 250,
                "fetch_max_bytes": _MOST_FETCHED,
                "max_partition_fetch_bytes": _MOST_FETCHED,
                "request_timeout_ms": 60_000,  # what Event Hubs ask for
                "reconnect_backoff_max_ms": 2000,
                "bootstrap_timeout_ms": 10_000,
            }
            self._consumer = built(self._kafka, KafkaError, lambda: KafkaConsumer(**options))
        if not self._assigned or time.monotonic() - self._looked_at > _PARTITIONS_EVERY_S:
            self._looked_at = time.monotonic()
            self._assign()

    def _assign(self) -> None:
        """Take every partition there is; those that appear later are read from their beginning, too."""
        found: set[Place] = set()
        missing = set()
        for topic in self._topics:
            partitions = self._consumer.partitions_for_topic(topic) or ()
            found |= {Place(topic, number) for number in partitions}
            if not partitions:
                missing.add(topic)
        if not found and not self._assigned:
            raise RetriableError(f"{self._where} has no topic {', '.join(self._topics)}: nobody has shipped anything")
        if missing - self._missing:
            log.warning("topics are missing", topics=sorted(missing), kafka=self._kafka.bootstrap_servers)
        self._missing = frozenset(missing)
        new = found - self._assigned
        if not new:
            return
        self._assigned |= new
        # Keeps the position of what was assigned before.
        self._consumer.assign([TopicPartition(*place) for place in sorted(self._assigned)])
        begins, ends = self._bounds(new) if self._tail else ({}, {})
        for place in new:
            if place in self._next:
                self._consumer.seek(TopicPartition(*place), self._next[place])
            elif self._tail:
                partition = TopicPartition(*place)
                self._consumer.seek(partition, max(begins[partition], ends[partition] - self._tail))
            else:
                self._consumer.seek_to_beginning(TopicPartition(*place))
        log.info("reading", topics=self._topics, partitions=len(self._assigned))

    def _bounds(self, places: Iterable[Place]) -> tuple[dict[Any, int], dict[Any, int]]:
        partitions = [TopicPartition(*place) for place in places]
        return self._consumer.beginning_offsets(partitions), self._consumer.end_offsets(partitions)

    def _start_over(self, places: Sequence[Place]) -> None:
        """Forget these positions; the consumer goes too, because nobody knows what its failed poll had taken."""
        self.close()
        for place in places:
            log.warning(
                "records are no longer kept: going on with the earliest",
                topic=place.topic,
                partition=place.partition,
                offset=self._next.pop(place, None),
            )


def _appended(record: Any) -> int | None:
    """The time of a record where it is the broker's: message.timestamp.type=LogAppendTime (1)."""
    return record.timestamp if record.timestamp_type == 1 else None
