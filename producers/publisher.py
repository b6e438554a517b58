"""What producers publish: facts, events, tenant states and dead letters into their topics."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from msgspec.structs import replace

from producers.watermark import SourceWatermark, fact_of
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import encode
from streams.contracts.deadletter import DeadLetter, dead_letter, without_document
from streams.contracts.errors import FatalError
from streams.contracts.events import Event, EventChunk, Log
from streams.contracts.facts import Fact, FactChunk, Origin, TenantState, Watermark
from streams.contracts.identity import partition_of
from streams.contracts.topics import (
    AD_CHANGES,
    CHECKPOINTS,
    DEADLETTERS,
    ENTRA_AUDITS,
    ENTRA_CHANGES,
    ENTRA_TENANT,
    SERVER_EVENTS,
    TOPICS,
    Topic,
)
from streams.runtime.clock import now_ms
from streams.runtime.logs import get_logger
from streams.runtime.settings import KafkaSettings
from streams.runtime.topic_writer import TopicWriter

# Kafka refuses record batches above 1 MB by default (message.max.bytes), before compression helps.
LONGEST_RECORD = 900_000
_LONGEST_KEY = 1000
# Beside each part of a position: the epoch of the claim under which it was written (producers.ledger).
EPOCH_HEADER = "epoch"

log = get_logger(__name__)


class Publisher(Protocol):
    """Where a runner sends what its source read. Nothing counts as sent before `flush` has returned."""

    def publish_facts(self, origin: Origin, facts: Sequence[Fact]) -> None: ...

    def publish_read_until(self, origin: Origin, mark: SourceWatermark) -> None: ...

    def publish_watermark(self, mark: Watermark) -> None: ...

    def publish_tenant(self, state: TenantState) -> None: ...

    def publish_events(self, source: str, events: Sequence[Event]) -> None: ...

    def publish_dead_letters(self, letters: Iterable[DeadLetter]) -> None: ...

    def publish_checkpoints(self, checkpoints: Iterable[Checkpoint]) -> None: ...

    def publish_contact(self, contact: Checkpoint) -> None: ...

    def writes_as(self, epoch: int) -> None: ...

    def require_layout(self) -> None: ...

    def flush(self) -> None: ...

    def close(self) -> None: ...


class KafkaPublisher:
    """Writes as a TopicWriter does. One per source: errors do not mix.

    Every method raises RetriableError while Kafka cannot be reached, and FatalError where rights or the
    layout of a topic are wrong. After a RetriableError everything since the last `flush` must be published
    again: the idempotent producer behind it is given up, and a fresh one may repeat what had arrived.
    keep_documents: whether dead letters hold what they are about.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        client_id: str,
        *,
        chunk_facts: int = 250,
        timeout_s: float = 30.0,
        keep_documents: bool = False,
    ):
        self._kafka = kafka
        self._writer = TopicWriter(kafka, client_id, timeout_s=timeout_s)
        self._chunk_facts = chunk_facts
        self._keep_documents = keep_documents
        self._headers: list[tuple[str, bytes]] = []
        self._written: dict[str, Topic] = {}

    def writes_as(self, epoch: int) -> None:
        """Write positions under this claim from now on."""
        self._headers = [(EPOCH_HEADER, str(epoch).encode())]

    def require_layout(self) -> None:
        """Return if the topics that were written to have their partitions still. Raises FatalError, RetriableError."""
        for topic in self._written.values():
            self._partitions(topic)

    def publish_facts(self, origin: Origin, facts: Sequence[Fact]) -> None:
        """Send `facts`, grouped by partition into chunks; the facts of one object keep their order."""
        topic = AD_CHANGES if origin.side == "ad" else ENTRA_CHANGES
        partitions = self._partitions(topic)
        groups: dict[int, list[Fact]] = {}
        for fact in facts:
            groups.setdefault(partition_of(fact.object_id, partitions), []).append(fact)
        for partition, group in groups.items():
            for start in range(0, len(group), self._chunk_facts):
                for key, value in self._records(origin, group[start : start + self._chunk_facts]):
                    self._send(topic, key, value, partition)

    def publish_read_until(self, origin: Origin, mark: SourceWatermark) -> None:
        """Send how far the forest of `origin` was read, to its forest view alone."""
        self.publish_facts(origin, [fact_of(origin, mark)])

    def publish_watermark(self, mark: Watermark) -> None:
        """Send how far a source has been read, behind its facts in every partition."""
        topic = AD_CHANGES if mark.origin.side == "ad" else ENTRA_CHANGES
        self.publish_to_all(topic, encode(replace(mark, said_ms=now_ms())))

    def publish_tenant(self, state: TenantState) -> None:
        """Send what is known of a tenant; the topic keeps the newest."""
        self._send(ENTRA_TENANT, state.tenant, encode(state))

    def publish_events(self, source: str, events: Sequence[Event]) -> None:
        """Send events, grouped by partition: those of servers and those of Entra's logs each to their topic.

        The events of one key keep their order.
        """
        for topic, is_ours in ((SERVER_EVENTS, True), (ENTRA_AUDITS, False)):
            groups: dict[int, list[Event]] = {}
            for event in events:
                if (event.log is Log.WINDOWS) is is_ours:
                    groups.setdefault(partition_of(event.key, self._partitions(topic)), []).append(event)
            for partition, group in groups.items():
                for start in range(0, len(group), self._chunk_facts):
                    for key, value in self._event_records(source, group[start : start + self._chunk_facts]):
                        self._send(topic, key, value, partition)

    def publish_dead_letters(self, letters: Iterable[DeadLetter]) -> None:
        """Send what could not be used."""
        for letter in letters:
            kept = letter if self._keep_documents else without_document(letter)
            self._send(DEADLETTERS, letter.key, encode(kept))

    def publish_checkpoints(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Send parts of a position in this order: a later part is never kept without the earlier ones.

        A part whose position is empty is deleted (a tombstone).
        """
        for checkpoint in checkpoints:
            value = encode(checkpoint) if checkpoint.position else None
            self._send(CHECKPOINTS, checkpoint_key(checkpoint), value, headers=self._headers)

    def publish_contact(self, contact: Checkpoint) -> None:
        """Send the contact record of a source (streams.contracts.checkpoint.contact_record): when it last answered."""
        self._send(CHECKPOINTS, checkpoint_key(contact), encode(contact))

    def publish_to_all(self, topic: Topic, value: bytes) -> None:
        """Send one record to every partition of `topic`: each reader of it gets the order."""
        for partition in range(self._partitions(topic)):
            self._send(topic, None, value, partition)

    def publish_again(self, topic: str, partition: int, key: bytes | None, value: bytes) -> None:
        """Send a record of one of our topics once more, to where it stood."""
        known = {each.name: each for each in TOPICS}.get(topic)
        if known is None:
            raise FatalError(f"{topic} is no topic of SyncHealth: nothing is sent there")
        self._send(known, key, value, partition)

    def flush(self) -> None:
        """Return once Kafka has acknowledged every record. Raises RetriableError, FatalError."""
        self._writer.flush()

    def close(self) -> None:
        """Let go of the connections; what was not flushed is dropped."""
        self._writer.close()

    def _records(self, origin: Origin, facts: list[Fact]) -> Iterator[tuple[str, bytes]]:
        value = _written(FactChunk(origin=origin, facts=facts))
        if value is not None and len(value) <= LONGEST_RECORD:
            yield facts[0].object_id, value
        elif len(facts) > 1:
            half = len(facts) // 2
            yield from self._records(origin, facts[:half])
            yield from self._records(origin, facts[half:])
        else:
            self._refuse("fact", origin.name, facts[0].object_id, value, facts[0])

    def _event_records(self, source: str, events: list[Event]) -> Iterator[tuple[str, bytes]]:
        key, value = events[0].key, _written(EventChunk(source=source, events=events))
        if value is not None and len(_bytes(key)) + len(value) <= LONGEST_RECORD:
            yield key, value
        elif len(events) > 1:
            half = len(events) // 2
            yield from self._event_records(source, events[:half])
            yield from self._event_records(source, events[half:])
        else:
            self._refuse("event", source, events[0].id, value, events[0])

    def _refuse(self, what: str, source: str, key: str, value: bytes | None, item: Fact | Event) -> None:
        if value is None:
            reason, why = "unwritable", f"one {what} holds what no record can: no UTF-8, or a depth without end"
        else:
            reason, why = "too_large", f"one {what} of {len(value)} bytes exceeds {LONGEST_RECORD}"
        log.error("not for a record", reason=reason, what=what, source=source, key=key[:_LONGEST_KEY])
        original = _bytes(repr(item)) if value is None else value
        letter = dead_letter(reason, why, stage="source", ts_ms=now_ms(), original=original, key=key)
        self.publish_dead_letters([letter])

    def _send(
        self,
        topic: Topic,
        key: str | bytes | None,
        value: bytes | None,
        partition: int | None = None,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        encoded = _bytes(key) if isinstance(key, str) else key
        self._writer.send(topic.name, encoded, value, partition, headers)

    def _partitions(self, topic: Topic) -> int:
        expected = topic.partitions or self._kafka.partitions
        self._written[topic.name] = topic
        found = self._writer.partitions(topic.name)
        if found != expected:
            raise FatalError(
                f"{topic.name} has {found} partitions, the configuration says {expected}: "
                "correct [kafka] partitions, or delete the topic and run `synchealth topics create`"
            )
        return found


def _written(chunk: FactChunk | EventChunk) -> bytes | None:
    """None where JSON has no form for what is in it."""
    try:
        return encode(chunk)
    except (TypeError, ValueError, RecursionError, OverflowError):
        return None


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def checkpoint_key(checkpoint: Checkpoint) -> str:
    """The record key of a part: "<source>" or "<source>#<part>"."""
    return f"{checkpoint.source}#{checkpoint.part}" if checkpoint.part else checkpoint.source
