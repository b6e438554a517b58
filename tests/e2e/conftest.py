"""Real parts for the end-to-end tests."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from deploy.broker import Broker, jars, kafka


@pytest.fixture(scope="module")
def kafka_broker() -> Iterator[Broker]:
    """Apache Kafka. A missing Java is a skip on a laptop, a failure in CI."""
    required = os.environ.get("CI") == "true" or os.environ.get("SYNCHEALTH_REQUIRE_ALL") == "1"
    if not required and not (shutil.which("java") and (shutil.which("mvn") or jars.cache_directory().is_dir())):
        pytest.skip("needs Java 17 and Maven: apt-get install openjdk-17-jre-headless maven")
    with kafka() as broker:
        yield broker
