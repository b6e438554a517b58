"""Topics, records and positions on real brokers: Apache Kafka, and the embedded one where it can."""

from __future__ import annotations

import asyncio
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import aiokafka
import pytest
from kafka import KafkaAdminClient
from structlog.testing import capture_logs

from deploy.broker import Broker, kafka
from producers import topics
from producers.checkpoint import load_checkpoints
from producers.id_set import DurableIdSet
from producers.installation import Identity
from producers.ledger import KafkaLedger, ReplacedError
from producers.publisher import KafkaPublisher
from streams.agents.client import start_producer
from streams.agents.delivery.layout import Layout
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import decode
from streams.contracts.errors import FatalError, RetriableError, SettingsError
from streams.contracts.facts import Fact, FactChunk, Operation, Origin
from streams.contracts.orders import Order
from streams.contracts.topics import CHECKPOINTS, DEFAULT_INSTALLATION, ENTRA_CHANGES, belong_to
from streams.runtime.settings import KafkaSettings
from tests.support.brokers import require_kafka
from tests.support.kafka_log import facts_in

pytestmark = pytest.mark.slow
ORIGIN = Origin(name="entra/t", side="entra", tenant="t")


def facts(count: int, start: int = 0) -> list[Fact]:
    return [
        Fact(op=Operation.READ, object_id=str(uuid.UUID(int=number)), seq=number, ts_ms=1, attributes={"mail": "a@b"})
        for number in range(start, start + count)
    ]


def position(source: str, number: int, part: str = "") -> Checkpoint:
    return Checkpoint(source=source, seq=number, ts_ms=1, position={"at": number}, part=part)


def test_facts_reach_both_clients_compressed(topics_on: KafkaSettings) -> None:
    publisher = KafkaPublisher(topics_on, "test", chunk_facts=50)
    sent = facts(500)
    publisher.publish_facts(ORIGIN, sent)
    publisher.flush()
    publisher.close()
    bootstrap = topics_on.bootstrap_servers[0]
    assert {each.object_id for each in facts_in(bootstrap, ENTRA_CHANGES.name, 3)} >= {f.object_id for f in sent}

    async def read() -> list[Fact]:
        consumer = aiokafka.AIOKafkaConsumer(bootstrap_servers=bootstrap)
        await consumer.start()
        try:
            consumer.assign([aiokafka.TopicPartition(ENTRA_CHANGES.name, number) for number in range(3)])
            await consumer.seek_to_beginning()
            found: list[Fact] = []
            while len(found) < 500:
                for part in (await consumer.getmany(timeout_ms=1000)).values():
                    found += [fact for record in part for fact in decode(record.value, FactChunk).facts]
            return found
        finally:
            await consumer.stop()

    assert {each.object_id for each in asyncio.run(read())} >= {each.object_id for each in sent}


def test_positions_are_read_back_whole(topics_on: KafkaSettings) -> None:
    publisher = KafkaPublisher(topics_on, "test")
    for number in range(200):
        publisher.publish_checkpoints([position("entra/a", number), position("entra/ab", number, "users")])
        if number % 20 == 0:
            publisher.flush()
    publisher.publish_checkpoints([position("entra/a", 1, "gone"), Checkpoint(**_empty("entra/a", "gone"))])
    publisher.flush()
    assert load_checkpoints(topics_on, "entra/a") == [position("entra/a", 199)]
    assert load_checkpoints(topics_on, "entra/ab") == [position("entra/ab", 199, "users")]
    assert load_checkpoints(topics_on, "entra/nothing") == []
    publisher.close()


def _empty(source: str, part: str) -> dict:
    return {"source": source, "seq": 2, "ts_ms": 1, "position": {}, "part": part}


