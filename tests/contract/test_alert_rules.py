"""Alert rules: fresh, valid, each with a runbook; firing when they should and quiet when they should."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.prometheus.alert_rule import Links
from deploy.prometheus.build import FOLDER, RECORDING, recording_file, rule_files
from deploy.prometheus.detection_rules import NEW_FINDINGS, alert_name
from deploy.prometheus.pipeline_rules import PIPELINE_RULES
from deploy.prometheus.writeback_rules import WRITEBACK_RULES
from streams.detections.registry import Registered, all_detections
from tests.support.findings import FOREST, TENANT
from tests.support.prometheus import promtool, rules_of

ROOT = Path(__file__).parents[2]
PIPELINE_TESTS = Path(__file__).parent / "alert_rules" / "pipeline.test.yaml"
ALERTING = [registered for registered in all_detections() if registered.detection.alert is not None]
OLDEST = "synchealth_findings_oldest_unattended_timestamp_seconds"


def all_rules() -> list[dict[str, Any]]:
    documents = [yaml.safe_load(text) for text in rule_files().values()]
    return [rule for document in documents for group in document["groups"] for rule in group["rules"]]


def test_the_committed_rules_are_fresh() -> None:
    committed = {path.name: path.read_text() for path in FOLDER.iterdir()}

    assert committed == rule_files() | {RECORDING: recording_file()}, "run `python -m deploy.prometheus.build`"


def test_every_alert_has_a_runbook_and_a_name_of_its_own() -> None:
    rules = all_rules()
    names = [rule["alert"] for rule in rules]

    assert len(set(names)) == len(names)
    for rule in rules:
        assert (ROOT / rule["annotations"]["runbook_url"]).is_file(), rule["alert"]


def test_a_base_url_makes_links_of_the_runbooks() -> None:
    links = Links(runbook_base_url="https://runbooks.example/", grafana_url="https://grafana.example/")
    text = rule_files(links)["pipeline.yaml"]

    assert "dashboard_url: https://grafana.example/d/synchealth-pipeline" in text
    assert "runbook_url: https://runbooks.example/deploy/prometheus/runbooks/SyncHealthSourceSilent.md" in text


def test_no_runbook_of_the_pipeline_is_left_over_or_lacks_a_section() -> None:
    books = sorted((ROOT / "deploy/prometheus/runbooks").iterdir())

    assert [book.stem for book in books] == sorted(
        rule.name for rule in (*PIPELINE_RULES, *WRITEBACK_RULES, NEW_FINDINGS)
    )
    for book in books:
        sections = [line for line in book.read_text().splitlines() if line.startswith("## ")]
        assert sections == ["## Meaning", "## Impact", "## Diagnosis", "## Mitigation", "## False positives"], book


def test_every_pipeline_alert_has_a_firing_and_a_quiet_case() -> None:
    tests = yaml.safe_load(PIPELINE_TESTS.read_text())["tests"]
    cases = [case for test in tests for case in test.get("alert_rule_test", ())]
    firing = {case["alertname"] for case in cases if case.get("exp_alerts")}
    quiet = {case["alertname"] for case in cases if not case.get("exp_alerts")}
    names = {rule.name for rule in PIPELINE_RULES}

    assert (names - firing, names - quiet) == (set(), {"SyncHealthWatchdog"})  # a watchdog is never quiet


@pytest.mark.prometheus
def test_promtool_accepts_rules_and_the_example_configuration() -> None:
    code, words = promtool("check", "rules", "--lint-fatal", *sorted(FOLDER.iterdir()))
    assert code == 0, words
    code, words = promtool("check", "config", ROOT / "deploy/prometheus/prometheus.yml")
    assert code == 0, words


@pytest.mark.prometheus
def test_pipeline_alerts_fire_and_keep_quiet() -> None:
    code, words = promtool("test", "rules", PIPELINE_TESTS)

    assert code == 0, words


@pytest.mark.prometheus
@pytest.mark.parametrize("registered", ALERTING, ids=[registered.detection.id for registered in ALERTING])
def test_detection_alerts_fire_and_keep_quiet(registered: Registered, tmp_path: Path) -> None:
    path = tmp_path / "rules.test.yaml"
    document = {
        "rule_files": [rules_of({alert_name(registered.detection)}, tmp_path)],
        "evaluation_interval": "1m",
        "tests": stories(registered),
    }
    path.write_text(yaml.safe_dump(document))
    code, words = promtool("test", "rules", path)

    assert code == 0, words


def stories(registered: Registered) -> list[dict[str, Any]]:
    """Quiet and firing ones. A finding opens at minute 10; a value of `stale` is a scrape without the series."""
    detection = registered.detection
    assert detection.alert is not None
    labels = {
        "detection": detection.id,
        "family": detection.family,
        "severity": detection.severity.value,
        "tenant": TENANT,
        "forest": FOREST,
    }
    wait = -(-detection.alert.for_s // 60)  # minutes, rounded up

    def series(name: str, values: str, **more: str) -> dict[str, str]:
        text = ",".join(f'{label}="{value}"' for label, value in (labels | more).items())
        return {"series": f"{name}{{{text}}}", "values": values}

    def story(
        name: str, inputs: list[dict[str, str]], minutes: dict[int, str | None], count: str = "2"
    ) -> dict[str, Any]:
        """`minutes`: what is expected then, as the age the alert names; None: nothing."""
        tests = []
        for minute, age in minutes.items():
            test: dict[str, Any] = {"eval_time": f"{minute}m", "alertname": alert_name(detection)}
            if age is not None:
                test["exp_alerts"] = [{"exp_labels": labels, "exp_annotations": annotations(age, count)}]
            tests.append(test)
        return {"name": name, "interval": "1m", "input_series": inputs, "alert_rule_test": tests}

    def annotations(age: str, count: str) -> dict[str, str]:
        return {
            "summary": f"{detection.title} (forest {FOREST})",
            "description": (
                f"{count} unattended with severity {detection.severity.value} in forest {FOREST}, "
                f"the longest for {age}. {detection.remediation} "
                f"List them: synchealth findings --detection {detection.id}"
            ),
            "runbook": f"synchealth runbook {alert_name(detection)}",
            "runbook_url": registered.runbook.relative_to(ROOT).as_posix(),
        }

    opened = 600  # seconds
    fires = 10 + wait
    counts = [series("synchealth_findings_unattended", f"2x{fires + 60}", instance=instance) for instance in "ab"]
    stands = [series(OLDEST, f"_x10 {opened}x{wait + 40}", instance=instance) for instance in "ab"]
    moving = " ".join(str(minute * 60) for minute in range(fires + 30))  # a new oldest one every minute
    restarted = f"_x10 {opened}x{wait + 5} stale _ {opened}x30"
    always = [
        story("nothing is open", [series("synchealth_findings_unattended", "0x60")], {5: None, 50: None}),
        story(
            "a finding that stands, seen by two replicas",
            [*counts, *stands],
            {fires - 1: None, fires + 1: words(wait + 1)},
        ),
        story(
            "the exporter restarts while the alert fires",
            [counts[0], series(OLDEST, restarted)],
            {fires + 3: words(wait + 3), fires + 7: words(wait + 5), fires + 9: words(wait + 9)},
        ),
    ]
    if detection.suppressed_by or detection.explained_by:
        suppressed = series("synchealth_findings_suppressed", f"0x{fires + 4} 1x30 0x30")
        always.append(
            story(
                "explained while it alerts: it ends with what is wrong, not with the explanation",
                [suppressed, series(OLDEST, f"_x10 {opened}x{wait + 4} stale")],
                {fires - 1: None, fires + 30: words(30), fires + 45: None},
                count="Some",
            )
        )
        opening = [series("synchealth_findings_open", f"0x{fires + 9} 1x60")]
        nobody = [series("synchealth_findings_unattended", f"0x{fires + 70}")]
        always.append(
            story(
                "explained while it alerts, and somebody looks after all that is open",
                [suppressed, series(OLDEST, f"_x10 {opened}x{wait + 4} stale"), *opening, *nobody],
                {fires + 8: words(8), fires + 20: None},
                count="0",
            )
        )
        always.append(
            story(
                "explained before it alerts", [suppressed, series(OLDEST, "_x60")], {fires + 10: None, fires + 30: None}
            )
        )
    if wait < 4:  # it alerts at once, or nearly: there is no patience to test
        return always
    return [
        *always,
        story(
            "a finding that ends in time",
            [series(OLDEST, f"_x10 {opened}x{max(0, wait - 2)} stale")],
            {fires - 1: None, fires + 2: None, fires + 30: None},
        ),
        story(
            "findings that come and go, one always open",
            [series("synchealth_findings_unattended", f"1x{fires + 30}"), series(OLDEST, moving)],
            {fires + 5: None, fires + 29: None},
        ),
        story(
            "the exporter restarts while nothing alerts",
            [
                series("synchealth_findings_unattended", "2x5 stale 2x40"),
                series(OLDEST, f"_x10 {opened} stale _ {opened}x1 stale"),
            ],
            {12: None, 13: None, fires + 20: None},
        ),
    ]


def words(minutes: int) -> str:
    """As humanizeDuration has it."""
    return f"{minutes // 60}h {minutes % 60}m 0s" if minutes >= 60 else f"{minutes}m 0s"
