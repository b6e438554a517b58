"""The conflicts story is true: the oracle, looking at both directories, sees each finding open and resolve."""

from __future__ import annotations

import pytest

from deploy.lab.hybrid import HybridOrganisation, build
from deploy.lab.stories import STORIES
from deploy.lab.stories.player import Player
from deploy.lab.sync.clock import LabClock
from streams.contracts.facts import Domain, TenantState
from streams.contracts.finding import Finding
from streams.detections.registry import all_detections
from streams.directory.scope import Scope
from streams.evaluation.oracle import expected_findings
from tests.support.lab_oracle import objects_of_lab

pytestmark = pytest.mark.slow

NOW_MS = 1_800_000_000_000
CYCLE_MIN, SWEEP_MIN, LAST_MIN = 30, 60, 180


class NoScheduler:
    def hold(self) -> None: ...

    def release(self) -> None: ...


def oracle(lab: HybridOrganisation) -> dict[str, Finding]:
    profile = lab.tenant.profile
    tenant = TenantState(
        tenant=lab.tenant.tenant_id,
        seq=1,
        ts_ms=0,
        domains=[Domain(each.name, is_initial=each.initial) for each in profile.domains.values()],
        features=dict(profile.features),
        collected=True,
    )
    objects = objects_of_lab([forest.store for forest in lab.forests], lab.tenant, 1)
    return expected_findings(
        objects,
        {lab.tenant.tenant_id: tenant},
        {forest.name: Scope(list(forest.scope.include)) for forest in lab.forests},
        all_detections(),
        now_ms=NOW_MS,
        explained=True,
    )


def test_every_finding_of_the_story_opens_and_resolves_by_the_oracle_and_none_is_left() -> None:
    lab = build(200)
    story = STORIES["conflicts"](lab)
    player = Player(story, LabClock(), NoScheduler())
    assert oracle(lab) == {}, "the organisation must be in order before the story begins"
    seen: dict[str, Finding] = {}
    steps = list(story.steps)

    def look() -> None:
        player.look()
        standing = oracle(lab)
        for finding in standing.keys() - seen.keys():
            player.saw(finding, is_open=True)
        for finding in seen.keys() - standing.keys():
            player.saw(finding, is_open=False)
        seen.clear()
        seen.update(standing)

    for minute in range(LAST_MIN + 1):
        while steps and steps[0].at_min <= minute:
            player.run_step(steps.pop(0))
            look()
        if minute and minute % CYCLE_MIN == 0:
            lab.engine.cycle()
            look()
        if minute and minute % SWEEP_MIN == 0:
            lab.engine.sweep()
            look()
    assert [(found.step, found.expectation.detection) for found in player.progress.values() if not found.done] == []
    assert {finding.summary for finding in seen.values()} == set()


def test_the_story_shows_every_detection_of_its_family() -> None:
    story = STORIES["conflicts"](build(200))
    shown = {expectation.detection for expectation in story.expectations}
    assert shown == {each.detection.id for each in all_detections() if each.detection.family == "conflict"}


def test_the_condition_of_an_expectation_agrees_with_the_finding() -> None:
    """What the player takes for "the fault stands" is what the oracle finds, for conditions it can look at."""
    lab = build(200)
    story = STORIES["conflicts"](lab)
    for step in story.steps:
        if step.at_min < CYCLE_MIN:
            step.act()
    for _ in range(2):
        lab.engine.cycle()
        standing = oracle(lab)
        for expectation in story.expectations:
            if expectation.condition is not None:
                assert expectation.condition() == (expectation.finding in standing), expectation
