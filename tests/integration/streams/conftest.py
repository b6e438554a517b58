"""Brokers for the worker's tests: one Apache Kafka and one Tansu per run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from deploy.broker import Broker, jars, kafka, tansu


@pytest.fixture(scope="session")
def kafka_broker() -> Iterator[Broker]:
    """Apache Kafka. Compaction is made eager, so that tests see it happen."""
    required = os.environ.get("CI") == "true" or os.environ.get("SYNCHEALTH_REQUIRE_ALL") == "1"
    if not required and not (shutil.which("java") and (shutil.which("mvn") or jars.cache_directory().is_dir())):
        pytest.skip("needs Java 17 and Maven: apt-get install openjdk-17-jre-headless maven")
    overrides = {"log.cleaner.backoff.ms": "200", "log.cleaner.min.cleanable.ratio": "0.01"}
    with kafka(overrides=overrides) as broker:
        yield broker


@pytest.fixture(scope="session")
def tansu_broker() -> Iterator[Broker]:
    """The embedded broker."""
    with tansu() as broker:
        yield broker
