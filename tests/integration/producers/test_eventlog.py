"""Shipped events through the real runner on Apache Kafka: killed, restarted, and none lost."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic
from kafka.structs import TopicPartition
from structlog.testing import capture_logs

from deploy.broker import Broker
from deploy.lab import events as lab
from deploy.lab.password_events import ping
from producers import topics
from producers.checkpoint import load_checkpoints
from producers.eventlog.admitted_servers import PART
from producers.eventlog.source import EventLogSource
from producers.ledger import KafkaLedger
from producers.publisher import KafkaPublisher
from producers.runner import Runner
from producers.source import Batch
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import decode
from streams.contracts.deadletter import DeadLetter
from streams.contracts.events import Event, EventChunk, Log
from streams.contracts.topics import DEADLETTERS, ENTRA_AUDITS, SERVER_EVENTS, Topic
from streams.runtime.settings import EventLogSettings, KafkaSettings
from tests.support.fake_kafka import FakeKafka, FakePublisher, Killed
from tests.support.kafka_log import records

pytestmark = [pytest.mark.kafka, pytest.mark.slow]
PARTITIONS = 3
HUB = Path(__file__).parents[2] / "unit" / "producers" / "eventlog" / "samples"
AT_MS = 1_772_443_867_551


@pytest.fixture(scope="module")
def own(kafka_of_file: Broker) -> KafkaSettings:
    settings = KafkaSettings(bootstrap_servers=[kafka_of_file.bootstrap], partitions=PARTITIONS)
    topics.create(settings)
    return settings


@pytest.fixture
def topic(own: KafkaSettings) -> str:
    """A fresh topic of Winlogbeat's with two partitions."""
    name = f"winlogbeat-{uuid.uuid4().hex[:8]}"
    create(own, name)
    return name


@pytest.fixture
def ship(own: KafkaSettings, topic: str) -> Iterator[Callable[[range], None]]:
    """Ships the events with these record numbers."""
    producer = KafkaProducer(bootstrap_servers=own.bootstrap_servers)

    def send(numbers: range) -> None:
        for number in numbers:
            producer.send(topic, orjson.dumps(heartbeat(number)), partition=number % 2)
        producer.flush()

    send.raw = producer  # type: ignore[attr-defined]
    yield send
    producer.close()


def create(own: KafkaSettings, name: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=own.bootstrap_servers)
    try:
        admin.create_topics([NewTopic(name, 2, 1)])
    finally:
        admin.close()


def heartbeat(number: int) -> dict[str, Any]:
    return lab.winlogbeat_document(
        server=f"aadc{number % 5}.corp.contoso.local",
        provider=lab.DIRECTORY_SYNCHRONIZATION,
        event_id=654,
        message=ping("corp.contoso.local"),
        record_id=number,
        at_ms=AT_MS + number,
    )


def settings_of(topic: str, **more: Any) -> EventLogSettings:
    table = {"name": topic, "tenant": "t", "format": "winlogbeat", "topics": [topic], **more}
    return EventLogSettings.model_validate(table)


class Life:
    """One process with the source: it ends when it has nothing more to read, or dies where it is told to."""

    def __init__(self, own: KafkaSettings, topic: str, dies_at_save: int = 0, **table: Any) -> None:
        self.source = EventLogSource(settings_of(topic, **table), own)
        self._saves_left = dies_at_save
        publisher = KafkaPublisher(own, "test")
        if dies_at_save:
            publisher.publish_checkpoints = self._dying(publisher.publish_checkpoints)  # type: ignore[method-assign]
        self.runner = Runner(self.source, publisher, KafkaLedger(own, self.source.origin.name))
        read = self.source.read
        self.source.read = lambda: self._until_idle(read())  # type: ignore[method-assign]

    def run(self) -> None:
        self.runner.run()

    def _until_idle(self, batch: Batch) -> Batch:
        if not batch.checkpoints and self.source.progress.phase == "streaming" and batch.contacted:
            self.runner.stop()
        return batch

    def _dying(self, publish: Callable[..., None]) -> Callable[..., None]:
        def save(checkpoints: list[Checkpoint]) -> None:
            if checkpoints:
                self._saves_left -= 1
                if self._saves_left <= 0:
                    raise Killed("before the position is saved")
            publish(checkpoints)

        return save


def told(own: KafkaSettings, topic: str, where: Topic = SERVER_EVENTS) -> list[Event]:
    source = f"eventlog/{topic}"
    found = records(own.bootstrap_servers[0], where.name, PARTITIONS)
    chunks = [decode(record.value, EventChunk) for record in found]
    return [event for chunk in chunks if chunk.source == source for event in chunk.events]


def ids(numbers: range) -> set[str]:
    return {f"aadc{number % 5}.corp.contoso.local/Application/{number}" for number in numbers}


def test_every_event_arrives_over_kills_and_restarts(
    own: KafkaSettings, topic: str, ship: Callable[[range], None]
) -> None:
    ship(range(1200))
    with pytest.raises(Killed):
        Life(own, topic, dies_at_save=1).run()
    with pytest.raises(Killed):
        Life(own, topic, dies_at_save=2).run()
    ship(range(1200, 1300))
    Life(own, topic).run()
    found = told(own, topic)
    assert {event.id for event in found} == ids(range(1300))
    assert len(found) > 1300, "what was not saved is told again"

    Life(own, topic).run()
    assert len(told(own, topic)) == len(found), "and what was saved is not"
    saved = load_checkpoints(own, f"eventlog/{topic}")
    positions = {part.part: part.position for part in saved}
    assert set(positions.pop(PART)["servers"]) == {f"aadc{number}.corp.contoso.local" for number in range(5)}
    assert positions == {f"{topic}/0": {"offset": 650}, f"{topic}/1": {"offset": 650}}


