"""Brokers for the worker's tests: one Apache Kafka and one Tansu per run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.broker import Broker, kafka, tansu
from tests.support.brokers import require_kafka


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[Broker]:
    """Apache Kafka. Compaction is made eager, so that tests see it happen."""
    require_kafka()
    overrides = {"log.cleaner.backoff.ms": "200", "log.cleaner.min.cleanable.ratio": "0.01"}
    with kafka(overrides=overrides) as broker:
        yield broker


@pytest.fixture(scope="session")
def tansu_broker() -> Iterator[Broker]:
    """The embedded broker."""
    with tansu() as broker:
        yield broker
