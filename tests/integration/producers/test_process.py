"""`python -m producers` as a process: killed at every step, cut off from Kafka, told to stop, misconfigured."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.broker import Broker, kafka, tansu
from deploy.lab.entra.generate import fill
from producers import topics
from streams.contracts.topics import ENTRA_CHANGES
from streams.runtime.settings import KafkaSettings
from tests.support.brokers import require_kafka
from tests.support.graph_lab import SECRET, TENANT, GraphLab, Mirror, expected, without_empty
from tests.support.kafka_log import facts_in
from tests.support.role_process import ROOT, RoleProcess

pytestmark = [pytest.mark.apart, pytest.mark.slow]
PARTITIONS = 3


class Producer(RoleProcess):
    """A producer process that reads the lab's Graph."""

    def __init__(self, directory: Path, lab: GraphLab, bootstrap: str, partitions: int = PARTITIONS) -> None:
        super().__init__(
            directory,
            f"""
            [kafka]
            bootstrap_servers = ["{bootstrap}"]
            partitions = {partitions}
            [producers]
            metrics_port = 0
            [log]
            json_lines = true
            {lab.table}""",
        )

    def start(self, *dying: str) -> None:
        program = ["tests.integration.producers.dying_producer", *dying] if dying else ["producers"]
        self.run(*program, f"graph:{TENANT}")

    def keep_alive(self) -> None:
        """What a supervisor does: start again who ended."""
        if not self.lives:
            self.start()

    def until_logged(self, text: str, times: int = 1) -> None:
        """Wait until `text` stands so often in the log."""
        self.until(lambda: self.log.count(text) >= times)


@pytest.fixture
def producer(tmp_path: Path, lab: GraphLab) -> Iterator[list[Producer]]:
    started: list[Producer] = []
    yield started
    for each in started:
        each.end()


@pytest.fixture
def own_kafka(empty_kafka: Broker) -> Broker:
    """Apache Kafka whose topics hold nothing yet."""
    topics.create(KafkaSettings(bootstrap_servers=[empty_kafka.bootstrap], partitions=PARTITIONS))
    return empty_kafka


def agrees(bootstrap: str, lab: GraphLab) -> bool:
    mirror = Mirror()
    mirror.apply(facts_in(bootstrap, ENTRA_CHANGES.name, PARTITIONS))
    return without_empty(mirror.objects) == expected(lab.tenant) and all(
        mirror.members.get(group, set()) == set(lab.tenant.members.of(group)) for group in lab.tenant.ids("group")
    )


def until_agrees(bootstrap: str, lab: GraphLab, timeout_s: float = 120, supervised: Producer | None = None) -> None:
    end = time.monotonic() + timeout_s
    while not agrees(bootstrap, lab):
        if supervised is not None:
            supervised.keep_alive()
        assert time.monotonic() < end, "Kafka never came to say what the directory says"
        time.sleep(0.5)


@pytest.mark.kafka
def test_kill_9_between_any_two_steps_loses_nothing(
    own_kafka: Broker, tmp_path: Path, lab: GraphLab, producer: list[Producer]
) -> None:
    fill(lab.tenant, 200)
    process = Producer(tmp_path, lab, own_kafka.bootstrap)
    producer.append(process)
    deaths = [("publish_checkpoints", "1"), ("flush", "2"), ("publish_facts", "3"), ("publish_checkpoints", "4")]
    for number, death in enumerate(deaths):
        process.start(*death)
        assert process.wait() == -signal.SIGKILL
        lab.tenant.upsert("user", lab.tenant.ids("user")[number], {"displayName": f"After death {number}"})
        lab.tenant.delete("user", lab.tenant.ids("user")[-1 - number])
    process.start()
    until_agrees(own_kafka.bootstrap, lab)
    process.send(signal.SIGTERM)
    assert process.wait() == 0
    assert SECRET not in process.log


