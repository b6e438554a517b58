"""Whom password writeback rings for: operators at once, users' own mistakes only as a wave, a late landing never."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.prometheus.build import rule_files
from deploy.prometheus.detection_rules import alert_name
from deploy.prometheus.writeback_rules import WRITEBACK_RULES
from streams.contracts.finding import Severity
from streams.detections.detection import Detection
from streams.detections.registry import all_detections
from tests.support.findings import FOREST, TENANT
from tests.support.prometheus import promtool, rules_of

FAMILY = {each.detection.id: each.detection for each in all_detections() if each.detection.family == "writeback"}
FAILED = FAMILY["writeback.password_writeback_failed"]
AT_ONCE = [
    FAILED, FAMILY["writeback.password_writeback_unconfirmed"], FAMILY["writeback.password_split_brain"],
    FAMILY["writeback.writeback_service_down"], FAMILY["writeback.password_writeback_disabled"],
]  # fmt: skip
ALERTS = [alert_name(detection) for detection in FAMILY.values() if detection.alert is not None]
MOST_WAIT_S = 300
(WAVE,) = WRITEBACK_RULES
DAY = 24 * 60


def finding(detection: Detection, severity: Severity, values: str) -> list[dict[str, str]]:
    """A finding open since `values` of the minute say so."""
    labels = (
        f'detection="{detection.id}",family="writeback",severity="{severity.value}",tenant="{TENANT}",forest="{FOREST}"'
    )
    oldest = f"synchealth_findings_oldest_unattended_timestamp_seconds{{{labels}}}"
    return [{"series": oldest, "values": values}]


def users(error: str, values: str, instance: str = "a") -> dict[str, str]:
    labels = f'tenant="{TENANT}",forest="{FOREST}",class="{error}",instance="{instance}"'
    return {"series": f"synchealth_writeback_users{{{labels}}}", "values": values}


def story(name: str, inputs: list[dict[str, str]], minutes: dict[int, set[str]], step: int = 1) -> dict[str, Any]:
    """`minutes`: which alerts of writeback ring then; no others may. `step`: minutes between two values."""
    names = [WAVE.name, *ALERTS]
    tests = [
        {
            "expr": f'count by (alertname) (ALERTS{{alertname=~"{"|".join(names)}",alertstate="firing"}})',
            "eval_time": f"{minute}m",
            "exp_samples": [{"labels": f'{{alertname="{ringing}"}}', "value": 1} for ringing in sorted(rings)],
        }
        for minute, rings in minutes.items()
    ]
    return {"name": name, "interval": f"{step}m", "input_series": inputs, "promql_expr_test": tests}


def play(
    tmp_path: Path,
    *stories: dict[str, Any],
    every: str = "1m",
    findings: bool = True,
) -> None:
    (tmp_path / "writeback.yaml").write_text(rule_files()["writeback.yaml"])
    files = ["writeback.yaml", *([rules_of(ALERTS, tmp_path)] if findings else [])]
    document = {"rule_files": files, "evaluation_interval": every, "tests": stories}
    (tmp_path / "rules.test.yaml").write_text(yaml.safe_dump(document))
    code, words = promtool("test", "rules", tmp_path / "rules.test.yaml")
    assert code == 0, words


@pytest.mark.prometheus
def test_the_rules_are_accepted(tmp_path: Path) -> None:
    (tmp_path / "writeback.yaml").write_text(rule_files()["writeback.yaml"])
    code, words = promtool("check", "rules", "--lint-fatal", tmp_path / "writeback.yaml")
    assert code == 0, words


@pytest.mark.prometheus
def test_an_operators_fault_rings_at_once(tmp_path: Path) -> None:
    stories = []
    for detection in AT_ONCE:
        assert detection.alert is not None and detection.alert.for_s <= MOST_WAIT_S
        rings = 10 + detection.alert.for_s // 60
        inputs = finding(detection, detection.severity, "_x10 600x20 stale")
        ringing = {alert_name(detection)}
        stories.append(story(detection.id, inputs, {9: set(), rings: ringing, 29: ringing, 40: set()}))
    play(tmp_path, *stories)


@pytest.mark.prometheus
def test_a_users_own_mistake_does_not_ring_and_hides_no_fault_of_an_operator(tmp_path: Path) -> None:
    mistake = finding(FAILED, Severity.LOW, "_x10 600x50")
    alone = story("one user tries a short password", [*mistake, users("password_policy", "0x10 1x50")],
                  {11: set(), 30: set(), 60: set()})  # fmt: skip
    both = story("a right is missing, too", [*mistake, *finding(FAILED, Severity.HIGH, "_x20 1200x40")],
                 {19: set(), 21: {alert_name(FAILED)}})  # fmt: skip
    play(tmp_path, alone, both)


@pytest.mark.prometheus
def test_a_late_landing_is_measured_and_does_not_ring(tmp_path: Path) -> None:
    labels = f'tenant="{TENANT}",forest="{FOREST}",kind="reset"'
    inputs = [
        {"series": f'synchealth_writeback_landing_seconds_bucket{{{labels},le="300"}}', "values": "40x60"},
        {"series": f'synchealth_writeback_landing_seconds_bucket{{{labels},le="+Inf"}}', "values": "40x10 60x50"},
        {"series": f"synchealth_writeback_landing_seconds_sum{{{labels}}}", "values": "90x10 24000x50"},
        {"series": f"synchealth_writeback_landing_seconds_count{{{labels}}}", "values": "40x10 60x50"},
    ]
    # The finding was open while it had not landed, and alerts no longer once it has.
    unconfirmed = FAMILY["writeback.password_writeback_unconfirmed"]
    ended = finding(unconfirmed, unconfirmed.severity, "_x10 600x5 stale")
    play(
        tmp_path,
        story("twenty resets land after five minutes", inputs, {5: set(), 12: set(), 30: set(), 60: set()}),
        story("one after the patience", [*inputs, *ended], {12: {alert_name(unconfirmed)}, 30: set()}),
    )


@pytest.mark.prometheus
def test_a_wave_of_own_mistakes_rings_and_a_usual_monday_does_not(tmp_path: Path) -> None:
    # One value in ten minutes: five quiet days with a Monday's peak on the first, then the second Monday.
    night, peak = 14 * 6, 10 * 6
    week = f"3x{night - 1} 40x{peak - 1} 4x{6 * 144 - 1}"
    monday = 7 * DAY + 14 * 60 + 10
    usual = users("password_policy", f"{week} 4x{night} 45x{peak}")
    wave = users("password_policy", f"{week} 4x{night} 100 300x{peak}")
    of_workers = [users("account_locked", f"2x{7 * 144 - 1} 2x{night} 8x{peak}", instance) for instance in "ab"]
    operators = users("permission", f"0x{7 * 144} 0x{night} 500x{peak}")
    small = users("password_policy", f"0x{7 * 144} 0x{night} 9x{peak}")
    fresh = users("wrong_password", f"_x{7 * 144} 2x{night} 30x{peak}")
    rings = {WAVE.name}
    play(
        tmp_path,
        story("a usual Monday", [usual], {monday - 60: set(), monday + 60: set(), monday + 300: set()}, step=10),
        story("a new policy refuses many", [wave], {monday - 60: set(), monday + 40: rings, monday + 120: rings}, 10),
        story("eight on each of two workers", of_workers, {monday - 60: set(), monday + 120: rings}, 10),
        story("other classes ring for themselves", [operators], {monday + 120: set()}, 10),
        story("nine people", [small], {monday + 120: set()}, 10),
        story("a new installation has no usual", [fresh], {monday - 60: set(), monday + 120: rings}, 10),
        every="10m",
        findings=False,  # none is shown in these eight days: their rules would have nothing to say
    )
