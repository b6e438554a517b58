"""The story of written groups and devices at the speed of life: stream and oracle agree, every finding ends."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from deploy.lab.entra import graph_time
from deploy.lab.hybrid import build
from deploy.lab.stories import STORIES
from deploy.lab.stories.player import Player
from deploy.lab.sync.clock import CYCLE_S, LabClock
from producers.graph.mapping.provisioning import provisioning_event
from streams.contracts.events import Event
from streams.contracts.facts import Fact, Link, LinkChange, ObjectKind, Operation, Origin
from streams.contracts.finding import Finding
from streams.detections.registry import all_detections
from streams.directory.fold import fold
from streams.directory.scope import Scope, scope_name
from streams.directory.state import ObjectState, new_state
from streams.evaluation.oracle import OracleObject, expected_findings
from tests.lab.test_hybrid_join_story import NoScheduler
from tests.support.lab_oracle import objects_of_lab, state_of_tenant
from tests.support.pipeline import Pipeline

pytestmark = pytest.mark.slow

START_MS = int(dt.datetime(2026, 11, 23, 8, tzinfo=dt.UTC).timestamp() * 1000)
LAST_MIN = 230
CYCLE_MIN = int(CYCLE_S / 60)
Members = dict[str, str | None]
Said = tuple[ObjectKind, dict[str, Any], Members]
WRITTEN = {
    "writeback.group_writeback_missing", "writeback.group_frozen", "writeback.group_writeback_failed",
    "writeback.group_written_empty", "writeback.group_members_skipped", "writeback.device_writeback_missing",
    "writeback.device_writeback_mismatch",
}  # fmt: skip


class Performance:
    """The story, with facts and events of each minute told to a pipeline, and folded for the oracle."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ms = START_MS
        monkeypatch.setattr(graph_time.time, "time_ns", lambda: self.ms * 1_000_000)
        self.lab = build(150)
        for forest in self.lab.forests:
            forest.store.clock = lambda: self.ms / 1000
        self.story = STORIES["writeback_objects"](self.lab)
        self.player = Player(self.story, LabClock(), NoScheduler(), now_ms=lambda: self.ms)
        tenant = self.lab.tenant.tenant_id
        self.scopes = {forest.name: Scope(list(forest.scope.include)) for forest in self.lab.forests}
        self.scopes[scope_name(tenant, None)] = Scope(device_writeback=True)
        self.pipeline = Pipeline(self.scopes)
        self.tenant = state_of_tenant(self.lab.tenant)
        self.pipeline.tell(self.tenant)
        self.states: dict[tuple[str, str], ObjectState] = {}
        self.link_ms: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
        self.left_ms: dict[tuple[str, str], dict[tuple[str, str], int]] = {}
        self.said: dict[tuple[str, str], Said] = {}
        self.events: dict[str, Event] = {}
        self.standing: set[str] = set()
        self.surprises: list[str] = []
        self.rules = [each for each in all_detections() if each.detection.id in WRITTEN]
        self.seq = 0

    def look(self) -> None:
        """Tell what is new; the stream must find what the oracle finds."""
        found = dict(self._objects())
        for key, (kind, attributes, members) in found.items():
            if self.said.get(key) != (kind, attributes, members):
                self._tell(key, Operation.READ, kind, attributes, members)
        for key in self.said.keys() - found.keys():
            self._tell(key, Operation.DELETED, self.said[key][0], {}, {})
        self.said = found
        rows = (provisioning_event(row.item(), self.lab.tenant.tenant_id, self.ms)
                for row in self.lab.tenant.logs["provisioning"].oldest_first())  # fmt: skip
        fresh = {event.id: event for event in rows if event is not None and event.id not in self.events}
        self.events |= fresh
        self.pipeline.log(fresh.values(), now_ms=self.ms)
        self.pipeline.tick(self.ms)
        stream = {key: each for key, each in self.pipeline.open().items() if each.detection in WRITTEN}
        expected = self._expected()
        # Another change of either side restarts patience and ends nothing: then the stream alone knows that it is open.
        assert stream.keys() - expected.keys() <= self.standing
        assert _content({key: stream[key] for key in expected if key in stream}) == _content(expected)
        for finding in stream.keys() - self.standing:
            if self.player.saw(finding, is_open=True) is None:
                self.surprises.append(stream[finding].summary)
        for finding in self.standing - stream.keys():
            self.player.saw(finding, is_open=False)
        self.standing = set(stream)

    def _objects(self) -> Iterator[tuple[tuple[str, str], Said]]:
        lab = self.lab
        stores = {forest.name: forest.store for forest in lab.forests}
        for item in objects_of_lab(list(stores.values()), lab.tenant, self.ms):
            state = item.state
            members: Members = {}
            if not state.alive:
                continue
            if state.kind is ObjectKind.GROUP and state.forest is not None:
                store = stores[state.forest]
                targets = store.get(uuid.UUID(state.object_id)).targets("member")
                members = {str(far): store.get(far).sid for far in targets}
            elif state.kind is ObjectKind.GROUP:
                members = dict.fromkeys(lab.tenant.members.of(state.object_id))
            assert state.kind is not None
            yield (state.forest or "", state.object_id), (state.kind, dict(state.attributes), members)

    def _tell(
        self, key: tuple[str, str], op: Operation, kind: ObjectKind, attributes: dict[str, Any], members: Members
    ) -> None:
        self.seq += 1
        forest, object_id = key
        link = "member" if forest else "members"
        added = [Link(far, sid) for far, sid in members.items()]
        links = {link: LinkChange(added=added, complete=True)} if members else {}
        alive = op is not Operation.DELETED
        fact = Fact(op=op, object_id=object_id, seq=self.seq, ts_ms=self.ms, kind=kind, full=alive,
                    attributes=attributes, links=links)  # fmt: skip
        tenant = self.lab.tenant.tenant_id
        origin = Origin(name=f"ad/{forest}" if forest else f"entra/{tenant}", side="ad" if forest else "entra",
                        tenant=tenant, forest=forest or None)  # fmt: skip
        self.pipeline.feed(origin, [fact], now_ms=self.ms)
        self.states[key] = fold(self.states.get(key) or new_state(origin, object_id), fact)
        before, stand = self.link_ms.get(key, {}), {(link, sid or far) for far, sid in members.items()}
        if alive:
            self.link_ms[key] = {each: before.get(each, self.ms) for each in stand}
            self.left_ms.setdefault(key, {}).update(dict.fromkeys(before.keys() - stand, self.ms))

    def _expected(self) -> dict[str, Finding]:
        objects = [
            OracleObject(
                state, frozenset(self.link_ms.get(key, {})), self.link_ms.get(key, {}), self.left_ms.get(key, {})
            )
            for key, state in self.states.items()
        ]
        tenants = {self.tenant.tenant: self.tenant}
        return expected_findings(objects, tenants, self.scopes, self.rules, now_ms=self.ms, events=self.events.values())


def _content(findings: dict[str, Finding]) -> dict[str, Any]:
    return {
        key: (each.detection, each.severity, {name: value for name, value in each.evidence.items() if name != "since"})
        for key, each in findings.items()
    }


def test_every_finding_of_the_story_opens_and_resolves_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    played = Performance(monkeypatch)
    steps = list(played.story.steps)
    played.look()
    for minute in range(LAST_MIN + 1):
        played.ms = START_MS + minute * 60_000
        if minute and minute % CYCLE_MIN == 0:
            played.lab.engine.cycle()
        if minute % 5 == 0:
            played.look()
        while steps and steps[0].at_min <= minute:
            waits = [each for each in played.player.progress.values() if each.step in steps[0].repairs]
            assert [each.expectation.detection for each in waits if each.opened_ms is None] == [], steps[0].name
            played.player.run_step(steps.pop(0))
            played.ms += 1000
            played.look()
    assert steps == [] and played.surprises == [] and played.standing == set()
    progress = played.player.progress.values()
    assert [each.step for each in progress if not each.done] == []
    assert {each.expectation.detection for each in progress} == WRITTEN
