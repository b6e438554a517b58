"""Shipped events as a Source: records of other people's topics become events of ours.

Each saved part of the position is the next offset of one partition: part "<topic>/<partition>"; part "servers" holds
which servers were learned (producers/eventlog/admitted_servers.py).
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from producers import metrics
from producers.eventlog.admitted_servers import OF_SERVERS, PART, AdmittedServers
from producers.eventlog.consumer import shipped_reader
from producers.eventlog.event_hub import records_of
from producers.eventlog.winlogbeat import OTHER, unread, winlogbeat_events
from producers.refusing import refusing
from producers.sequence import last_number
from producers.source import STREAMING, Batch, Progress
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import NoJsonFormError, NotJsonError, dump_document, load_document
from streams.contracts.deadletter import DeadLetter, dead_letter
from streams.contracts.errors import InvalidRecordError
from streams.contracts.events import UNKNOWN_SERVERS, Event, Log
from streams.contracts.facts import Origin
from streams.runtime.clock import HybridClock, now_ms
from streams.runtime.logs import get_logger
from streams.runtime.settings import EventLogSettings, KafkaConnection
from streams.runtime.topic_reader import Partition, StoredRecord, TopicReader

_POLL_S = 1.0
_MOST_REFUSED = 20  # dead letters of one message
# Kinds of unread events that are told apart, so that whatever is shipped, labels stay bounded.
_MOST_KINDS = 100

_NUMBER = re.compile("[0-9]{1,9}")

log = get_logger(__name__)


@dataclass(slots=True)
class _Mapped:
    events: list[Event] = field(default_factory=list)
    rejected: list[DeadLetter] = field(default_factory=list)


class EventLogSource:
    """The events of one [[eventlog]] table.

    At least once: what was read after the last saved position is read again after a restart, and the same event
    has the same id.
    """

    def __init__(
        self,
        settings: EventLogSettings,
        own: KafkaConnection,
        reader: TopicReader | None = None,
        clock: Callable[[], int] = now_ms,
        applications: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """`own`: the installation's Kafka, for settings that name no other; `applications`: the tenant's
        sync_applications.
        """
        name = f"eventlog/{settings.name}"
        self._format = settings.format
        self._topics = settings.topics
        self.origin = Origin(name=name, side="entra", tenant=settings.tenant)
        self.progress = Progress()
        self._reader = reader or shipped_reader(
            settings.connection(own), settings.topics, f"synchealth-eventlog-{settings.name}"
        )
        self._clock = clock
        self._applications = {name.lower(): server.lower() for name, server in applications.items()}
        self._servers = AdmittedServers(settings.servers)
        self._sequence = HybridClock()
        self._stopped = threading.Event()
        self._places: set[Partition] = set()
        self._retelling = True  # until the end of what is retained was seen

    def restore(self, checkpoints: Iterable[Checkpoint], claimed_ms: int | None = None) -> None:
        """Go on behind what was saved; without a position, at the beginning of what is retained."""
        saved = list(checkpoints)
        self._sequence.last = last_number(saved, claimed_ms)
        positions = {}
        for part in saved:
            if part.part == PART:
                self._servers.restore(part.position, self._clock())
                continue
            topic, _, number = part.part.rpartition("/")
            offset = part.position.get("offset")
            if _NUMBER.fullmatch(number) and isinstance(offset, int) and 0 <= offset < 2**63:
                positions[Partition(topic, int(number))] = offset
            elif part.position:
                log.error("a position cannot be read: from the beginning", source=self.origin.name, part=part.part)
        self._reader.start_at(positions)
        self._places |= positions.keys()
        self.progress.phase = "snapshot"

    def read(self) -> Batch:
        """The events of the next records. Raises RetriableError, FatalError."""
        records = self._reader.poll(0.0 if self._stopped.is_set() else _POLL_S)
        more = len(records) >= self._reader.max_records
        self.progress.done += len(records)
        self.progress.phase = self.progress.phase if more else STREAMING
        self._places |= {record.place for record in records}
        missing = [f"topic {topic}" for topic in self._reader.missing]
        silent, now_s = self.progress.unheard, time.monotonic()
        self.progress.unheard = {topic: silent.get(topic, now_s) for topic in missing}
        self._retelling &= bool(records) or not self._reader.in_contact
        mapped = _Mapped()
        for record in records:
            self._map(record, mapped)
        mapped.events += self._flood()
        return Batch(
            events=mapped.events,
            rejected=mapped.rejected,
            checkpoints=self._positions(records),
            more=more,
            contacted=bool(records) or self._reader.in_contact,
        )

    @property
    def collections(self) -> tuple[str, ...]:
        """None: only everything at once can be read again."""
        return ()

    def resync(self, collection: str) -> list[Checkpoint]:
        """See producers.source.Source.resync. Events can be told again as far as their topics still hold them."""
        if collection:
            raise KeyError(collection)
        metrics.RESYNCS.labels(self.origin.name, "ordered").inc()
        log.info("events are read again from the earliest that their topics hold", source=self.origin.name)
        self._reader.close()
        self._reader.start_at({})
        self._retelling, self.progress.phase, self.progress.done = True, "resync", 0
        return [self._part(_name(place), {}) for place in sorted(self._places)]

    def resyncing(self, collection: str) -> bool:
        """See producers.source.Source.resyncing."""
        return self._retelling

    def wait(self, timeout_s: float) -> None:
        """Not at all: `read` itself waits for records."""

    def wake(self) -> None:
        """Let the next `read` return at once: the process stops."""
        self._stopped.set()

    def close(self) -> None:
        """Drop the connections."""
        self._reader.close()

    def _map(self, record: StoredRecord, into: _Mapped) -> None:
        seen_ms = self._clock()
        try:
            document = _document(record.value)
            if self._format == "event_hub":
                self._map_hub(record, document, seen_ms, into)
            else:
                with refusing("the document"):
                    into.events += self._admitted(winlogbeat_events(document, self.origin.tenant, seen_ms), seen_ms)
                self._count_unread(document)
        except InvalidRecordError as error:
            into.rejected.append(_refused(record, error, record.value or b"", seen_ms))

    def _admitted(self, events: list[Event], seen_ms: int) -> list[Event]:
        """All of them, or none. Raises InvalidRecordError("unknown_server") where that is worth a dead letter."""
        names = (f"{each.server}.{each.domain}" if each.domain else each.server for each in events
                 if each.name.startswith(OF_SERVERS))  # fmt: skip
        server = next(names, None)
        if self._servers.admits(server, seen_ms):
            return events
        metrics.UNKNOWN_SERVER.labels(self.origin.name).inc(len(events))
        if server is not None and self._servers.refuse(server, len(events), seen_ms):
            raise InvalidRecordError("unknown_server", f"{server}: {self._servers.advice}")
        return []

    def _flood(self) -> list[Event]:
        """The event that more new servers were named than may be learned; none where the last one still says so."""
        now = self._clock()
        flood = self._servers.flood(now)
        if flood is None:
            return []
        log.warning("events of new servers are refused", source=self.origin.name, servers=flood["distinct"])
        details = {"table": self.origin.name.partition("/")[2], "topics": self._topics, **flood}
        return [
            Event(
                id=f"{self.origin.name}/servers/{now}",
                log=Log.WINDOWS,
                name=UNKNOWN_SERVERS,
                tenant=self.origin.tenant,
                ts_ms=now,
                seen_ms=now,
                details=details,
            )
        ]

    def _count_unread(self, document: Any) -> None:
        """So that an installation shows what its servers write and we do not read."""
        kind = unread(document)
        if kind is None:
            return
        name, known = "/".join(kind), self.progress.unread
        if name not in known and len(known) >= _MOST_KINDS:
            kind, name = (OTHER, OTHER), f"{OTHER}/{OTHER}"
        known[name] = known.get(name, 0) + 1
        metrics.UNREAD.labels(self.origin.name, *kind).inc()

    def _map_hub(self, record: StoredRecord, document: Any, seen_ms: int, into: _Mapped) -> None:
        """A message holds many records, and a bad one among them is a dead letter of its own; of many bad ones the
        first are, and one more says how many: a message must not become a hundred times what it was.
        """
        refused = 0
        for each in records_of(document):
            try:
                with refusing("the record"):
                    into.events += each.events(self.origin.tenant, seen_ms, self._applications)
            except InvalidRecordError as error:
                refused += 1
                if refused <= _MOST_REFUSED:
                    into.rejected.append(_refused(record, error, _written(each.raw, record), seen_ms))
        if refused > _MOST_REFUSED:
            rest = InvalidRecordError("wrong_shape", f"{refused - _MOST_REFUSED} more records of it are unusable")
            into.rejected.append(_refused(record, rest, record.value or b"", seen_ms))

    def _positions(self, records: list[StoredRecord]) -> list[Checkpoint]:
        """The part of each partition that was read from, all with a number of their own."""
        offsets = {record.place: record.offset + 1 for record in records}
        parts: dict[str, dict[str, Any]] = {_name(place): {"offset": at} for place, at in sorted(offsets.items())}
        learned = self._servers.news()
        parts |= {PART: learned} if learned else {}
        return [self._part(name, position) for name, position in parts.items()]

    def _part(self, name: str, position: dict[str, Any]) -> Checkpoint:
        return Checkpoint(
            source=self.origin.name, seq=self._sequence.next(), ts_ms=now_ms(), position=position, part=name
        )


def _name(place: Partition) -> str:
    """The part of the position that is this partition's."""
    return f"{place.topic}/{place.partition}"


def _document(value: bytes | None) -> Any:
    if not value:
        raise InvalidRecordError("empty", "the record has no value")
    try:
        return load_document(value)
    except NotJsonError as error:
        raise InvalidRecordError("not_json", f"the record is not JSON: {error}") from error


def _written(raw: Any, record: StoredRecord) -> bytes:
    try:
        return dump_document(raw)
    except NoJsonFormError:  # nested deeper than orjson writes, though not than it reads
        return record.value or b""


def _refused(record: StoredRecord, error: InvalidRecordError, original: bytes, ts_ms: int) -> DeadLetter:
    """topic and offset stay empty: they are another Kafka's, or at least no topic that we may send to again."""
    at = f"{record.place.topic}/{record.place.partition}@{record.offset}"
    return dead_letter(error.reason, f"{at}: {error}", stage="source", ts_ms=ts_ms, original=original, key=at)
