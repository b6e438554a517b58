"""The exporter on real brokers: complete, the same on every replica, and back after a restart."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from deploy.broker import Broker, kafka, tansu
from producers.topics import delete
from sinks.exporter import Exporter
from streams.contracts.actions import Acknowledge, Comment, key_of
from streams.contracts.codec import encode
from streams.contracts.deadletter import DeadLetter
from streams.contracts.finding import Finding
from streams.contracts.topics import ACTIONS, AD_CHANGES, DEADLETTERS, FINDINGS
from streams.runtime.settings import KafkaSettings, Settings
from streams.runtime.topic_reader import TopicReader
from streams.runtime.topic_writer import TopicWriter
from tests.integration.prometheus.conftest import (
    DETECTIONS,
    caught_up,
    create_topics,
    findings_lines,
    following,
    get,
    publisher,
)
from tests.support.actions import accept, action
from tests.support.findings import finding
from tests.support.prometheus import until

pytestmark = pytest.mark.slow
SettingsOf = Callable[[Broker], Settings]


def open_count(exporter: Exporter) -> float:
    lines = [line for line in findings_lines(exporter) if line.startswith("synchealth_findings_open{")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)


def counter(exporter: Exporter, start: str) -> float:
    _, text = get(exporter, "/metrics")
    return sum(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(start))


def test_every_record_up_to_the_end_is_read_even_in_large_batches(broker: Broker, settings_of: SettingsOf) -> None:
    with publisher(broker.bootstrap) as publish:
        publish([finding(number) for number in range(1000)])  # a few batches of hundreds
        with following(settings_of(broker)) as exporter:
            caught_up(exporter)

            assert open_count(exporter) == 1000
            assert counter(exporter, "synchealth_finding_transitions_total{") == 0  # all of it was the past


def test_replicas_agree_whenever_they_start(broker: Broker, settings_of: SettingsOf) -> None:
    chance = random.Random(7)
    revisions: dict[int, int] = {}

    def some(count: int) -> list[Finding]:
        out = []
        for _ in range(count):
            number = chance.randrange(40)
            revisions[number] = revisions.get(number, 0) + 1
            out.append(finding(number, chance.choice(["open", "resolved", "suppressed"]), revision=revisions[number]))
        return out

    with publisher(broker.bootstrap) as publish, following(settings_of(broker)) as first:
        caught_up(first)
        publish(some(300))
        with following(settings_of(broker)) as second:
            caught_up(second)
            publish(some(300))
            with following(settings_of(broker)) as third:
                caught_up(third)
                until(lambda: findings_lines(first) == findings_lines(third), "the first agrees")
                until(lambda: findings_lines(second) == findings_lines(third), "the second agrees")

                assert findings_lines(third)


def attention(exporter: Exporter) -> dict[str, float]:
    """How many findings are open, unattended, accepted; and whether the exporter knows what people do."""
    _, text = get(exporter, "/metrics")
    found = dict.fromkeys(("open", "unattended", "accepted", "actions_read"), 0.0)
    for line in text.splitlines():
        name = re.sub("^synchealth_(findings|exporter)_", "", re.split("[{ ]", line)[0])
        if name in found:
            found[name] += float(line.rpartition(" ")[2])
    return found


def test_what_people_do_counts_at_once_and_after_a_restart(embedded: Broker, settings_of: SettingsOf) -> None:
    settings = settings_of(embedded)
    writer = TopicWriter(settings.kafka, "test")
    with publisher(embedded.bootstrap) as publish, following(settings) as exporter:
        publish([finding(number) for number in range(3)])
        caught_up(exporter)
        until(lambda: attention(exporter)["unattended"] == 3, "all three are unattended")
        for one in (accept(0, until_minute=1e7), action(Acknowledge(), 1), action(Comment(text="x"), 0, minute=2)):
            writer.send(ACTIONS.name, key_of(one).encode(), encode(one))
        writer.send(ACTIONS.name, b"no/action", b"{}")
        writer.flush()
        until(lambda: attention(exporter)["unattended"] == 1, "one is accepted, one acknowledged")
    writer.close()
    with following(settings) as again:
        caught_up(again)
        until(lambda: attention(again)["actions_read"] == 1, "the actions are read")
        assert attention(again) == {"open": 3, "unattended": 1, "accepted": 1, "actions_read": 1}
        assert counter(again, "synchealth_exporter_unreadable_records_total{") == 1


def test_without_the_topic_of_actions_findings_are_shown(embedded: Broker, settings_of: SettingsOf) -> None:
    delete(settings_of(embedded).kafka, [ACTIONS.name])
    with publisher(embedded.bootstrap) as publish, following(settings_of(embedded)) as exporter:
        publish([finding(1)])
        caught_up(exporter)
        until(lambda: attention(exporter)["open"] == 1, "it is shown")
        assert attention(exporter)["actions_read"] == 0


@pytest.mark.kafka
def test_a_replica_that_starts_after_compaction_agrees(empty_kafka: Broker, settings_of: SettingsOf) -> None:
    quick = {"segment.ms": "200", "min.cleanable.dirty.ratio": "0.001", "delete.retention.ms": "0"}
    admin = KafkaAdminClient(bootstrap_servers=empty_kafka.bootstrap)
    compacted = {"cleanup.policy": "compact", **quick}
    others = [NewTopic(topic.name, 1, 1) for topic in (DEADLETTERS, ACTIONS)]
    admin.create_topics([NewTopic(FINDINGS.name, 2, 1, topic_configs=compacted), *others])
    admin.close()
    settings = settings_of(empty_kafka)
    with publisher(empty_kafka.bootstrap) as publish, following(settings) as first:
        caught_up(first)
        written = 0

        def compaction_has_happened() -> bool:
            nonlocal written
            revision = written // 100 + 1
            states = ["open", "resolved", "suppressed"]
            publish([finding(n, states[(n + revision) % 3], revision=revision) for n in range(100)])
            written += 100
            with TopicReader(settings.kafka, [FINDINGS]) as reader:
                left = sum(1 for _ in reader.to_end(120))
            return left < written

        until(compaction_has_happened, "Kafka has compacted")
        with following(settings) as second:
            caught_up(second)
            until(lambda: findings_lines(first) == findings_lines(second), "both agree")

            assert findings_lines(second)


def test_what_happens_while_it_follows_is_counted_and_measured(embedded: Broker, settings_of: SettingsOf) -> None:
    with publisher(embedded.bootstrap) as publish:
        publish([finding(1)])
        with following(settings_of(embedded)) as exporter:
            caught_up(exporter)
            publish([finding(2), finding(1, "resolved", revision=2)])
            opened = 'synchealth_finding_transitions_total{detection="conflict.duplicate_address",transition="opened"}'
            until(lambda: counter(exporter, opened) == 1, "the opening is counted")

            assert open_count(exporter) == 1
            latency = 'synchealth_finding_detection_latency_seconds_count{detection="conflict.duplicate_address"}'
            assert counter(exporter, latency) == 1


def test_it_starts_before_the_topics_and_is_not_ready_until_they_are_there(settings_of: SettingsOf) -> None:
    with tansu() as broker, following(settings_of(broker)) as exporter:
        assert get(exporter, "/-/ready")[0] == 503
        assert get(exporter, "/-/healthy")[0] == 200
        assert get(exporter, "/elsewhere")[0] == 404
        create_topics(broker.bootstrap)
        caught_up(exporter)


def test_garbage_and_dead_letters_are_counted_and_stop_nothing(embedded: Broker, settings_of: SettingsOf) -> None:
    letter = DeadLetter(reason="not_json", error="e", stage="project", ts_ms=1, original="")
    with following(settings_of(embedded)) as exporter:
        caught_up(exporter)
        producer = KafkaProducer(bootstrap_servers=embedded.bootstrap, acks="all")
        for value in (b"{", b"\xff\x00", b"[]", b'{"type":"finding"}'):
            producer.send(FINDINGS.name, key=b"k", value=value, partition=0)
        producer.send(DEADLETTERS.name, value=encode(letter))
        producer.send(FINDINGS.name, key=finding(1).id.encode(), value=encode(finding(1)), partition=0)
        producer.flush()
        producer.close()
        until(lambda: open_count(exporter) == 1, "the finding behind the garbage is shown")

        assert counter(exporter, "synchealth_exporter_unreadable_records_total{") == 4
        until(lambda: counter(exporter, "synchealth_exporter_deadletters_total{") == 1, "the dead letter is counted")


@pytest.mark.kafka
def test_kafka_may_go_away_and_come_back(tmp_path: Path, settings_of: SettingsOf) -> None:
    with kafka(tmp_path) as first:
        create_topics(first.bootstrap)
        settings = settings_of(first)
        port = int(first.bootstrap.rpartition(":")[2])
        with publisher(first.bootstrap) as publish:
            publish([finding(1)])
        stop = Event()
        exporter = Exporter(settings, DETECTIONS)
        thread = Thread(target=exporter.run, args=(stop,))
        thread.start()
        caught_up(exporter)
    try:
        assert open_count(exporter) == 1  # still shown, while Kafka is away
        with kafka(tmp_path, port) as second, publisher(second.bootstrap) as publish:
            publish([finding(2)])
            until(lambda: open_count(exporter) == 2, "it reads on after the outage")
    finally:
        stop.set()
        thread.join(120)
        exporter.close()


def test_a_tail_is_the_end_of_the_right_partitions(broker: Broker) -> None:
    producer = KafkaProducer(bootstrap_servers=broker.bootstrap, acks="all", linger_ms=20)
    for number in range(400):
        producer.send(AD_CHANGES.name, key=b"one" if number % 2 else b"two", value=str(number).encode())
    producer.flush()
    producer.close()
    settings = KafkaSettings(bootstrap_servers=[broker.bootstrap])
    with TopicReader(settings, [AD_CHANGES], keys={"one"}, tail=50) as reader:
        records = list(reader.to_end(120))

    assert [int(record.value or b"") for record in records if record.key == b"one"][-1] == 399
    assert len(records) == 50
    assert len({record.place for record in records}) == 1
