"""The only kafka-python producer: facts, events, tenant states and dead letters into their topics."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Protocol

from kafka import KafkaProducer
from kafka.errors import (
    ClusterAuthorizationFailedError,
    IllegalStateError,
    KafkaError,
    MessageSizeTooLargeError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
)
from msgspec.structs import replace

from producers.watermark import SourceWatermark, fact_of
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import encode
from streams.contracts.deadletter import DeadLetter, dead_letter, without_document
from streams.contracts.errors import FatalError, RetriableError
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
from streams.runtime.kafka import client_options, producer_options, require_reachable
from streams.runtime.kafka_ping import built
from streams.runtime.logs import get_logger
from streams.runtime.settings import KafkaSettings

# Kafka refuses record batches above 1 MB by default (message.max.bytes), before compression helps.
LONGEST_RECORD = 900_000
_LONGEST_KEY = 1000
# Beside each part of a position: the epoch of the claim under which it was written (producers.ledger).
EPOCH_HEADER = "epoch"
# A topic that got other partitions is noticed within this time; kafka-python asks every five minutes by itself.
_LAYOUT_MS = 30_000
_FATAL = (TopicAuthorizationFailedError, ClusterAuthorizationFailedError, SaslAuthenticationFailedError)

log = get_logger(__name__)


class Publisher(Protocol):
    """Where a runner sends what its source said. Nothing counts as sent before `flush` has returned."""

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
    """Idempotent, acknowledged by all in-sync replicas, compressed. One per source: errors do not mix.

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
        self._client_id = client_id
        self._chunk_facts = chunk_facts
        self._keep_documents = keep_documents
        self._timeout_s = timeout_s
        self._producer: Any = None
        self._sent: list[Any] = []
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
        """Send how far a source is told, behind its facts in every partition."""
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
        """Send the contact record of a source (streams.contracts.checkpoint.contact_word): when it last answered."""
        self._send(CHECKPOINTS, checkpoint_key(contact), encode(contact))

    def publish_to_all(self, topic: Topic, value: bytes) -> None:
        """Send one record to every partition of `topic`: an order that all of its readers must hear."""
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
        sent, self._sent = self._sent, []
        if not sent:
            return
        try:
            self._producer.flush(timeout=self._timeout_s)
            for future in sent:
                future.get(timeout=0)
        except KafkaError as error:
            raise self._given_up(error) from error

    def close(self) -> None:
        """Let go of the connections; what was not flushed is dropped."""
        producer, self._producer, self._sent = self._producer, None, []
        if producer is None:
            return
        try:
            producer.close(timeout=0)
        except KafkaError:
            # kafka-python 3.0.12 flushes first and, where that fails, leaves its thread and sockets behind.
            producer._sender.force_close()  # noqa: SLF001

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

    def _refuse(self, what: str, source: str, key: str, value: bytes | None, said: Fact | Event) -> None:
        if value is None:
            reason, why = "unwritable", f"one {what} holds what no record can: no UTF-8, or a depth without end"
        else:
            reason, why = "too_large", f"one {what} of {len(value)} bytes exceeds {LONGEST_RECORD}"
        log.error("not for a record", reason=reason, what=what, source=source, key=key[:_LONGEST_KEY])
        original = _bytes(repr(said)) if value is None else value
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
        encoded, more = _bytes(key) if isinstance(key, str) else key, {"headers": list(headers)} if headers else {}
        try:
            self._sent.append(self._connected().send(topic.name, value, key=encoded, partition=partition, **more))
        except MessageSizeTooLargeError as error:
            raise FatalError(f"{topic.name}: a record of {len(value or b'')} bytes is too large for Kafka") from error
        except KafkaError as error:
            raise self._given_up(error) from error

    def _partitions(self, topic: Topic) -> int:
        expected = topic.partitions or self._kafka.partitions
        self._written[topic.name] = topic
        try:
            found = len(self._connected().partitions_for(topic.name))
        except KafkaError as error:
            raise self._given_up(error, f"; does {topic.name} exist? (`synchealth topics create`)") from error
        if found != expected:
            raise FatalError(
                f"{topic.name} has {found} partitions, the configuration says {expected}: "
                "correct [kafka] partitions, or delete the topic and run `synchealth topics create`"
            )
        return found

    def _connected(self) -> Any:
        if self._producer is None:
            require_reachable(self._kafka)
            options = client_options(self._kafka, self._client_id) | producer_options()
            # Fail after half a minute rather than two: the runner retries with the same batch anyway.
            limit_ms = int(self._timeout_s * 1000)
            options |= {"max_block_ms": limit_ms, "delivery_timeout_ms": limit_ms, "bootstrap_timeout_ms": limit_ms}
            options |= {"request_timeout_ms": limit_ms - 1000, "allow_auto_create_topics": False}
            options |= {"metadata_max_age_ms": _LAYOUT_MS}
            self._producer = built(self._kafka, KafkaError, lambda: KafkaProducer(**options))
        return self._producer

    def _given_up(self, error: BaseException, hint: str = "") -> RetriableError | FatalError:
        """The error to raise; the producer goes, because an idempotent one may not go on after a loss."""
        self.close()
        # Each refused connection of kafka-python 3.0.12 leaves an open socket in a reference cycle.
        gc.collect()
        where = ", ".join(self._kafka.bootstrap_servers)
        if isinstance(error, _FATAL):
            return FatalError(f"Kafka at {where} refuses us ({type(error).__name__}): grant the producer its rights")
        if isinstance(error, IllegalStateError):
            return RetriableError(f"the producer of Kafka at {where} had to be given up")
        return RetriableError(f"Kafka at {where} did not take the records ({type(error).__name__}: {error}){hint}")


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