def test_events_that_come_while_it_runs_arrive(own: KafkaSettings, topic: str, ship: Callable[[range], None]) -> None:
    ledger = KafkaLedger(own, f"eventlog/{topic}")
    runner = Runner(EventLogSource(settings_of(topic), own), KafkaPublisher(own, "test"), ledger)
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        ship(range(10))
        until = time.monotonic() + 180
        while {event.id for event in told(own, topic)} != ids(range(10)):
            assert time.monotonic() < until
    finally:
        runner.stop()
        thread.join(120)
    assert not thread.is_alive()


def test_records_that_retention_removed_are_told_and_passed(
    own: KafkaSettings, topic: str, ship: Callable[[range], None]
) -> None:
    ship(range(20))
    Life(own, topic).run()
    ship(range(20, 100))
    admin = KafkaAdminClient(bootstrap_servers=own.bootstrap_servers)
    admin.delete_records({TopicPartition(topic, 0): 40})
    admin.close()
    with capture_logs() as logs:
        Life(own, topic).run()
    lost = [line for line in logs if line["event"].startswith("records are no longer kept")]
    assert [(line["partition"], line["offset"]) for line in lost] == [(0, 10)]
    assert {event.id for event in told(own, topic)} == ids(range(100)) - ids(range(20, 80, 2))


def test_a_topic_that_was_created_again_is_read_from_its_beginning(
    own: KafkaSettings, topic: str, ship: Callable[[range], None]
) -> None:
    kafka = FakeKafka()
    source = EventLogSource(settings_of(topic), own)
    kafka.parts = {
        "": Checkpoint(source=source.origin.name, seq=1, ts_ms=1, position={"offset": 5000}, part=f"{topic}/1")
    }
    ship(range(4))
    source.restore(kafka.load())
    found: list[Event] = []
    until = time.monotonic() + 180
    while {event.id for event in found} != ids(range(4)):
        assert time.monotonic() < until
        found += source.read().events
    source.close()


def test_bad_records_are_dead_letters_and_the_rest_goes_on(
    own: KafkaSettings, topic: str, ship: Callable[[range], None]
) -> None:
    for value in (b"no json", b"{}", None, b"x" * 700_000):
        ship.raw.send(topic, value, key=b"k", partition=0)  # type: ignore[attr-defined]
    ship(range(4))
    Life(own, topic).run()
    assert {event.id for event in told(own, topic)} == ids(range(4))
    letters = [decode(each.value, DeadLetter) for each in records(own.bootstrap_servers[0], DEADLETTERS.name, 1)]
    ours = {letter.key: letter for letter in letters if letter.key and letter.key.startswith(f"{topic}/")}
    assert [ours[f"{topic}/0@{offset}"].reason for offset in range(4)] == [
        "not_json",
        "wrong_shape",
        "empty",
        "not_json",
    ]


def test_the_records_of_a_hub_are_entra_events_and_those_of_another_tenant_dead_letters(
    own: KafkaSettings, topic: str, ship: Callable[[range], None]
) -> None:
    [record] = orjson.loads((HUB / "eventhub_provisioninglogs.json").read_bytes())["records"]
    tenant = record["tenantId"]
    for partition in range(2):
        ids_here = [f"{partition}-{number}" for number in range(300)]
        rows = [record | {"properties": record["properties"] | {"id": each}} for each in ids_here]
        message = {"records": [*rows, record | {"tenantId": "another"}]}
        ship.raw.send(topic, orjson.dumps(message), partition=partition)  # type: ignore[attr-defined]
    for _ in range(2):  # the second life has nothing left to tell
        Life(own, topic, format="event_hub", tenant=tenant).run()
    events = told(own, topic, ENTRA_AUDITS)
    expected = [f"{place}-{number}" for place in range(2) for number in range(300)]
    assert sorted(event.id for event in events) == sorted(expected)
    assert {(event.tenant, event.log) for event in events} == {(tenant, Log.PROVISIONING)}
    letters = [decode(each.value, DeadLetter) for each in records(own.bootstrap_servers[0], DEADLETTERS.name, 1)]
    ours = [letter for letter in letters if letter.key and letter.key.startswith(f"{topic}/")]
    assert [letter.reason for letter in ours] == ["wrong_tenant", "wrong_tenant"]


def test_kills_at_any_step_never_skip(own: KafkaSettings, topic: str, ship: Callable[[range], None]) -> None:
    ship(range(30))
    kafka = FakeKafka()
    for limit in range(1, 80, 7):
        left = limit

        def before(step: str) -> None:
            nonlocal left
            left -= 1
            if left <= 0:
                raise Killed(step)

        life = Life(own, topic)
        life.runner = Runner(life.source, FakePublisher(kafka, before), kafka.ledger())
        try:
            life.run()
        except Killed:
            continue
    life = Life(own, topic)
    life.runner = Runner(life.source, FakePublisher(kafka), kafka.ledger())
    life.run()
    assert {event.id for event in kafka.events} == ids(range(30))
