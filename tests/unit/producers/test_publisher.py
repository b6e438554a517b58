"""Chunks, partitions, sizes and the promise of flush, against a stand-in for kafka-python."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.errors import KafkaTimeoutError, TopicAuthorizationFailedError
from kafka.partitioner import murmur2

from producers.publisher import LONGEST_RECORD, KafkaPublisher
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import decode
from streams.contracts.deadletter import DeadLetter, dead_letter
from streams.contracts.errors import FatalError, RetriableError
from streams.contracts.events import Event, EventChunk, Log
from streams.contracts.facts import Fact, FactChunk, Operation, Origin, TenantState, Watermark
from streams.contracts.topics import TOPICS
from streams.runtime import topic_writer as module
from streams.runtime.settings import KafkaSettings

USER = "8c2f5d1e-94b7-4c0a-8b3f-6a1d20e57c91"
ORIGIN = Origin(name="ad/corp.example", side="ad", tenant="t", forest="corp.example")


class Answer:
    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self, timeout: float | None = None) -> None:
        if self._client.fail_record:
            raise self._client.fail_record


class Client:
    """What KafkaPublisher needs of a KafkaProducer."""

    made: ClassVar[list[Client]] = []

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.records: list[tuple[str, bytes | None, bytes | None, int | None]] = []
        self.fail_flush: Exception | None = None
        self.fail_record: Exception | None = None
        self.partitions = 4
        self.closed = False
        Client.made.append(self)

    def partitions_for(self, topic: str) -> set[int]:
        return set(range(1 if "checkpoints" in topic or "deadletters" in topic else self.partitions))

    def send(self, topic: str, value: bytes | None, key: bytes | None = None, partition: int | None = None) -> Answer:
        self.records.append((topic, key, value, partition))
        return Answer(self)

    def flush(self, timeout: float | None = None) -> None:
        if self.fail_flush:
            raise self.fail_flush

    def close(self, timeout: float | None = None) -> None:
        self.closed = True


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "require_reachable", lambda kafka: None)
    Client.made = []
    monkeypatch.setattr(module, "KafkaProducer", Client)


def fact(object_id: str, size: int = 0) -> Fact:
    return Fact(op=Operation.READ, object_id=object_id, seq=1, ts_ms=1, attributes={"displayName": "x" * size})


def fresh(chunk_facts: int = 250) -> KafkaPublisher:
    return KafkaPublisher(KafkaSettings(partitions=4), "test", chunk_facts=chunk_facts)


def chunks() -> list[tuple[bytes, FactChunk, int]]:
    found = []
    for topic, key, value, partition in Client.made[-1].records:
        if topic == "synchealth.ad.changes.v1":
            assert key is not None and partition is not None
            found.append((key, decode(value, FactChunk), partition))
    return found


@given(ids=st.lists(st.uuids().map(str), max_size=60), chunk_facts=st.integers(1, 20))
def test_every_fact_lands_once_in_the_partition_of_its_key(ids: list[str], chunk_facts: int) -> None:
    publisher = fresh(chunk_facts)
    publisher.publish_facts(ORIGIN, [fact(object_id) for object_id in ids])
    sent = [each for _, chunk, _ in chunks() for each in chunk.facts]
    assert sorted(each.object_id for each in sent) == sorted(ids)
    for key, chunk, partition in chunks():
        assert len(chunk.facts) <= chunk_facts and key.decode() == chunk.facts[0].object_id
        for each in chunk.facts:
            assert (murmur2(each.object_id.encode()) & 0x7FFFFFFF) % 4 == partition


def test_the_facts_of_one_object_keep_their_order() -> None:
    publisher = fresh(2)
    one = "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55"
    facts = [Fact(op=Operation.UPDATED, object_id=one, seq=number, ts_ms=1) for number in range(7)]
    publisher.publish_facts(ORIGIN, facts)
    assert [each.seq for _, chunk, _ in chunks() for each in chunk.facts] == list(range(7))


def test_a_record_never_exceeds_what_kafka_takes() -> None:
    publisher = fresh(250)
    ids = [f"6e1a2c90-5b7d-4f38-9c21-{number:012d}" for number in range(40)]
    publisher.publish_facts(ORIGIN, [fact(object_id, 100_000) for object_id in ids])
    records = [value for _, _, value, _ in Client.made[-1].records if value is not None]
    assert all(len(value) <= LONGEST_RECORD for value in records)
    assert sorted(each.object_id for _, chunk, _ in chunks() for each in chunk.facts) == ids


def test_one_fact_that_is_too_large_becomes_a_dead_letter_and_stops_nothing() -> None:
    publisher = fresh()
    publisher.publish_facts(ORIGIN, [fact("6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55", 1_000_000)])
    ((topic, _, value, _),) = Client.made[-1].records
    letter = decode(value, DeadLetter)
    assert topic == "synchealth.deadletters.v1" and letter.reason == "too_large"
    assert letter.original == "" and letter.shape is not None, "no document unless it is asked for"
    assert value is not None and len(value) < LONGEST_RECORD


def event(number: int, size: int = 0, log: Log = Log.AUDIT) -> Event:
    details = {"target_name": "x" * size}
    return Event(
        id=f"Directory_{number:04d}",
        log=log,
        name="update user",
        tenant="t",
        ts_ms=1,
        seen_ms=2,
        entra_id=USER,
        server="aadc01",
        details=details,
    )


def event_chunks(topic: str) -> list[tuple[bytes | None, EventChunk, int | None]]:
    records = [(key, value, number) for name, key, value, number in Client.made[-1].records if name == topic]
    return [(key, decode(value, EventChunk), number) for key, value, number in records]


def test_chunks_of_events_never_exceed_what_kafka_takes_and_keep_their_order() -> None:
    events = [event(number, 100_000, log) for number in range(40) for log in (Log.AUDIT, Log.WINDOWS)]
    fresh().publish_events("eventlog/hub", events)
    records = Client.made[-1].records
    assert all(len(key or b"") + len(value or b"") <= LONGEST_RECORD for _, key, value, _ in records)
    for topic, logs in (("synchealth.entra.audits.v1", Log.AUDIT), ("synchealth.server.events.v1", Log.WINDOWS)):
        chunks = event_chunks(topic)
        sent = [each for _, chunk, _ in chunks for each in chunk.events]
        assert sent == [each for each in events if each.log is logs]
        assert {(key, number) for key, _, number in chunks} == {
            (USER.encode(), (murmur2(USER.encode()) & 0x7FFFFFFF) % 4)
        }
        assert len(chunks) < 10


@pytest.mark.parametrize(
    "large",
    [
        event(1, 1_000_000),
        Event(id="x" * 500_000, log=Log.AUDIT, name="n", tenant="t", ts_ms=1, seen_ms=2),
    ],
)
def test_one_event_that_is_too_large_becomes_a_dead_letter_and_stops_nothing(large: Event) -> None:
    fresh().publish_events("eventlog/hub", [event(0), large, event(2)])
    told = [each.id for _, chunk, _ in event_chunks("synchealth.entra.audits.v1") for each in chunk.events]
    assert told == ["Directory_0000", "Directory_0002"]
    [value] = [value for topic, _, value, _ in Client.made[-1].records if topic == "synchealth.deadletters.v1"]
    letter = decode(value, DeadLetter)
    assert letter.reason == "too_large" and letter.error.startswith("one event of")
    assert value is not None and len(value) < LONGEST_RECORD and len(letter.key or "") <= 1000


@pytest.mark.parametrize("where", ["fail_flush", "fail_record"])
def test_flush_returns_only_if_every_record_was_acknowledged(where: str) -> None:
    publisher = fresh()
    publisher.publish_facts(ORIGIN, [fact("6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55")])
    first = Client.made[-1]
    setattr(first, where, KafkaTimeoutError("late"))
    with pytest.raises(RetriableError, match=r"127\.0\.0\.1:9092"):
        publisher.flush()
    assert first.closed
    publisher.publish_facts(ORIGIN, [fact("6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55")])
    publisher.flush()
    assert len(Client.made) == 2


def test_missing_rights_are_fatal() -> None:
    publisher = fresh()
    publisher.publish_facts(ORIGIN, [fact("6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55")])
    Client.made[-1].fail_flush = TopicAuthorizationFailedError("synchealth.ad.changes.v1")
    with pytest.raises(FatalError, match="rights"):
        publisher.flush()


def test_a_topic_with_another_number_of_partitions_is_fatal() -> None:
    publisher = KafkaPublisher(KafkaSettings(partitions=5), "test")
    with pytest.raises(FatalError, match="has 4 partitions, the configuration says 5"):
        publisher.publish_facts(ORIGIN, [fact("6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55")])


def test_parts_and_states_have_their_keys() -> None:
    publisher = fresh()
    publisher.publish_checkpoints(
        [
            Checkpoint(source="ad/x", part="known/1", seq=1, ts_ms=1, position={"log": "AA=="}),
            Checkpoint(source="ad/x", part="known/0", seq=1, ts_ms=1, position={}),
            Checkpoint(source="ad/x", seq=1, ts_ms=1, position={"cookie": "x"}),
        ]
    )
    publisher.publish_tenant(TenantState(tenant="t", seq=1, ts_ms=1))
    keys = [(key, value is None) for _, key, value, _ in Client.made[-1].records]
    assert keys == [(b"ad/x#known/1", False), (b"ad/x#known/0", True), (b"ad/x", False), (b"t", False)]


def test_a_source_writes_to_the_topics_that_name_it() -> None:
    publisher = fresh()
    for side in ("ad", "entra"):
        origin = Origin(name=side, side=side, tenant="t", forest="f" if side == "ad" else None)
        publisher.publish_facts(origin, [fact("6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55")])
        publisher.publish_watermark(Watermark(origin=origin, read_ms=1))
    publisher.publish_tenant(TenantState(tenant="t", seq=1, ts_ms=1))
    for log in Log:
        publisher.publish_events("eventlog/x", [event(0, log=log)])
    publisher.publish_dead_letters([dead_letter("r", "e", stage="source", ts_ms=1, original=b"")])
    publisher.publish_checkpoints([Checkpoint(source="ad/f", seq=1, ts_ms=1, position={"a": 1})])
    publisher.publish_contact(Checkpoint(source="contact", part="ad/f", seq=1, ts_ms=1, position={"a": 1}))
    written = {topic for topic, *_ in Client.made[-1].records}
    assert written == {topic.name for topic in TOPICS if "producer" in topic.writers}


def test_delivery_is_durable() -> None:
    fresh().publish_tenant(TenantState(tenant="t", seq=1, ts_ms=1))
    options = Client.made[-1].options
    assert options["acks"] == "all" and options["enable_idempotence"] and options["compression_type"]
    assert not options["allow_auto_create_topics"]
