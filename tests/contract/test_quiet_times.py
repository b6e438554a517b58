"""Times when many computers do something at once, or synchronisation rests, and nobody is to be called.

What the findings do then is shown by cases beside the rules; here it is whether Prometheus would ring for them.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.prometheus.detection_rules import alert_name
from streams.detections.detection import Detection
from streams.detections.registry import all_detections
from tests.support.findings import FOREST, TENANT
from tests.support.prometheus import promtool, rules_of
from tests.support.quiet import QUIET, Labels, Quiet

FAMILY = [each.detection for each in all_detections() if each.detection.family == "hybrid_join"]
SILENT = [detection for detection in FAMILY if detection.alert is None]
RINGING = [detection for detection in FAMILY if detection.alert is not None]
OPEN, OLDEST = "synchealth_findings_unattended", "synchealth_findings_oldest_unattended_timestamp_seconds"
COMPUTERS = "synchealth_hybrid_join_computers"


def series(detection: Detection, metric: str, values: str) -> dict[str, str]:
    labels = {
        "detection": detection.id, "family": detection.family, "severity": detection.severity.value,
        "tenant": TENANT, "forest": FOREST,
    }  # fmt: skip
    text = ",".join(f'{name}="{value}"' for name, value in labels.items())
    return {"series": f"{metric}{{{text}}}", "values": values}


def standing(stage: str, values: str) -> dict[str, str]:
    labels = f'tenant="{TENANT}", forest="{FOREST}", stage="{stage}", system="windows 11"'
    return {"series": f"{COMPUTERS}{{{labels}}}", "values": values}


def monday_morning() -> dict[str, Any]:
    """Minutes 0 to 60 the night, then 800 computers wake: joins fail and succeed, new ones wait for the next cycle."""
    night = "0x60"
    inputs = [
        standing("pending", f"{night} 800 795-5x150 40x60"),
        standing("registered", f"{night} 0 5+5x150 760x60"),
    ]
    for detection in SILENT:  # slow ones stand for hours
        inputs += [series(detection, OPEN, f"{night} 800 795-5x150 40x60")]
        inputs += [series(detection, OLDEST, "_x60 -90000x210")]
    for detection in RINGING:  # one after the other, each repaired by the cycle that follows
        assert detection.alert is not None
        waits = detection.alert.for_s // 60 - 2
        waves = " ".join(f"{start * 60}x{waits - 1} stale _x4" for start in range(60, 240, waits + 5))
        inputs += [series(detection, OPEN, f"{night} 12x210"), series(detection, OLDEST, f"_x60 {waves}")]
    return story("a Monday-morning wave of sign-ins", "1m", inputs, [70, 90, 120, 180, 240, 269])


def summer_holiday() -> dict[str, Any]:
    """Six weeks in hours: a plant closes, its computers go stale, some fall out of the count; then all come back."""
    weeks = 7 * 24
    inputs = [
        standing("active", f"500x{weeks} 500-1x{3 * weeks} 0x{weeks} 480x{weeks}"),
        standing("registered", f"0x{weeks} 0+1x{3 * weeks} 400x{weeks} 20x{weeks}"),
        standing("not_seen", f"0x{4 * weeks} 100x{weeks} 0x{weeks}"),
    ]
    for detection in SILENT:
        inputs += [
            series(detection, OPEN, f"0x{weeks} 0+1x{3 * weeks} 400x{weeks} 20x{weeks}"),
            series(detection, OLDEST, f"_x{weeks} {weeks * 3600}x{5 * weeks}"),
        ]
    inputs += [series(detection, OPEN, f"0x{6 * weeks}") for detection in RINGING]
    return story("a summer holiday", "1h", inputs, [60 * hours for hours in (weeks, 2 * weeks, 4 * weeks, 5 * weeks)])


def story(
    name: str, interval: str, inputs: list[dict[str, str]], minutes: list[int], family: list[Detection] | None = None
) -> dict[str, Any]:
    tests = [
        {"eval_time": f"{minute}m", "alertname": alert_name(detection), "exp_alerts": []}
        for minute in minutes
        for detection in family or FAMILY
    ]
    return {"name": name, "interval": interval, "input_series": inputs, "alert_rule_test": tests}


def played(folder: Path, told: dict[str, Any]) -> tuple[int, str]:
    path = folder / "quiet.test.yaml"
    asked = {test["alertname"] for test in told["alert_rule_test"]}
    document = {
        "rule_files": [rules_of(asked, folder)], "evaluation_interval": told["interval"], "tests": [told],
    }  # fmt: skip
    path.write_text(yaml.safe_dump(document))
    return promtool("test", "rules", path)


@pytest.mark.prometheus
@pytest.mark.parametrize("told", [monday_morning(), summer_holiday()], ids=lambda told: str(told["name"]))
def test_nobody_is_called(told: dict[str, Any], tmp_path: Path) -> None:
    code, words = played(tmp_path, told)

    assert code == 0, words


@pytest.mark.prometheus
def test_the_same_morning_rings_where_what_should_pass_does_not(tmp_path: Path) -> None:
    stuck = [series(detection, OLDEST, "_x60 3600x210") for detection in RINGING]
    code, words = played(tmp_path, story("a morning that does not end", "1m", stuck, [180]))

    assert code != 0
    assert all(alert_name(detection) in words for detection in RINGING)


SYNCHRONISATION = [
    each.detection for each in all_detections() if each.detection.family in QUIET and each.detection.alert is not None
]


def shown(quiet: Quiet, every_min: int = 1) -> list[dict[str, str]]:
    """What the exporter shows of a play, every so many minutes: zeros for what never opened."""
    minutes = range(max(quiet.shown) + 1)
    looks: list[dict[Labels, tuple[int, int]]] = []
    for minute in minutes:
        looks.append(quiet.shown.get(minute, looks[-1] if looks else {}))
    looks = looks[::every_min]
    seen = {labels for look in looks for labels in look}
    inputs = [
        series(detection, OPEN, f"0x{len(looks) - 1}")
        for detection in SYNCHRONISATION
        if detection.id not in {name for name, _, _ in seen}
    ]
    for name, severity, forest in sorted(seen):
        labels = f'detection="{name}",family="{name.partition(".")[0]}",severity="{severity}",tenant="{TENANT}"'
        labels += f',forest="{forest}"'
        standing = [look.get((name, severity, forest)) for look in looks]
        counts = [each[0] if each else 0 for each in standing]
        oldest = [each[1] if each else "stale" for each in standing]
        inputs += [
            {"series": f"{OPEN}{{{labels}}}", "values": " ".join(map(str, counts))},
            {"series": f"{OLDEST}{{{labels}}}", "values": " ".join(map(str, oldest))},
        ]
    return inputs


def upgrade(quiet: Quiet, until_min: int) -> None:
    """The installation wizard holds the scheduler from minute 121 on, and people go on working."""
    renamed, leaver, newcomer = quiet.cast.person(), quiet.cast.person(), quiet.cast.hire("Nadia Neu")
    engine = quiet.lab.engine
    quiet.lab.forests[0].store.move(newcomer.guid, quiet.cast.main.layout.service_ou)

    def over() -> None:
        engine.stopped = False
        engine.cycle()

    quiet.play(
        240,
        look_every_min=1,
        acts={
            121: lambda: setattr(engine, "stopped", True),
            122: lambda: renamed.write(displayName="Renamed Meanwhile"),
            123: lambda: leaver.store.delete(leaver.guid),
            124: lambda: newcomer.store.move(newcomer.guid, quiet.cast.main.layout.people_ou),
            until_min: over,
        },
    )


@pytest.mark.prometheus
def test_nobody_is_called_for_an_upgrade(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It leaves out two cycles: what waits opens as late, and the engine catches up within the alerts' patience."""
    quiet = Quiet(monkeypatch)
    upgrade(quiet, until_min=193)
    assert {name for look in quiet.shown.values() for name, _, _ in look} >= {"flow.export_overdue"}
    code, words = played(tmp_path, story("an upgrade", "1m", shown(quiet), [150, 185, 193, 198, 239], SYNCHRONISATION))

    assert code == 0, words


@pytest.mark.prometheus
def test_an_upgrade_that_takes_too_long_rings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quiet = Quiet(monkeypatch)
    upgrade(quiet, until_min=206)
    code, words = played(tmp_path, story("a long upgrade", "1m", shown(quiet), [204], SYNCHRONISATION))

    assert code != 0
    assert "SyncHealthFlowExportOverdue" in words


@pytest.mark.prometheus
@pytest.mark.parametrize("enabled", [True, None], ids=["a weekend", "a tenant that never synchronised"])
def test_nobody_is_called_while_nothing_happens(
    enabled: bool | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quiet = Quiet(monkeypatch)
    if enabled is None:
        quiet.never_synchronised()
    quiet.play(48 * 60, look_every_min=60)
    told = story("nothing happens", "5m", shown(quiet, 5), [60, 24 * 60, 48 * 60], SYNCHRONISATION)
    code, words = played(tmp_path, told)

    assert code == 0, words
