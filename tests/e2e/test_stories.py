"""The stories of writeback and of the engine, played through the whole pipeline; no password shows up on the way."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from kafka import KafkaConsumer

from deploy.broker import Broker
from deploy.lab.demo import report
from deploy.lab.demo.stage import Wishes, stage
from deploy.lab.demo.watcher import FindingsWatcher
from deploy.lab.stories import STORIES
from deploy.lab.stories.player import Player
from deploy.lab.sync.winlogbeat import TOPIC as WINLOGBEAT
from deploy.lab.sync.writeback import LabTarget
from deploy.lab.sync.writeback_audit import WritebackUser
from streams.contracts.finding import Finding, FindingState
from streams.contracts.topics import FINDINGS, TOPICS
from streams.runtime.clock import now_ms
from streams.runtime.settings import KafkaSettings
from streams.views.password.errors import ErrorClass
from tests.e2e.test_demo import run_demo
from tests.support.kafka_log import records

pytestmark = [pytest.mark.apart, pytest.mark.slow]

# Detections may open in passing that the story does not name: they must have ended with it.
WRITEBACK = {
    "writeback.password_writeback_failed", "writeback.password_writeback_unconfirmed",
    "writeback.password_split_brain", "writeback.writeback_service_down", "writeback.password_writeback_disabled",
}  # fmt: skip
WRITTEN_OBJECTS = {
    "writeback.group_writeback_missing", "writeback.group_frozen", "writeback.group_writeback_failed",
    "writeback.group_written_empty", "writeback.group_members_skipped", "writeback.device_writeback_missing",
    "writeback.device_writeback_mismatch",
}  # fmt: skip
CLASSES = {str(each) for each in ErrorClass} - {ErrorClass.SPLIT, ErrorClass.NOT_OFFERED, ErrorClass.OTHER}
ENGINE = {
    "capacity.directory_quota", "flow.silent_drop", "engine.cloud_sync_job_quarantined",
    "engine.mass_deletion_forecast", "engine.scope_shrink", "engine.deletion_threshold_reached",
    "engine.two_active_servers", "engine.sync_stopped",
}  # fmt: skip

FLOW = {
    "authority.account_enabled_only_in_cloud", "authority.source_anchor_changed",
    "authority.edit_of_cloud_managed_object", "conflict.reference_to_unsynced_object", "flow.export_overdue",
    "flow.missing_in_cloud", "flow.orphaned_in_cloud", "flow.attribute_drift", "flow.membership_drift",
    "flow.export_error", "engine.export_run_errors", "engine.long_cycle", "flow.attribute_flows_otherwise",
    "engine.orphans_in_bulk",
}  # fmt: skip

TENANT = {
    "engine.connect_version_unsupported", "engine.cloud_sync_job_failing", "engine.seamless_sso_key_stale",
    "engine.source_refused", "engine.sync_feature_changed", "engine.verified_domain_change",
    "engine.password_hash_sync_failed", "engine.password_hash_sync_stopped", "engine.staging_takeover",
}  # fmt: skip
MERGER = {"engine.bulk_change", "capacity.write_rate_limit"}
# It ends after a day, and the story is over before.
OUTLIVES, LAST = {"engine.sync_feature_changed"}, "9999"


def check(told: Mapping[str, Any], detections: set[str]) -> None:
    """`told`: the demo's report."""
    assert told["ok"] is True and told["faults"] == []
    assert {finding["detection"] for finding in told["findings"]} == detections
    for finding in told["findings"]:
        ended = finding["resolved_at"] or (finding["detection"] in OUTLIVES and LAST)
        assert finding["fault_at"] <= finding["opened_at"] <= ended, finding
    assert [finding for finding in told["unexpected"] if finding["state"] == "open"] == []


@pytest.mark.kafka
def test_written_objects_over_apache_kafka(empty_kafka: Broker, tmp_path: Path) -> None:
    kafka = ("--kafka", empty_kafka.bootstrap)
    check(run_demo(tmp_path, "--story", "writeback_objects", "--speed", "480", *kafka), WRITTEN_OBJECTS)


@pytest.mark.kafka
def test_the_engine_over_apache_kafka(empty_kafka: Broker, tmp_path: Path) -> None:
    check(run_demo(tmp_path, "--story", "engine", "--speed", "480", "--kafka", empty_kafka.bootstrap), ENGINE)


