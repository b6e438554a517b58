"""The demo unattended, and on the dashboards: a real Prometheus watches the whole story, then every panel is asked.

The conflicts on the embedded broker, as a newcomer sees them; the hybrid join over Apache Kafka.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
import tomllib
from pathlib import Path

import pytest

from deploy.prometheus.pipeline_rules import PIPELINE_RULES
from streams.detections.registry import all_detections
from tests.e2e.test_alerting import answers
from tests.e2e.test_demo import COMMAND, UNATTENDED, check, processes_about
from tests.support.alerting import faster_rules
from tests.support.dashboards import panel_queries, recording_at_once, rendering
from tests.support.prometheus import prometheus_server, until

SPANS = {"$__rate_interval": "5s", "$__range": "10m"}
# Nobody resets a password in these stories; test_dashboards.py has data for that page.
FILLED_BY = {
    "conflicts": ("overview.json", "conflicts.json", "sync.json", "pipeline.json"),
    "hybrid_join": ("hybrid-join.json",),
}
# What a run of minutes without trouble rightly leaves empty; test_dashboards.py fills them.
EMPTY_WHEN_WELL = {"Errors of sources", "Windows events that nobody reads", "Dead letters by reason"}
EMPTY_WHEN_WELL |= {"Differing properties", "By family", "Open now and a week before"}  # nothing is a week old
NOT_IN_THE_STORY = ("Hygiene", "Source of authority", "Channels", "Messages")
# The rules run ten times as fast, so that the minutes of a story are a quarter of an hour.
FACTOR = 10
STANDS_S = 40


@pytest.mark.slow
@pytest.mark.prometheus
@pytest.mark.apart
@pytest.mark.parametrize("story", ["conflicts", pytest.param("hybrid_join", marks=pytest.mark.kafka)])
def test_no_panel_is_empty_with_the_demos_data(tmp_path: Path, story: str, request: pytest.FixtureRequest) -> None:
    stage = tmp_path / "demo"
    kafka = ["--kafka", request.getfixturevalue("empty_kafka").bootstrap] if story == "hybrid_join" else []
    command = [
        *COMMAND, *UNATTENDED, "--story", story, "--directory", str(stage),
        "--json", str(tmp_path / "report.json"), *kafka,
    ]  # fmt: skip
    with (tmp_path / "demo.log").open("wb") as log:
        demo = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        producers: list[str] = []

        def started() -> bool:
            assert demo.poll() is None, (tmp_path / "demo.log").read_text()
            text = (stage / "pipeline.log").read_text() if (stage / "pipeline.log").exists() else ""
            producers[:] = sorted(set(re.findall(r"metrics=http://([\d.]+:\d+)/metrics", text)))
            return len(producers) == 4

        until(started, "two forests, a tenant and an event log are read")
        settings = tomllib.loads((stage / "settings.toml").read_text())
        jobs = {
            "synchealth-exporter": [f"127.0.0.1:{settings['metrics']['port']}"],
            "synchealth-streams": [f"127.0.0.1:{settings['streams']['metrics_port']}"],
            "synchealth-producers": producers,
        }
        targets = [target for each in jobs.values() for target in each]
        until(lambda: all(answers(target) for target in targets), "every process answers")
        until(lambda: answers(*jobs["synchealth-exporter"], "/-/ready"), "findings are shown")
        start_s = time.time()
        rules = faster_rules(tmp_path / "rules", FACTOR)
        recording_at_once(tmp_path / "rules")
        with prometheus_server(tmp_path, jobs, rules=rules) as server:
            demo.wait(timeout=700)
            end_s = time.time()
            empty: set[str] = set()
            queries = [each for each in panel_queries(SPANS) if each.dashboard in FILLED_BY[story]]
            for each in queries:
                if not server.numbers_between(each.expression, start_s, time.time()):
                    empty.add(each.panel)
            print(rendering(server, queries, (start_s + end_s) / 2))  # what a failure is looked at with
            alerts: dict[tuple[str, str], int] = {}
            for row in server.series("ALERTS", start_s, end_s):
                what = (row["metric"]["alertname"], row["metric"]["alertstate"])
                alerts[what] = max(alerts.get(what, 0), len(row["values"]))
    finally:
        if demo.poll() is None:
            demo.terminate()
            demo.wait(120)

    assert demo.returncode == 0, (tmp_path / "demo.log").read_text()
    report = json.loads((tmp_path / "report.json").read_text())
    if story == "conflicts":
        check(report)
    else:
        shown = {finding["detection"] for finding in report["findings"]}
        assert shown == {each.detection.id for each in all_detections() if each.detection.family == "hybrid_join"}
        assert [finding for finding in report["unexpected"] if finding["state"] == "open"] == []
    assert processes_about(str(tmp_path)) == []
    assert {title for title in empty if not title.startswith(NOT_IN_THE_STORY)} - EMPTY_WHEN_WELL == set()
    # What the story breaks may alert; of the pipeline nothing was down, nor long on its way to an alert.
    pipeline = {rule.name for rule in PIPELINE_RULES} - {"SyncHealthWatchdog"}
    wrong = {
        (name, state, seconds)
        for (name, state), seconds in alerts.items()
        if name in pipeline and (state == "firing" or seconds > STANDS_S)
    }
    assert wrong == set()
    assert ("SyncHealthWatchdog", "firing") in alerts
