"""Brokers for tests of whole processes."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from deploy.broker import Broker, jars, kafka
from tests.e2e.worker_rig import WorkerRig, wait_until


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[Broker]:
    """Apache Kafka, one node."""
    required = os.environ.get("CI") == "true" or os.environ.get("SYNCHEALTH_REQUIRE_ALL") == "1"
    if not required and not (shutil.which("java") and (shutil.which("mvn") or jars.cache_directory().is_dir())):
        pytest.skip("needs Java 17 and Maven: apt-get install openjdk-17-jre-headless maven")
    with kafka() as broker:
        yield broker


@pytest.fixture
def new_rig(kafka_broker: Broker, tmp_path: Path) -> Callable[..., WorkerRig]:
    """Makes a rig on empty topics, in a consumer group of its own."""
    admin = KafkaAdminClient(bootstrap_servers=kafka_broker.bootstrap)
    names = [name for name in admin.list_topics() if name.startswith("synchealth.")]
    if names:
        admin.delete_topics(names)
        assert wait_until(lambda: not [n for n in admin.list_topics() if n.startswith("synchealth.")], 20)
    admin.close()

    def make(store: str = "memory", session_s: float = 3) -> WorkerRig:
        group = f'consumer_group = "{tmp_path.name}"\n'
        return WorkerRig(kafka_broker.bootstrap, tmp_path, store=store, session_s=session_s, extra=group)

    return make
