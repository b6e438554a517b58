"""Reading Kafka from outside of any group: the only kafka-python consumers of the product.

Where a topic ends is what a fetch says (its high watermark), not what ListOffsets says: after a batch, the embedded
broker (Tansu 0.6.0, measured) answers ListOffsets with an offset before the end, and a reader that believed it would
call itself complete while records are missing. The worker's readers go by the same (streams.agents.topic_reader).
"""

from __future__ import annotations

import contextlib
import gc
import math
import time
from collections.abc import Collection, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
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
from streams.contracts.identity import partition_of
from streams.contracts.topics import Topic
from streams.runtime.kafka import client_options, require_reachable
from streams.runtime.kafka_ping import built
from streams.runtime.logs import get_logger
from streams.runtime.settings import KafkaConnection

PATIENCE_S = 15.0
"""How long somebody at the command line waits for a Kafka that sends nothing."""
_REFUSED = (AuthorizationError, SaslAuthenticationFailedError, UnsupportedSaslMechanismError)
_PARTITIONS_EVERY_S = 30.0
_CONTACT_EVERY_S = 1.0
_TAIL_WITHIN_S = 10.0
_ANSWER_MS = 5_000
_CLOSE_MS = 1_000
_LOG_APPEND_TIME = 1  # org.apache.kafka.common.record.TimestampType: 0 is the writer's time, 1 the broker's
_OPTIONS: dict[str, Any] = {
    "group_id": None,
    "auto_offset_reset": "none",  # any other would skip records silently
    "enable_auto_commit": False,
    "allow_auto_create_topics": False,
    "fetch_max_wait_ms": 250,
    "max_partition_fetch_bytes": 8 * 1024 * 1024,
    "reconnect_backoff_max_ms": 2_000,
    "bootstrap_timeout_ms": 10_000,
}

log = get_logger(__name__)


