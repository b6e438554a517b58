from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.broker import Broker, tansu
from producers import topics
from streams.runtime.settings import KafkaSettings
from tests.support.graph_lab import GraphLab, certificates_in, graph_lab


@pytest.fixture(autouse=True)
def sockets_of_refused_connections() -> Iterator[None]:
    """kafka-python 3.0.12 leaves them open in reference cycles; they are no fault of the test that comes next."""
    yield
    hook, sys.unraisablehook = sys.unraisablehook, lambda _: None
    try:
        gc.collect()
    finally:
        sys.unraisablehook = hook


@pytest.fixture(scope="module", params=["tansu", pytest.param("kafka", marks=pytest.mark.kafka)])
def any_broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    if request.param == "kafka":
        yield request.getfixturevalue("kafka_of_file")
        return
    with tansu() as broker:
        yield broker


@pytest.fixture(scope="module")
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
