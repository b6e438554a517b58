"""The Alertmanager's configuration: fresh, complete, and in time."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from deploy.alertmanager.build import FILE, text
from deploy.alertmanager.configuration import Webhooks, document
from deploy.prometheus.build import rule_files
from streams.detections.registry import all_detections
from tests.support.prometheus import run_tool

RULES: dict[str, dict[str, Any]] = {
    rule["alert"]: rule
    for file in rule_files().values()
    for group in yaml.safe_load(file)["groups"]
    for rule in group["rules"]
}


def test_the_committed_file_is_fresh() -> None:
    assert FILE.read_text() == text(Webhooks()), "run `python -m deploy.alertmanager.build`"


def test_every_alert_outlasts_the_time_until_its_process_is_missed() -> None:
    def minutes(duration: str) -> int:
        assert duration.endswith("m")
        return int(duration[:-1])

    # A range of one minute behind `for`; another one for the evaluations between them.
    missed = max(minutes(RULES[f"SyncHealth{name}"]["for"]) for name in ("ExporterDown", "ExporterNotReady")) + 2
    for name, rule in RULES.items():
        if name != "SyncHealthWatchdog":
            assert minutes(rule["keep_firing_for"]) > missed, name


_OF_SOME = {
    "engine.mass_deletion_forecast",  # which may explain nothing
    "engine.orphans_in_bulk",  # whom no forest has; of whom AD has deleted it says nothing
    "engine.scope_shrink",  # the same
    "engine.scope_unknown",  # of one forest
}


def test_a_cause_inhibits_what_it_explains_within_its_tenant() -> None:
    rules = document(Webhooks())["inhibit_rules"]
    alerting = {each.detection.id for each in all_detections() if each.detection.alert is not None}
    for registered in all_detections():
        for cause in registered.detection.suppressed_by:
            found = [
                rule["equal"]
                for rule in rules
                if rule["source_matchers"] == [f'detection=~"{cause.replace(".", "[.]")}"']
                and registered.detection.id.replace(".", "[.]") in rule["target_matchers"][0]
            ]
            whole = cause in alerting and cause not in _OF_SOME
            assert found == ([["tenant"]] if whole else []), (cause, registered)


@pytest.mark.prometheus
@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("alertname=SyncHealthExporterDown severity=critical", "page"),
        ("alertname=SyncHealthConflictDuplicateAddress severity=high family=conflict", "urgent"),
        ("alertname=SyncHealthFlowExportOverdue severity=medium family=flow", "ticket"),
        ("alertname=SyncHealthSourceResynced severity=low", "digest"),
        ("alertname=SyncHealthNewFindings severity=critical", "page-new"),
        ("alertname=SyncHealthNewFindings severity=high", "urgent-new"),
        ("alertname=SyncHealthWatchdog severity=none", "watchdog"),
        ("alertname=SomethingElse", "page"),
    ],
)
def test_severity_decides_who_is_told(labels: str, receiver: str) -> None:
    code, words = run_tool("amtool", "config", "routes", "test", f"--config.file={FILE}", *labels.split())
    assert (code, words.splitlines()[0].strip()) == (0, receiver)  # a warning follows
