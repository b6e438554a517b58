"""The hybrid-join story over Apache Kafka: every gap opens and resolves, and nothing else is left open."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.broker import Broker
from streams.detections.registry import all_detections
from tests.e2e.test_demo import run_demo

pytestmark = [pytest.mark.slow, pytest.mark.kafka]


def test_every_gap_of_the_rollout_opens_and_resolves(empty_kafka: Broker, tmp_path: Path) -> None:
    report = run_demo(tmp_path, "--story", "hybrid_join", "--kafka", empty_kafka.bootstrap)
    shown = {finding["detection"] for finding in report["findings"]}
    assert shown == {each.detection.id for each in all_detections() if each.detection.family == "hybrid_join"}
    assert [finding for finding in report["unexpected"] if finding["state"] == "open"] == []