def test_known_ids_survive_the_topic(topics_on: KafkaSettings) -> None:
    publisher, known = KafkaPublisher(topics_on, "test"), DurableIdSet("entra/known", "users/known")
    for start in range(0, 20_000, 1000):
        for number in range(start, start + 1000):
            known.add(str(uuid.UUID(int=number * 7919)))
        publisher.publish_checkpoints(known.changes(start, 1))
        publisher.flush()
    publisher.close()
    restored = DurableIdSet("entra/known", "users/known")
    restored.restore(load_checkpoints(topics_on, "entra/known"))
    assert len(restored) == 20_000 and set(restored) == set(known)


def test_a_damaged_position_counts_as_never_saved_and_is_told_by_its_key(topics_on: KafkaSettings) -> None:
    publisher = KafkaPublisher(topics_on, "test")
    publisher._send(CHECKPOINTS, "entra/damaged", b'{"type":"checkpoint","seq":"x"}')
    publisher.flush()
    publisher.close()
    with capture_logs() as logs:
        assert load_checkpoints(topics_on, "entra/damaged") == []
    assert any(entry.get("key") == "entra/damaged" for entry in logs)


def until(what: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


def refusal(ledger: KafkaLedger) -> type[FatalError] | None:
    try:
        ledger.require_writer()
    except RetriableError:
        return None  # it has not looked for a while
    except FatalError as error:
        return type(error)
    return None


def test_the_older_of_two_writers_is_told_and_takes_over_once_the_newer_is_silent(topics_on: KafkaSettings) -> None:
    publishers = [KafkaPublisher(topics_on, f"writer-{number}") for number in range(2)]
    older, newer = (KafkaLedger(topics_on, "ad/contested", silent_s=1.0) for _ in range(2))
    older.take_over(publishers[0])
    publishers[0].publish_checkpoints([position("ad/contested", 1)])
    publishers[0].flush()
    assert refusal(older) is None
    assert newer.take_over(publishers[1]) == [position("ad/contested", 1)]
    until(lambda: refusal(older) is ReplacedError)
    assert refusal(newer) is None
    publishers[1].publish_checkpoints([position("ad/contested", 2)])
    publishers[1].flush()
    assert refusal(newer) is None

    publishers[0].publish_checkpoints([position("ad/contested", 3)])  # it had been on its way for long
    publishers[0].flush()
    until(lambda: refusal(newer) is FatalError)
    older.stand_by(threading.Event())  # returns, as nobody says anything any more
    assert older.take_over(publishers[0]) == [position("ad/contested", 3)]
    assert refusal(older) is None
    for each in (older, newer, *publishers):
        each.close()


def test_an_order_is_seen_while_it_runs_and_its_answer_after_a_restart(topics_on: KafkaSettings) -> None:
    publisher, ledger = KafkaPublisher(topics_on, "orders"), KafkaLedger(topics_on, "ad/ordered")
    ledger.take_over(publisher)
    order = Order("ad/ordered", "1", "somebody", "lost", 1)
    publisher.publish_checkpoints([order.record()])
    publisher.flush()
    until(lambda: ledger.due() == order)
    publisher.publish_checkpoints([ledger.begin(order).record()])
    publisher.flush()
    publisher.publish_checkpoints([position("ad/ordered", 7)])
    publisher.flush()
    assert ledger.take_over(publisher) == [position("ad/ordered", 7)], "once more, after Kafka was away"
    ledger.close()
    again = KafkaLedger(topics_on, "ad/ordered")
    assert again.take_over(publisher) == [position("ad/ordered", 7)]
    assert again.due() is None and [answer.id for answer in again.begun()] == ["1"]
    again.close()
    publisher.close()


def test_a_second_installation_of_the_same_name_is_refused(topics_on: KafkaSettings) -> None:
    publisher = KafkaPublisher(topics_on, "installation")
    one, other = (Identity("synchealth", frozenset({"t"}), frozenset({name})) for name in ("one", "other"))
    first, second = KafkaLedger(topics_on, "ad/one", one), KafkaLedger(topics_on, "ad/other", other)
    first.take_over(publisher)
    with pytest.raises(SettingsError, match="forest one"):
        second.take_over(publisher)
    for each in (first, second, publisher):
        each.close()


@pytest.fixture
def another_installation(kafka_broker: Broker) -> Iterator[KafkaSettings]:
    """Topics of our own with two partitions, beside those of the others."""
    belong_to(f"widened-{uuid.uuid4().hex[:8]}")
    try:
        settings = KafkaSettings(bootstrap_servers=[kafka_broker.bootstrap], partitions=2)
        topics.create(settings)
        yield settings
    finally:
        belong_to(DEFAULT_INSTALLATION)


@pytest.mark.kafka
def test_partitions_that_are_changed_while_we_run_end_producers_and_workers(
    another_installation: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, name = another_installation, ENTRA_CHANGES.name
    monkeypatch.setattr("streams.runtime.topic_writer._LAYOUT_MS", 500)
    publisher = KafkaPublisher(settings, "test")
    publisher.publish_facts(ORIGIN, facts(10))
    publisher.flush()
    publisher.require_layout()

    def widen() -> None:
        admin = KafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
        admin.create_partitions({name: 3})
        admin.close()

    async def work() -> None:
        producer = await start_producer(settings, delivery_timeout_s=10)
        try:
            layout = Layout(producer, settings)
            await layout.require()
            await layout.look()
            await asyncio.to_thread(widen)
            with pytest.raises(FatalError, match=f"{name} has 3 partitions, not 2"):
                for _ in range(1200):  # two minutes
                    await layout.look()
                    await asyncio.sleep(0.1)
            with pytest.raises(FatalError, match=f"{name} has 3 partitions, not 2"):
                await Layout(producer, settings).require()
        finally:
            await producer.stop()

    asyncio.run(work())
    with pytest.raises(FatalError, match=f"{name} has 3 partitions, the configuration says 2"):
        for _ in range(1200):
            publisher.require_layout()
            time.sleep(0.1)
    publisher.close()
    again = KafkaPublisher(settings, "test")
    with pytest.raises(FatalError, match="the configuration says 2"):
        again.publish_facts(ORIGIN, facts(10))
    again.close()


def test_the_embedded_broker_gets_its_topics_too(topics_on: KafkaSettings) -> None:
    assert topics.create(topics_on) == []
    assert not [fault for fault in topics.check(topics_on) if "partitions" in fault or "does not exist" in fault]


def test_an_unreachable_kafka_is_retriable_everywhere() -> None:
    nowhere = KafkaSettings(bootstrap_servers=["127.0.0.1:9"])
    publisher = KafkaPublisher(nowhere, "test", timeout_s=2.0)
    with pytest.raises(RetriableError, match=r"127\.0\.0\.1:9"):
        publisher.publish_facts(ORIGIN, facts(1))
    for ask in (lambda: load_checkpoints(nowhere, "entra/t"), lambda: topics.check(nowhere)):
        with pytest.raises(RetriableError, match=r"127\.0\.0\.1:9"):
            ask()


@pytest.mark.kafka
# kafka-python 3.0.12 does not close the sockets of refused connections
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_what_was_not_acknowledged_is_sent_again_after_kafka_returns(tmp_path: Path) -> None:
    require_kafka()
    with kafka(tmp_path) as first:
        port = int(first.bootstrap.rpartition(":")[2])
        settings = KafkaSettings(bootstrap_servers=[first.bootstrap], partitions=3)
        topics.create(settings)
        publisher = KafkaPublisher(settings, "test", timeout_s=3.0)
        publisher.publish_facts(ORIGIN, facts(100))
        publisher.flush()
    with pytest.raises(RetriableError):
        publisher.publish_facts(ORIGIN, facts(100, 100))
        publisher.flush()
    with kafka(tmp_path, port) as second:
        publisher.publish_facts(ORIGIN, facts(100, 100))
        publisher.flush()
        publisher.close()
        assert {each.seq for each in facts_in(second.bootstrap, ENTRA_CHANGES.name, 3)} == set(range(200))