@pytest.mark.kafka
def test_flow_over_apache_kafka(empty_kafka: Broker, tmp_path: Path) -> None:
    check(run_demo(tmp_path, "--story", "flow", "--speed", "300", "--kafka", empty_kafka.bootstrap), FLOW)


@pytest.mark.kafka
def test_tenant_over_apache_kafka(empty_kafka: Broker, tmp_path: Path) -> None:
    check(run_demo(tmp_path, "--story", "tenant", "--kafka", empty_kafka.bootstrap), TENANT)


@pytest.mark.soak
@pytest.mark.kafka
def test_merger_over_apache_kafka(empty_kafka: Broker, tmp_path: Path) -> None:
    check(run_demo(tmp_path, "--story", "merger", "--speed", "60", "--kafka", empty_kafka.bootstrap), MERGER)


@pytest.mark.kafka
def test_large_group_over_apache_kafka(empty_kafka: Broker, tmp_path: Path) -> None:
    kafka = ("--kafka", empty_kafka.bootstrap)
    check(run_demo(tmp_path, "--story", "large_group", "--speed", "60", *kafka), {"capacity.group_too_large"})


@pytest.mark.soak
@pytest.mark.kafka
def test_large_directory_over_apache_kafka(empty_kafka: Broker, tmp_path: Path) -> None:
    kafka = ("--kafka", empty_kafka.bootstrap)
    check(run_demo(tmp_path, "--story", "large_directory", "--speed", "60", *kafka), {"capacity.sql_express_limit"})


@pytest.mark.kafka
def test_writeback_over_apache_kafka_and_no_password_of_the_lab_shows_in_topics_logs_or_metrics(
    empty_kafka: Broker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_up: list[str] = []
    set_password = LabTarget.set_password

    def noted(target: LabTarget, user: WritebackUser, password: str) -> None:
        made_up.append(password)
        set_password(target, user, password)

    monkeypatch.setattr(LabTarget, "set_password", noted)
    kafka = KafkaSettings(bootstrap_servers=[empty_kafka.bootstrap])
    wishes = Wishes(objects=600, speed=240, kafka=kafka, directory=tmp_path / "kept")
    findings: dict[str, Finding] = {}
    started_ms = now_ms()
    with stage(wishes, told=lambda _: None, on_cycle=lambda _: None, on_sweep=lambda _: None) as built:
        with built.lab.held():
            story = STORIES["writeback"](built.organisation)
        player = Player(story, built.lab.clock, built.lab.schedule)

        def on_finding(finding: Finding) -> None:
            findings[finding.id] = finding
            player.saw(finding.id, is_open=finding.state is not FindingState.RESOLVED)

        with FindingsWatcher(built.settings.kafka, on_finding):
            over = built.lab.run(player.play())
            deadline_s = time.monotonic() + 300
            while not over.done() or report.unexpected(player, dict(findings), still=True):
                assert time.monotonic() < deadline_s, player.progress
                built.supervisor.look()
                built.lab.call(player.look)
                time.sleep(0.2)
            over.result()
        ports = [built.settings.metrics.port, built.settings.streams.metrics_port, *built.producer_ports.values()]
        said = {f"port {port}": scraped(port) for port in ports}
        said |= {topic: written(built.broker, topic) for topic in [WINLOGBEAT, *(each.name for each in TOPICS)]}
        told = report.document(
            player, findings, started_ms=started_ms, ended_ms=now_ms(), broker=built.broker, objects=600, speed=240
        )
    check(told, WRITEBACK)
    said["pipeline.log"] = built.log_file.read_bytes()
    assert len(made_up) >= 13
    # Whom it is about is told in all these places: we look where something is to be found.
    assert {each for each in CLASSES if f'"class":"{each}"'.encode() in said[FINDINGS.name]} == CLASSES
    assert b"31002" in said[WINLOGBEAT]
    assert len(said["pipeline.log"]) > 0 and all(said[f"port {port}"] for port in ports)
    assert [(place, word[:6]) for place, text in said.items() for word in made_up if word.encode() in text] == []


def scraped(port: int) -> bytes:
    with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=120) as answer:
        text: bytes = answer.read()
    return text


def written(bootstrap: str, topic: str) -> bytes:
    """Keys and values of every record of a topic."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap)
    partitions = len(consumer.partitions_for_topic(topic) or ())
    consumer.close()
    assert partitions > 0, topic
    found = records(bootstrap, topic, partitions)
    return b"\n".join(part or b"" for record in found for part in (record.key, record.value))
