"""Brokers for tests of whole processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.broker import Broker, kafka
from tests.e2e.worker_rig import WorkerRig
from tests.support.brokers import delete_topics, require_kafka


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[Broker]:
    """Apache Kafka, one node."""
    require_kafka()
    with kafka() as broker:
        yield broker


@pytest.fixture
def empty_kafka(kafka_broker: Broker) -> Broker:
    """Apache Kafka without any topic of ours."""
    delete_topics(kafka_broker.bootstrap)
    return kafka_broker


@pytest.fixture
def new_rig(empty_kafka: Broker, tmp_path: Path) -> Callable[..., WorkerRig]:
    """Makes a rig on empty topics, in a consumer group of its own."""

    def make(store: str = "memory", session_s: float = 3) -> WorkerRig:
        extra = f'consumer_group = "{tmp_path.name}"\n'
        return WorkerRig(empty_kafka.bootstrap, tmp_path, store=store, session_s=session_s, extra=extra)

    return make
