"""A story of the lab played minute by minute, with the oracle as its audience.

The lab's clock is ours and runs at the speed of life; thresholds are those of an installation that sets none.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import msgspec
import pytest

from deploy.lab.entra import graph_time
from deploy.lab.hybrid import HybridOrganisation, build
from deploy.lab.stories import STORIES
from deploy.lab.stories.player import Player
from deploy.lab.sync.clock import CYCLE_S, PASSWORDS_S, WRITEBACK_S, LabClock
from deploy.lab.sync.engine import Parts
from deploy.lab.sync.schedule import PARTS
from producers.graph.mapping.synchronization import job_of
from streams.contracts.facts import TenantState
from streams.contracts.finding import Finding, FindingState
from streams.detections.engine.source_refused import PERMISSIONS
from streams.detections.registry import Registered, all_detections
from streams.directory.scope import Scope
from streams.evaluation.oracle import expected_findings
from tests.support.lab_events import LabEvents
from tests.support.lab_oracle import LabObjects, state_of_tenant
from tests.support.lab_pipeline import LabPipeline, at

START_MS = int(dt.datetime(2026, 11, 23, 14, tzinfo=dt.UTC).timestamp() * 1000)
Wanted = Callable[[Registered], bool]


class Rehearsal:
    """One performance of `story`; detections that are not `wanted` do not look."""

    def __init__(self, story: str, monkeypatch: pytest.MonkeyPatch, wanted: Wanted, *, objects: int = 150) -> None:
        self.ms = START_MS
        monkeypatch.setattr(graph_time.time, "time_ns", lambda: self.ms * 1_000_000)
        self.lab: HybridOrganisation = build(objects)
        for forest in self.lab.forests:
            forest.store.clock = lambda: self.ms / 1000
        self.story = STORIES[story](self.lab)
        self.player = Player(self.story, LabClock(), self, now_ms=lambda: self.ms)
        self._directories = LabObjects([forest.store for forest in self.lab.forests], self.lab.tenant)
        self._logs = LabEvents(self.lab)
        self.standing: dict[str, Finding] = {}
        self.surprises: list[str] = []
        self._parts: Parts | None = None
        self._pause_min, self._next_part_min, self._next_cycle_min = 0.0, 0.0, CYCLE_S / 60
        self._detections = [each for each in all_detections() if wanted(each)]
        self._scopes = {
            forest.name: Scope(list(forest.scope.include), hybrid_join=forest.hybrid_join)
            for forest in self.lab.forests
        }

    def hold(self) -> None:
        """The engine runs between our looks anyway."""

    def release(self) -> None:
        """As `hold`."""

    def play(self, last_min: int, look_every_min: int = 1) -> None:
        """Every minute until `last_min`: the engine's work and the steps that are due; a look after each of them."""
        steps = list(self.story.steps)
        for minute in range(last_min + 1):
            self.ms = START_MS + minute * 60_000
            self._work(minute)
            if minute % look_every_min == 0:
                self.look()
            while steps and steps[0].at_min <= minute:
                waits = [found for found in self.player.progress.values() if found.step in steps[0].repairs]
                unseen = [found.expectation.detection for found in waits if found.opened_ms is None]
                assert unseen == [], f"minute {minute}: {steps[0].name!r} repairs what was not found"
                self.player.run_step(steps.pop(0))
                self.ms += 1000
                self.look()
        assert steps == [], "the story is longer"

    def look(self) -> None:
        """What opens and what resolves now; what the story does not name is a surprise."""
        before, self.standing = self.standing, self._open()
        for finding in self.standing.keys() - before.keys():
            if self.player.saw(finding, is_open=True) is None:
                self.surprises.append(self.standing[finding].summary)
        for finding in before.keys() - self.standing.keys():
            self.player.saw(finding, is_open=False)

    @property
    def unfinished(self) -> list[tuple[str, str]]:
        """(step, detection) of everything that did not open and resolve."""
        return [(found.step, found.expectation.detection) for found in self.player.progress.values() if not found.done]

    def _work(self, minute: int) -> None:
        if minute * 60 % PASSWORDS_S == 0:
            self.lab.engine.password_sync()
        if minute * 60 % WRITEBACK_S == 0:
            self.lab.writeback.heartbeat()
        self._synchronise(minute)

    def _synchronise(self, minute: int) -> None:
        """Every half hour; a slow cycle goes on in parts, and the next one begins half an hour after its end."""
        engine = self.lab.engine
        if self._parts is None and minute >= self._next_cycle_min:
            self._pause_min = engine.slow_by_s / 60 / PARTS
            self._parts, self._next_part_min = engine.parts(PARTS if engine.slow_by_s else 1), float(minute)
        while self._parts is not None and minute >= self._next_part_min:
            self._next_part_min += self._pause_min
            try:
                next(self._parts)
            except StopIteration:
                self._parts, self._next_cycle_min = None, max(self._next_cycle_min, minute) + CYCLE_S / 60

    def _open(self) -> dict[str, Finding]:
        lab = self.lab
        return expected_findings(
            self._directories.read(START_MS),
            {lab.tenant.tenant_id: self._tenant()},
            self._scopes,
            self._detections,
            now_ms=self.ms,
            events=self._logs.read(),
        )

    def _tenant(self) -> TenantState:
        """The tenant as its source reads it, whole."""
        tenant = self.lab.tenant
        organization = tenant.profile.organization(beta=True, used=tenant.count())
        organization["readDateTime"] = graph_time.precise_time(self.ms)
        return msgspec.structs.replace(
            state_of_tenant(tenant),
            ts_ms=self.ms,
            organization=organization,
            synchronization={
                "deletion_prevention": tenant.profile.deletion_prevention,
                "deletion_threshold": tenant.profile.deletion_threshold,
                "client_version": tenant.profile.client_version,
            },
            refused={part: "Forbidden" for part, right in PERMISSIONS.items() if right in tenant.revoked},
            jobs=[job_of(job, principal) for principal, jobs in tenant.profile.jobs.items() for job in jobs],
        )


class StreamedRehearsal(Rehearsal):
    """The same with the pure pipeline as its audience, for rules that must see things change."""

    def __init__(self, story: str, monkeypatch: pytest.MonkeyPatch, wanted: Wanted, *, objects: int = 150) -> None:
        super().__init__(story, monkeypatch, wanted, objects=objects)
        self.pipeline = LabPipeline(self.lab)
        self._wanted = {each.detection.id for each in self._detections}
        self.look()

    def _open(self) -> dict[str, Finding]:
        """What is open, and what the story names and another finding explains: the player counts it as seen, too."""
        self.pipeline.look(at(self._tenant(), self.ms), self.ms)
        return {
            key: finding
            for key, finding in self.pipeline.findings.items()
            if finding.detection in self._wanted
            and (
                finding.state is FindingState.OPEN
                or (finding.state is FindingState.SUPPRESSED and key in self.player.progress)
            )
        }
