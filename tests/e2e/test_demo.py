"""The demo as a user runs it: refused, interrupted half-way, killed.

Unattended to its end: test_demo_dashboard.py on the embedded broker, test_secured_kafka.py on Apache Kafka.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from kafka import KafkaAdminClient

from deploy.broker import Broker
from streams.contracts.topics import TOPICS
from streams.detections.registry import all_detections

pytestmark = [pytest.mark.apart, pytest.mark.slow]
COMMAND = [sys.executable, "-m", "deploy.cli.main", "demo", "--objects", "600"]
UNATTENDED = ["--speed", "240", "--until-done", "--timeout", "600"]


def run_demo(tmp_path: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Run it to its end; the report. Fails with everything that was said if it does not end well."""
    report = tmp_path / "report.json"
    kept = tmp_path / "kept"
    done = subprocess.run(
        [*COMMAND, *UNATTENDED, "--json", str(report), "--directory", str(kept), *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "TMPDIR": str(tmp_path), **(environment or {})},
    )
    log = kept / "pipeline.log"
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{log.read_text()[-4000:] if log.exists() else ''}"
    found: dict[str, Any] = orjson.loads(report.read_bytes())
    return found


def processes_about(word: str) -> list[str]:
    """Command lines that contain `word`, zombies and ourselves aside."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            if word in line:
                found.append(line)
    return found


def check(report: dict[str, Any]) -> None:
    assert report["ok"] is True and report["faults"] == []
    shown = {finding["detection"] for finding in report["findings"]}
    assert shown == {each.detection.id for each in all_detections() if each.detection.family == "conflict"}
    for finding in report["findings"]:
        assert finding["fault_at"] <= finding["opened_at"] <= finding["resolved_at"], finding
        assert finding["repaired_at"] <= finding["resolved_at"], finding
    # Other families may notice the same faults (what is refused is missing in the cloud); none may be left.
    assert [finding for finding in report["unexpected"] if finding["state"] == "open"] == []


@pytest.mark.kafka
def test_an_installations_kafka_is_refused_and_left_alone(empty_kafka: Broker, tmp_path: Path) -> None:
    config = tmp_path / "settings.toml"
    config.write_text(f'[kafka]\nbootstrap_servers = ["{empty_kafka.bootstrap}"]\n')
    synchealth = [sys.executable, "-m", "deploy.cli.main"]
    subprocess.run([*synchealth, "topics", "create", "--config", str(config)], check=True)
    done = subprocess.run([*COMMAND, "--kafka", empty_kafka.bootstrap], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "has SyncHealth topics already" in done.stderr
    admin = KafkaAdminClient(bootstrap_servers=empty_kafka.bootstrap)
    assert {topic.name for topic in TOPICS} <= set(admin.list_topics())
    admin.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_it_takes_everything_down(tmp_path: Path, number: signal.Signals) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True, env=environment) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("OPEN"):
                break
        else:
            pytest.fail("no finding before it ended")
        assert processes_about(str(tmp_path)), "the pipeline runs from a folder in TMPDIR"
        demo.send_signal(number)
        rest = demo.stdout.read()
    assert demo.returncode == 0, rest
    assert processes_about(str(tmp_path)) == []
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith("synchealth-")] == []


def test_killed_it_leaves_no_process_behind(tmp_path: Path) -> None:
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    with subprocess.Popen(COMMAND, stdout=subprocess.PIPE, text=True, env=environment) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if "metrics at" in line:
                break
        demo.kill()
    deadline = time.monotonic() + 120
    while processes_about(str(tmp_path)):
        assert time.monotonic() < deadline, processes_about(str(tmp_path))
        time.sleep(0.1)