class Partition(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """One record as it stands in Kafka.

    ts_ms:       its timestamp (ms since the epoch), whoever set it.
    appended_ms: when the broker took it in, by its own clock; None where the topic keeps what the writer said.
    live:        False while a topic's past is read, True for what was written after its reader had begun.
    """

    place: Partition
    offset: int
    value: bytes | None
    key: bytes | None = None
    ts_ms: int = 0
    appended_ms: int | None = None
    headers: Sequence[tuple[str, bytes]] = ()
    live: bool = False


@dataclass(frozen=True, slots=True)
class ReaderProgress:
    """How far a reader is.

    caught_up:  everything that was in the topics at the start has been read; stays True.
    in_contact: a broker connection stands at this moment.
    behind:     records published and not read yet, over all partitions, as of the last fetch.
    """

    caught_up: bool
    in_contact: bool
    behind: int


class TopicReader:
    """Reads every partition of some topics, from their beginning unless `start_at` says otherwise. Not thread-safe.

    keys:   only the partitions where records with these keys stand.
    tail:   where no position is given, at most about this many of the latest records of each partition.
    partly: some topics may be missing while others are there (`missing`). absent: what to do where they are missing.
    options: of kafka-python, where ours are not right.

    Connects at the first `poll`, and anew after an error: nothing is lost by one, the next call goes on behind what the
    last one returned. A position whose records are no longer kept (or that lies behind the end of a topic that was
    created again) is told in the log, and reading goes on with the earliest record that there is.
    """

    def __init__(
        self,
        kafka: KafkaConnection,
        topics: Sequence[Topic | str],
        client_id: str = "synchealth-reader",
        *,
        keys: Collection[str] | None = None,
        tail: int | None = None,
        max_records: int = 2000,
        partly: bool = False,
        absent: str = "create the topics (`synchealth topics create`)",
        **options: Any,
    ) -> None:
        self.max_records = max_records
        self._kafka = kafka
        self._topics = [topic if isinstance(topic, str) else topic.name for topic in topics]
        self._client_id = client_id
        self._keys = keys
        self._tail = tail
        self._partly = partly
        self._absent = absent
        self._options = options
        self._consumer: Any = None
        self._next: dict[Partition, int] = {}
        self._assigned: frozenset[Partition] = frozenset()
        self._missing: frozenset[str] = frozenset()
        self._ends: dict[Partition, int] = {}
        self._caught_up = False
        self._looked_at = -math.inf
        self._contact_at = -math.inf
        self._in_contact = False

    def start_at(self, positions: Mapping[Partition, int]) -> None:
        """Where to go on: the next offset of each partition; those that are not named begin at their beginning."""
        self._next = dict(positions)

    def poll(self, wait_s: float) -> list[StoredRecord]:
        """The next records, in order per partition; an empty list after `wait_s` seconds without any.

        Raises RetriableError while Kafka or a topic is missing, FatalError when Kafka refuses us.
        """
        with self._refusals():
            polled = self._polled(wait_s)
            self._note_ends()
        found = [
            _record(place, record, self._ends.get(place))
            for place, records in ((Partition(*each), records) for each, records in polled.items())
            for record in records
        ]
        for record in found:
            self._next[record.place] = record.offset + 1
        return found

    def to_end(self, within_s: float = PATIENCE_S) -> Iterator[StoredRecord]:
        """Every record up to where the topics ended when reading began.

        Raises as `poll` does, and RetriableError where nothing arrives for `within_s` seconds before the end.
        """
        deadline = time.monotonic() + within_s
        while not self.position.caught_up:
            records = self.poll(0.25)
            if records:
                deadline = time.monotonic() + within_s
            elif time.monotonic() > deadline:
                raise RetriableError(
                    f"{self._where} sent nothing for {within_s:.0f} s before the end of {self._named} was reached"
                )
            yield from records

    def sees_the_end(self) -> bool:
        """Whether the broker answers now and nothing was written that `poll` has not returned. Raises as `poll` does.

        The one question to ListOffsets: a fetch tells what was, and only an answer to a question of now tells that we
        are not cut off. Where it is wrong it is too small, and says "nothing new" to what the next poll brings.
        """
        with self._refusals():
            self._connect()
            partitions = [TopicPartition(*place) for place in self._assigned]
            ends = self._consumer.end_offsets(partitions, timeout_ms=_ANSWER_MS)
            return all(self._consumer.position(each, timeout_ms=_ANSWER_MS) >= ends[each] for each in partitions)

    @property
    def position(self) -> ReaderProgress:
        """How far this reader is, as of the last poll."""
        behind = 0
        for place in self._assigned:
            end = self._consumer.highwater(TopicPartition(*place))
            if end is not None:
                behind += max(0, end - self._offset(place))
        if self._consumer is None:
            self._in_contact = False
        elif time.monotonic() - self._contact_at > _CONTACT_EVERY_S:  # asked with every poll, and not cheap
            self._contact_at, self._in_contact = time.monotonic(), self.in_contact
        return ReaderProgress(caught_up=self._caught_up, in_contact=self._in_contact, behind=behind)

    @property
    def in_contact(self) -> bool:
        """Whether a broker is connected; a poll without records says nothing of it."""
        if self._consumer is None:
            return False
        return bool(self._consumer.metrics().get("consumer-metrics", {}).get("connection-count", 0))

    @property
    def missing(self) -> frozenset[str]:
        """The topics that are not there while others are."""
        return self._missing

    def close(self) -> None:
        """Drop the connections; the positions stay."""
        consumer, self._consumer, self._assigned = self._consumer, None, frozenset()
        self._looked_at = self._contact_at = -math.inf
        if consumer is not None:
            consumer.close(autocommit=False, timeout_ms=_CLOSE_MS)

    def __enter__(self) -> TopicReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def _where(self) -> str:
        return f"Kafka at {', '.join(self._kafka.bootstrap_servers)}"

    @property
    def _named(self) -> str:
        return ", ".join(self._topics)

    @contextlib.contextmanager
    def _refusals(self) -> Iterator[None]:
        """Kafka's errors as ours; the consumer is closed: what its failed call had taken is unknown."""
        try:
            yield
        except (KafkaError, OSError) as error:
            self.close()
            raise _ours(error, f"{self._named} of {self._where}") from error

    def _polled(self, wait_s: float) -> Any:
        while True:
            self._connect()
            try:
                return self._consumer.poll(timeout_ms=int(wait_s * 1000), max_records=self.max_records)
            except OffsetOutOfRangeError as error:
                self._start_over([Partition(*place) for place in error.args[0]])

    def _start_over(self, places: Iterable[Partition]) -> None:
        """Forget these positions; the consumer goes too, because its failed poll may have taken records of others."""
        self.close()
        for place in places:
            log.warning(
                "records are no longer kept: going on with the earliest",
                topic=place.topic,
                partition=place.partition,
                offset=self._next.pop(place, None),
            )

    def _connect(self) -> None:
        if self._consumer is None:
            self._consumer = _new_consumer(self._kafka, self._client_id, self._options)
        if not self._assigned or time.monotonic() - self._looked_at > _PARTITIONS_EVERY_S:
            self._looked_at = time.monotonic()
            self._assign()

    def _assign(self) -> None:
        """Take every partition there is; those that appear later are read from their beginning, too."""
        found: set[Partition] = set()
        missing: set[str] = set()
        for topic in self._topics:
            partitions = self._consumer.partitions_for_topic(topic) or set()
            if not partitions:
                missing.add(topic)
            elif self._keys is not None:
                partitions = {partition_of(key, len(partitions)) for key in self._keys}
            found |= {Partition(topic, number) for number in partitions}
        if not self._assigned and missing and not (self._partly and found):
            raise RetriableError(f"{self._where} has no topic {', '.join(sorted(missing))}: {self._absent}")
        if missing - self._missing:
            log.warning("topics are missing", topics=sorted(missing), kafka=self._kafka.bootstrap_servers)
        self._missing = frozenset(missing)
        new = found - self._assigned
        if not new:
            return
        assigned = self._assigned | new
        self._consumer.assign([TopicPartition(*place) for place in sorted(assigned)])  # keeps the positions of others
        self._seek(new)
        self._assigned = assigned
        log.info("reading", topics=self._topics, partitions=len(assigned))

    def _seek(self, places: set[Partition]) -> None:
        unknown = {TopicPartition(*place) for place in places if place not in self._next}
        if unknown:
            self._consumer.seek_to_beginning(*unknown)
        for place in places & set(self._next):
            self._consumer.seek(TopicPartition(*place), self._next[place])
        if self._tail is not None and unknown:
            self._skip_to_tail(unknown, self._tail)

    def _skip_to_tail(self, partitions: set[Any], tail: int) -> None:
        """Fetch until every partition has told its end, then go where its tail begins."""
        first = {each: int(self._consumer.position(each) or 0) for each in partitions}
        others = self._consumer.assignment() - partitions
        self._consumer.pause(*others)  # what is fetched here is thrown away
        deadline = time.monotonic() + _TAIL_WITHIN_S
        while any(self._consumer.highwater(each) is None for each in partitions) and time.monotonic() < deadline:
            self._consumer.poll(timeout_ms=100, max_records=1)
        for each in partitions:
            self._consumer.seek(each, max(first[each], (self._consumer.highwater(each) or 0) - tail))
        self._consumer.resume(*others)

    def _note_ends(self) -> None:
        """Remember where each partition ended when it was first fetched; caught up once all are passed."""
        if self._caught_up and self._assigned <= self._ends.keys():
            return
        for place in self._assigned:
            if place not in self._ends:
                end = self._consumer.highwater(TopicPartition(*place))
                if end is not None:
                    self._ends[place] = end
        self._caught_up = self._caught_up or (
            bool(self._assigned)
            and all(each in self._ends and self._offset(each) >= self._ends[each] for each in self._assigned)
        )

    def _offset(self, place: Partition) -> int:
        return int(self._consumer.position(TopicPartition(*place), timeout_ms=0) or 0)


@contextlib.contextmanager
def consumer(kafka: KafkaConnection, client_id: str, **options: Any) -> Iterator[Any]:
    """A bare kafka-python consumer, for questions that no reader answers; closed at the end.

    Raises as `TopicReader.poll` does, at its making and within.
    """
    found = _new_consumer(kafka, client_id, options)
    try:
        yield found
    except (KafkaError, OSError) as error:
        raise _ours(error, f"Kafka at {', '.join(kafka.bootstrap_servers)}") from error
    finally:
        found.close(autocommit=False, timeout_ms=_CLOSE_MS)


def partitions_of(asked: Any, topics: Iterable[str]) -> list[Any]:
    """The partitions of these topics, as `asked` (a `consumer`) names them."""
    found = {each: sorted(asked.partitions_for_topic(each) or ()) for each in topics}
    return [TopicPartition(topic, number) for topic, numbers in found.items() for number in numbers]


def read_at(
    kafka: KafkaConnection, places: Iterable[tuple[str, int, int]], *, within_s: float = 10.0
) -> Generator[StoredRecord, None, None]:
    """The records at these (topic, partition, offset); those that retention has removed are left out.

    Holds a consumer until it is closed (contextlib.closing). Raises as `TopicReader.poll` does.
    """
    with consumer(kafka, "synchealth-reader", auto_offset_reset="earliest") as asked:
        for topic, number, offset in sorted(set(places)):
            place = TopicPartition(topic, number)
            if place not in partitions_of(asked, [topic]):
                continue
            asked.assign([place])
            asked.seek(place, offset)
            for found in asked.poll(timeout_ms=int(within_s * 1000), max_records=1).get(place, ()):
                if found.offset == offset:
                    yield _record(Partition(topic, number), found, None)


def _new_consumer(kafka: KafkaConnection, client_id: str, options: Mapping[str, Any]) -> Any:
    require_reachable(kafka)
    whole = client_options(kafka, client_id) | _OPTIONS | dict(options)
    return built(kafka, KafkaError, lambda: KafkaConsumer(**whole))


def _ours(error: BaseException, what: str) -> FatalError | RetriableError:
    """The error to raise where `what` was asked."""
    if isinstance(error, _REFUSED):
        return FatalError(f"{what} may not be read ({type(error).__name__}: {error}): check the reader's rights")
    gc.collect()  # each refused connection of kafka-python 3.0.12 leaves an open socket in a reference cycle
    return RetriableError(f"{what} cannot be read ({type(error).__name__}: {error})")


def _record(place: Partition, record: Any, end: int | None) -> StoredRecord:
    return StoredRecord(
        place,
        record.offset,
        record.value,
        record.key,
        record.timestamp,
        record.timestamp if record.timestamp_type == _LOG_APPEND_TIME else None,
        record.headers,
        live=end is not None and record.offset >= end,
    )