@pytest.mark.kafka
def test_of_two_producers_the_newer_one_writes_and_nothing_is_lost_over_kills_and_pauses(
    own_kafka: Broker, tmp_path: Path, lab: GraphLab, producer: list[Producer]
) -> None:
    def change(number: int) -> None:
        lab.tenant.upsert("user", lab.tenant.ids("user")[number], {"displayName": f"Change {number}"})
        lab.tenant.delete("user", lab.tenant.ids("user")[-1])

    fill(lab.tenant, 60)
    first, second = (Producer(tmp_path / name, lab, own_kafka.bootstrap) for name in ("first", "second"))
    producer += [first, second]
    first.start()
    until_agrees(own_kafka.bootstrap, lab)
    second.start()
    first.until_logged("another process writes")
    change(1)
    until_agrees(own_kafka.bootstrap, lab)

    second.send(signal.SIGKILL)
    second.wait()
    second.start()  # whoever died is back at once: the one that stands by does not race with it
    second.until_logged("writes the source", times=2)
    change(2)
    until_agrees(own_kafka.bootstrap, lab)

    second.send(signal.SIGSTOP)
    change(3)
    first.send(signal.SIGKILL)
    first.wait()
    first.start()
    until_agrees(own_kafka.bootstrap, lab)
    second.send(signal.SIGCONT)
    second.until_logged("another process writes")
    change(4)
    until_agrees(own_kafka.bootstrap, lab, supervised=first)  # afresh, if the other one had something to say
    assert second.log.count('"writes the source"') == 2, "the one that slept has not come back"


@pytest.mark.kafka
def test_kafka_may_go_away_and_return(tmp_path: Path, lab: GraphLab, producer: list[Producer]) -> None:
    require_kafka()
    fill(lab.tenant, 100)
    with kafka(tmp_path / "kafka") as first:
        bootstrap, port = first.bootstrap, int(first.bootstrap.rpartition(":")[2])
        topics.create(KafkaSettings(bootstrap_servers=[bootstrap], partitions=PARTITIONS))
        process = Producer(tmp_path, lab, bootstrap)
        producer.append(process)
        process.start()
        until_agrees(bootstrap, lab)
    for number in range(30):
        lab.tenant.upsert("user", lab.tenant.ids("user")[number], {"displayName": f"While away {number}"})
    process.until_logged("trying again")
    with kafka(tmp_path / "kafka", port):
        until_agrees(bootstrap, lab, timeout_s=150)
    process.send(signal.SIGKILL)


def test_its_metrics_can_be_scraped_and_a_stop_ends_it(tmp_path: Path, lab: GraphLab, producer: list[Producer]) -> None:
    fill(lab.tenant, 40)
    with tansu() as broker:
        topics.create(KafkaSettings(bootstrap_servers=[broker.bootstrap], partitions=PARTITIONS))
        process = Producer(tmp_path, lab, broker.bootstrap)
        producer.append(process)
        process.start()
        until_agrees(broker.bootstrap, lab)
        log = process.log
        address = log.partition('"metrics": "')[2].partition('"')[0]
        with urllib.request.urlopen(address, timeout=120) as answer:
            text = answer.read().decode()
        assert f'synchealth_producer_facts_published_total{{op="r",source="entra/{TENANT}"}}' in text
        assert f'synchealth_producer_last_contact_timestamp_seconds{{source="entra/{TENANT}"}}' in text
        process.send(signal.SIGTERM)
        assert process.wait() == 0


def test_a_wrong_layout_ends_it_with_a_message(tmp_path: Path, lab: GraphLab, producer: list[Producer]) -> None:
    fill(lab.tenant, 10)
    with tansu() as broker:
        topics.create(KafkaSettings(bootstrap_servers=[broker.bootstrap], partitions=PARTITIONS))
        process = Producer(tmp_path, lab, broker.bootstrap, partitions=5)
        producer.append(process)
        process.start()
        assert process.wait() == 1
        assert "has 3 partitions, the configuration says 5" in process.log


@pytest.mark.parametrize("name", ["graph:unknown", "ad:corp.example", "nonsense"])
def test_an_unknown_source_names_the_known_ones(tmp_path: Path, lab: GraphLab, name: str) -> None:
    config = Producer(tmp_path, lab, "127.0.0.1:9").config
    command = [sys.executable, "-m", "producers", name, "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False, timeout=120)
    assert done.returncode == 1 and f"graph:{TENANT}" in done.stderr
