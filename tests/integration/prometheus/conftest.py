"""Brokers with our topics, exporters on them, and a way to publish."""

from __future__ import annotations

import contextlib
import gc
import logging
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from threading import Event, Thread

import pytest
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from deploy.broker import Broker, tansu
from sinks.exporter import Exporter
from sinks.labels import KnownDetection
from streams.contracts.codec import encode
from streams.contracts.deadletter import DeadLetter
from streams.contracts.finding import Finding
from streams.contracts.topics import DEADLETTERS, FINDINGS, TOPICS
from streams.detections.registry import all_detections
from streams.runtime.settings import Settings
from tests.support.brokers import delete_topics
from tests.support.findings import FOREST, TENANT
from tests.support.prometheus import until

# kafka-python 3.0 leaves the sockets of refused and abandoned connections to the garbage collector.
LEFT_SOCKETS = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
DETECTIONS = [
    KnownDetection(one.id, one.family, one.severity, one.alert.for_s if one.alert else None)
    for one in (found.detection for found in all_detections())
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here talks to Kafka."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(LEFT_SOCKETS)


@pytest.fixture(autouse=True)
def left_sockets(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Collect them within the test; pytest would hold them with the log records of their exceptions."""
    caplog.set_level(logging.CRITICAL + 1, logger="kafka")
    yield
    gc.collect()


@contextlib.contextmanager
def embedded_broker() -> Iterator[Broker]:
    """The embedded broker, with our topics."""
    with tansu() as running:
        create_topics(running.bootstrap)
        yield running


def _either(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """One of the brokers, with our topics, which are empty."""
    if request.param == "tansu":
        with embedded_broker() as running:
            yield running
        return
    apache = request.getfixturevalue("kafka_broker")
    delete_topics(apache.bootstrap)
    create_topics(apache.bootstrap)
    yield apache


@pytest.fixture(params=["tansu", "kafka"])
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Each of the brokers, as new."""
    yield from _either(request)


@pytest.fixture
def embedded() -> Iterator[Broker]:
    """The embedded broker, with our topics."""
    with embedded_broker() as running:
        yield running


def create_topics(bootstrap: str) -> None:
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    new = [
        NewTopic(topic.name, topic.partitions or 4, 1, topic_configs=topic.configuration() if topic.compacted else {})
        for topic in TOPICS
    ]
    admin.create_topics(new)
    admin.close()


@pytest.fixture(scope="session")
def settings_of() -> Callable[[Broker], Settings]:
    """The settings of an installation of one forest and one tenant on a broker; /metrics on any free port."""

    def make(running: Broker) -> Settings:
        forest = {"name": FOREST, "tenant": TENANT, "servers": ["ldaps://dc1"], "bind_user": "u", "bind_password": "p"}
        return Settings.model_validate(
            {
                "kafka": {"bootstrap_servers": [running.bootstrap]},
                "metrics": {"port": 0},
                "tenant": [{"id": TENANT, "managed_identity": True}],
                "forest": [forest],
            }
        )

    return make


@contextlib.contextmanager
def following(settings: Settings, detections: Sequence[KnownDetection] = DETECTIONS) -> Iterator[Exporter]:
    """An exporter at work, until the block ends."""
    stop = Event()
    with Exporter(settings, detections) as exporter:
        thread = Thread(target=exporter.run, args=(stop,))
        thread.start()
        try:
            yield exporter
        finally:
            stop.set()
            thread.join(120)
    assert not thread.is_alive()


def get(exporter: Exporter, path: str) -> tuple[int, str]:
    """Status and body of one of the exporter's pages."""
    try:
        with urllib.request.urlopen(exporter.url.replace("/metrics", path), timeout=120) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def caught_up(exporter: Exporter) -> None:
    """Wait until /-/ready says so."""
    until(lambda: get(exporter, "/-/ready")[0] == 200, "the exporter is ready")


def findings_lines(exporter: Exporter) -> list[str]:
    """What it shows of findings that is not zero, without counters (those belong to the process)."""
    _, text = get(exporter, "/metrics")
    return [line for line in text.splitlines() if line.startswith("synchealth_findings_") and not line.endswith(" 0.0")]


@contextlib.contextmanager
def publisher(bootstrap: str) -> Iterator[Callable[[Sequence[Finding | DeadLetter]], None]]:
    """A function that publishes findings (and dead letters) as the workers do, and returns once Kafka has them."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=20)

    def publish(records: Sequence[Finding | DeadLetter]) -> None:
        for one in records:
            if isinstance(one, DeadLetter):
                producer.send(DEADLETTERS.name, value=encode(one))
            else:
                producer.send(FINDINGS.name, key=one.id.encode(), value=encode(one))
        producer.flush()

    try:
        yield publish
    finally:
        producer.close()
