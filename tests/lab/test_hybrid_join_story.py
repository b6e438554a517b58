"""The hybrid-join story is true: the oracle, looking at both directories, sees each finding open and resolve.

The oracle is told of devices that were there before, as the stream remembers them.
"""

from __future__ import annotations

import msgspec
import pytest

from deploy.lab.hybrid import HybridOrganisation, build
from deploy.lab.stories import STORIES
from deploy.lab.stories.player import Player
from deploy.lab.sync.clock import LabClock
from streams.contracts.facts import Domain, ObjectKind, TenantState
from streams.contracts.finding import Finding
from streams.detections.detection import DEFAULT_THRESHOLDS
from streams.detections.registry import all_detections
from streams.directory.scope import Scope
from streams.evaluation.oracle import OracleObject, expected_findings
from streams.runtime.clock import now_ms
from tests.support.lab_events import LabEvents
from tests.support.lab_oracle import LabObjects, forest_of_directory

pytestmark = pytest.mark.slow

CYCLE_MIN, LAST_MIN = 30, 120
LATER_MS = 2 * 86_400_000


class NoScheduler:
    def hold(self) -> None: ...

    def release(self) -> None: ...


class Memory:
    """The oracle over the lab, with every device that was seen before."""

    def __init__(self, lab: HybridOrganisation) -> None:
        self._lab = lab
        self._directories = LabObjects([forest.store for forest in lab.forests], lab.tenant)
        self._logs = LabEvents(lab)
        self._devices: dict[str, OracleObject] = {}

    def open(self) -> dict[str, Finding]:
        lab = self._lab
        objects = self._directories.read(1)
        watched = [forest.store for forest in lab.forests if forest.hybrid_join]
        objects += [forest_of_directory(store, lab.tenant.tenant_id, 1) for store in watched]
        living = {item.state.object_id for item in objects}
        gone = [item for key, item in self._devices.items() if key not in living]
        # They ended just now: the oracle forgets what ended long ago, as the stream does.
        ended = {"alive": False, "changed_ms": now_ms()}
        dead = [OracleObject(msgspec.structs.replace(item.state, **ended)) for item in gone]
        self._devices |= {item.state.object_id: item for item in objects if item.state.kind is ObjectKind.DEVICE}
        tenant = TenantState(
            tenant=lab.tenant.tenant_id, seq=1, ts_ms=0, collected=True, devices_collected=True, features={},
            domains=[Domain(each.name, is_initial=each.initial) for each in lab.tenant.profile.domains.values()],
        )  # fmt: skip
        return expected_findings(
            [*objects, *dead],
            {lab.tenant.tenant_id: tenant},
            {forest.name: Scope(list(forest.scope.include), hybrid_join=forest.hybrid_join) for forest in lab.forests},
            all_detections(),
            now_ms=now_ms() + LATER_MS,
            events=self._logs.read(),
        )


def test_every_finding_of_the_story_opens_and_resolves_by_the_oracle_and_none_is_left() -> None:
    assert DEFAULT_THRESHOLDS.pending_stuck_ms < LATER_MS
    lab = build(200)
    story = STORIES["hybrid_join"](lab)
    family = {each.detection.id for each in all_detections() if each.detection.family == "hybrid_join"}
    assert {each.detection for each in story.expectations} == family, "a gap that the story does not tell of"
    memory = Memory(lab)
    lab.devices.cycle()
    player = Player(story, LabClock(), NoScheduler())
    assert memory.open() == {}, "the organisation must be in order before the story begins"
    seen: dict[str, Finding] = {}
    steps = list(story.steps)

    def look() -> None:
        player.look()
        standing = memory.open()
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
    assert [(found.step, found.expectation.detection) for found in player.progress.values() if not found.done] == []
    assert {finding.summary for finding in seen.values()} == set()
