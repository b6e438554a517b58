"""The demo's report and screens, without a pipeline."""

from __future__ import annotations

import io
from typing import Any

import orjson
import pytest
from rich.console import Console

from deploy.lab.demo import report
from deploy.lab.demo.screen import LiveScreen, PlainScreen, Scene, cycle_line
from deploy.lab.demo.sources import source_states
from deploy.lab.stories.player import Player
from deploy.lab.stories.story import Expectation, Step, Story
from deploy.lab.sync.clock import LabClock
from deploy.lab.sync.matching import ErrorCode
from deploy.lab.sync.report import CycleReport, ExportError
from streams.contracts.finding import Finding, FindingState, Severity, Subject

EXPECTED = Expectation("conflict.duplicate_address", "address/t/ada@contoso.com")


class NoScheduler:
    def hold(self) -> None: ...

    def release(self) -> None: ...


def player() -> Player:
    steps = [Step(name="write", at_min=0, told="", act=lambda: None, opens=[EXPECTED])]
    steps.append(Step(name="repair", at_min=1, told="", act=lambda: None, repairs=["write"]))
    return Player(Story("s", "", steps), LabClock(), NoScheduler(), now_ms=lambda: 1000)


def finding(state: FindingState, id_: str = EXPECTED.finding, **values: Any) -> Finding:
    given: dict[str, Any] = {
        "detection": EXPECTED.detection, "family": "conflict", "severity": Severity.HIGH, "tenant": "t", "forest": None,
        "subject": Subject(kind="address", key=EXPECTED.key), "summary": "ada@contoso.com is claimed by [two]",
        "opened_at": "2026-01-01T00:00:00Z", "observed_at": "", "updated_at": "2026-01-01T00:00:01Z", "revision": 1,
        **values,
    }  # fmt: skip
    return Finding(id=id_, state=state, **given)


def performed(*, resolved: bool) -> Player:
    found = player()
    for step in found.story.steps:
        found.run_step(step)
    found.saw(EXPECTED.finding, is_open=True, at_ms=1200)
    if resolved:
        found.saw(EXPECTED.finding, is_open=False, at_ms=1500)
    return found


def test_a_good_performance_has_no_faults_and_tells_its_latencies() -> None:
    found = performed(resolved=True)
    findings = {EXPECTED.finding: finding(FindingState.RESOLVED)}
    assert report.outcome(found, findings) == []
    document = report.document(found, findings, started_ms=0, ended_ms=2000, broker="b", objects=5, speed=1.0)
    assert document["ok"] is True
    assert document["first_finding_after_s"] == 1.2
    [line] = document["findings"]
    assert (line["open_latency_ms"], line["resolve_latency_ms"]) == (200, 500)
    assert orjson.dumps(document)


def test_what_never_opened_or_never_resolved_or_is_left_over_is_a_fault() -> None:
    assert report.outcome(player(), {}) == ["conflict.duplicate_address of step 'write' never opened"]
    assert "opened and never resolved" in report.outcome(performed(resolved=False), {})[0]
    left = {"0" * 16: finding(FindingState.OPEN, "0" * 16, summary="something else")}
    [fault] = report.outcome(performed(resolved=True), left)
    assert "is open at the end: something else" in fault


def shown(screen_type: type, width: int = 100, height: int = 30) -> tuple[Scene, Any, io.StringIO]:
    out = io.StringIO()
    scene = Scene(title="demo")
    console = Console(file=out, width=width, height=height, force_terminal=screen_type is LiveScreen)
    return scene, screen_type(console, scene), out


def test_plain_lines_name_state_detection_and_latency_without_markup() -> None:
    _, screen, out = shown(PlainScreen)
    screen.tell("a [bold] thing")
    screen.finding(finding(FindingState.OPEN), performed(resolved=True).progress[EXPECTED.finding])
    text = out.getvalue()
    assert "a [bold] thing" in text
    assert "OPEN      conflict.duplicate_address: ada@contoso.com is claimed by [two]  [200 ms after the write]" in text


def test_the_live_screen_fits_and_puts_the_open_and_the_newest_on_top() -> None:
    scene, screen, out = shown(LiveScreen, height=24)
    for number in range(40):
        state = FindingState.RESOLVED if number % 2 else FindingState.OPEN
        at = f"2026-01-01T00:00:{number:02}Z"
        scene.findings[str(number)] = finding(state, f"{number:016}", summary=f"number {number:02}", updated_at=at)
    with screen:
        pass
    last = out.getvalue().rpartition("demo")[2]
    assert "20 open, 20 resolved" in last
    assert last.count("\n") < 24
    assert last.index("number 38") < last.index("number 36")
    assert "number 39" not in last


def test_what_another_finding_explains_is_neither_open_nor_resolved() -> None:
    scene, screen, out = shown(LiveScreen)
    for number, state in enumerate(FindingState):
        scene.findings[str(number)] = finding(state, f"{number:016}", summary=f"is {state.value}")
    with screen:
        pass
    last = out.getvalue().rpartition("demo")[2]
    assert "1 open, 1 suppressed, 1 resolved" in last
    assert last.index("is open") < last.index("is suppressed") < last.index("is resolved")
    assert last.count("●") == 1


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 45)])
def test_address_settings_and_the_next_commands_stay_on_the_screen(width: int, height: int) -> None:
    scene, screen, out = shown(LiveScreen, width=width, height=height)
    scene.metrics_url, scene.config = "http://127.0.0.1:9464/metrics", "/tmp/synchealth-demo-abcdefgh/settings.toml"
    scene.sources = source_states({"ad:a": 1, "ad:b": 1, "graph:c": 1, "eventlog:d": 1})
    for number in range(40):
        scene.told.append(f"told {number}")
        scene.findings[str(number)] = finding(FindingState.OPEN, f"{number:08x}aaaaaaaa", summary=f"number {number:02}")
    with screen:
        pass
    last = out.getvalue().rpartition("demo ─")[2]
    assert last.count("\n") < height
    for word in (scene.metrics_url, f"export SYNCHEALTH_CONFIG={scene.config}", "synchealth explain ID", "00000000"):
        assert word in last
    assert "high" in last


def test_a_cycle_is_told_with_its_refusals() -> None:
    cycle = CycleReport(number=3, full=False, added=2, quarantined=["x"])
    cycle.errors.append(ExportError(ErrorCode.INVALID_SOFT_MATCH, "g", "CN=x"))
    assert cycle_line(cycle) == "sync cycle 3: completed-export-errors, 2 added, 1 quarantined, InvalidSoftMatch"


def test_a_source_that_does_not_answer_is_starting() -> None:
    [state] = source_states({"ad:x": 1})
    assert (state.phase, state.facts) == ("starting", 0)
