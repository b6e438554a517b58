from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.broker import Broker, jars, kafka, tansu
from producers import topics
from streams.runtime.settings import KafkaSettings
from tests.support.graph_lab import GraphLab, certificates_in, graph_lab


def kafka_or_skip() -> None:
    required = os.environ.get("CI") == "true" or os.environ.get("SYNCHEALTH_REQUIRE_ALL") == "1"
    if not (shutil.which("java") and (shutil.which("mvn") or jars.cache_directory().is_dir())) and not required:
        pytest.skip("needs Java 17 and Maven: apt-get install openjdk-17-jre-headless maven")


@pytest.fixture(scope="session")
def apache() -> Iterator[Broker]:
    kafka_or_skip()
    with kafka() as broker:
        yield broker


@pytest.fixture(scope="session", params=["tansu", pytest.param("kafka", marks=pytest.mark.kafka)])
def any_broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    if request.param == "kafka":
        yield request.getfixturevalue("apache")
        return
    with tansu() as broker:
        yield broker


@pytest.fixture(scope="session")
def topics_on(any_broker: Broker) -> KafkaSettings:
    """Settings for a broker on which all topics exist."""
    settings = KafkaSettings(bootstrap_servers=[any_broker.bootstrap], partitions=3)
    topics.create(settings)
    return settings


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[GraphLab]:
    from deploy.lab.entra.delta_pages import PageLimits

    with graph_lab(certificates_in(tmp_path / "certificates"), PageLimits(objects=20, members=15)) as running:
        yield running
