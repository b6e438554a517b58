"""The writeback story is true at the speed of life: the oracle sees each finding open and resolve, minute by minute.

The lab's clock is ours; thresholds are those an installation has unless it says otherwise.
"""

from __future__ import annotations

import datetime as dt

import pytest

from deploy.lab.entra import graph_time
from deploy.lab.hybrid import HybridOrganisation, build
from deploy.lab.stories import STORIES
from deploy.lab.stories.player import Player
from deploy.lab.sync.clock import CYCLE_S, PASSWORDS_S, WRITEBACK_S, LabClock
from streams.contracts.finding import Finding
from streams.detections.registry import all_detections
from streams.engine.oracle import expected_findings
from streams.views.scope import Scope
from tests.support.lab_events import events_of_lab
from tests.support.lab_oracle import objects_of_lab, state_of_tenant

START_MS = int(dt.datetime(2026, 11, 23, 14, tzinfo=dt.UTC).timestamp() * 1000)
LAST_MIN = 120


class NoScheduler:
    def hold(self) -> None: ...

    def release(self) -> None: ...


class Clock:
    def __init__(self) -> None:
        self.ms = START_MS

    def now_ms(self) -> int:
        return self.ms


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of everything that is built from now on."""
    clock = Clock()
    monkeypatch.setattr(graph_time.time, "time_ns", lambda: clock.ms * 1_000_000)
    return clock


def open_now(lab: HybridOrganisation, now_ms: int) -> dict[str, Finding]:
    """What must be open; directories are read as they stand, as if each object had just been seen."""
    return expected_findings(
        objects_of_lab([forest.store for forest in lab.forests], lab.tenant, now_ms),
        {lab.tenant.tenant_id: state_of_tenant(lab.tenant)},
        {forest.name: Scope(list(forest.scope.include)) for forest in lab.forests},
        [each for each in all_detections() if each.detection.family == "writeback"],
        now_ms=now_ms,
        events=events_of_lab(lab),
    )


def test_every_finding_of_the_story_opens_and_resolves_and_nothing_else_does(clock: Clock) -> None:
    lab = build(150)
    for forest in lab.forests:
        forest.store.clock = lambda: clock.ms / 1000
    story = STORIES["writeback"](lab)
    player = Player(story, LabClock(), NoScheduler(), now_ms=clock.now_ms)
    steps, seen = list(story.steps), dict[str, Finding]()
    for minute in range(LAST_MIN + 1):
        clock.ms = START_MS + minute * 60_000
        if minute * 60 % PASSWORDS_S == 0:
            lab.engine.password_sync()
        if minute * 60 % WRITEBACK_S == 0:
            lab.writeback.heartbeat()
        if minute and minute * 60 % CYCLE_S == 0:
            lab.engine.cycle()
        while steps and steps[0].at_min <= minute:
            waits = [found for found in player.progress.values() if found.step in steps[0].repairs]
            assert [found.expectation for found in waits if found.opened_ms is None] == [], f"at minute {minute}"
            player.run_step(steps.pop(0))
        clock.ms += 1000
        standing = open_now(lab, clock.ms)
        for finding in standing.keys() - seen.keys():
            assert player.saw(finding, is_open=True), f"minute {minute}: {standing[finding].summary}"
        for finding in seen.keys() - standing.keys():
            player.saw(finding, is_open=False)
        seen = standing
    assert [(found.step, found.expectation.detection) for found in player.progress.values() if not found.done] == []
    assert {finding.summary for finding in seen.values()} == set()


def test_passwords_of_the_story_are_older_than_it(clock: Clock) -> None:
    lab = build(150)
    STORIES["writeback"](lab)
    changed = [found.first("pwdLastSet") or "0" for found in lab.forests[0].store.objects()]
    assert sum(value == "134168832000000000" for value in changed) == 6
