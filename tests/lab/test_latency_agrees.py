"""The latency histogram against the lab's own books: what the engine wrote when, and what was changed in AD before.

The books are the changes that this history makes in AD, the rows that the engine leaves in the audit log with each
write, and the engine's connector space; of the pipeline they know nothing. Both directories are looked at after every
change, so seconds must agree exactly.
"""

from __future__ import annotations

import random
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import pytest

from deploy.lab.directory.store import DirectoryStore
from deploy.lab.entra import graph_time
from deploy.lab.hybrid import HybridOrganisation, build
from streams.agents.metrics import REGISTRY, observe_duration
from streams.contracts.facts import TenantState
from streams.contracts.times import parse_rfc3339
from tests.support.lab_oracle import state_of_tenant
from tests.support.lab_pipeline import LabPipeline, at
from tests.support.rehearsal import START_MS

pytestmark = pytest.mark.slow

MINUTES = 240
KINDS = ("user", "group", "contact")
Sample = tuple[str, str, float]
"""Forest, kind, seconds."""


@dataclass
class Change:
    """A display name as AD has it since `at_ms`; `created`: the object came with it."""

    at_ms: int
    value: str
    created: bool = False


@dataclass
class History:
    """People and machines at work; every look of the pipeline follows a change at once."""

    lab: HybridOrganisation
    seed: int
    ms: int = START_MS
    changes: dict[str, list[Change]] = field(default_factory=dict)
    forest_of: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.pipeline = LabPipeline(self.lab)

    def play(self) -> None:
        """A change every few minutes, a cycle every half hour; some are slow, and some objects are refused."""
        self.look()
        cycle: Iterator[None] | None = None
        pause_s, next_part_ms = 0.0, START_MS + 1_800_000
        for _ in range(MINUTES):
            self.ms += self.random.randrange(30_000, 90_000)
            self.change()
            self.look()
            while self.ms >= next_part_ms:
                self.ms += 7
                if cycle is None:
                    slow = self.random.random() < 0.4
                    cycle, pause_s = self.lab.engine.parts(8 if slow else 1), self.random.choice([120.0, 400.0])
                    self.refuse()
                if next(cycle, self) is self:
                    cycle, pause_s = None, 1800.0
                next_part_ms = self.ms + int(pause_s * 1000)
                self.look()

    def refuse(self) -> None:
        """Entra takes nothing of one in five, for a cycle."""
        everyone = sorted(self.changes)
        self.lab.engine.refused.clear()
        self.lab.engine.refused.update(self.random.sample(everyone, len(everyone) // 5))

    def change(self) -> None:
        forest = self.random.choice(self.lab.forests)
        store = forest.store
        if self.random.random() < 0.2:
            self.create(store, self.random.choice([forest.layout.people_ou, forest.layout.groups_ou]))
            return
        known = [found for found in store.objects(below=forest.layout.company_ou) if found.object_class in KINDS]
        found = self.random.choice(known)
        value = f"Name {len(self.changes)}-{self.ms}"
        store.modify(found.guid, {"displayName": value})
        self.note(store, found.guid, Change(self.ms, value))

    def create(self, store: DirectoryStore, unit: str) -> None:
        name = f"new{self.ms}"
        value = f"New {self.ms}"
        kind = {"objectClass": "user", "userAccountControl": "512"} if "People" in unit else {"objectClass": "group"}
        if kind["objectClass"] == "group":
            kind["groupType"] = "-2147483646"
        guid = store.add(f"CN={name},{unit}", {**kind, "sAMAccountName": name, "displayName": value})
        self.note(store, guid, Change(self.ms, value, created=True))

    def note(self, store: DirectoryStore, guid: uuid.UUID, change: Change) -> None:
        self.changes.setdefault(str(guid), []).append(change)
        self.forest_of[str(guid)] = store.domain

    def look(self) -> None:
        self.pipeline.look(at(self.tenant(), self.ms), self.ms)

    def tenant(self) -> TenantState:
        return state_of_tenant(self.lab.tenant)

    def books(self) -> list[Sample]:
        """A sample for each write that brought the name that AD had at that moment, if we saw it come about."""
        found = []
        for row in self.lab.tenant.logs["directoryAudits"].oldest_first():
            item = row.item()
            written = _written(item)
            if written is None:
                continue
            object_id, kind, name, created = written
            guid = self.lab.engine.space.guid_of(object_id)
            wrote_ms = parse_rfc3339(item["activityDateTime"])
            before = [each for each in self.changes.get(guid or "", ()) if each.at_ms <= wrote_ms]
            if not before:
                continue  # written for another reason
            # A new object has waited to be there at all since it was created, whatever it was called meanwhile.
            change = before[0] if created else before[-1]
            if created or change.value == name:
                found.append((self.forest_of[str(guid)], kind, (wrote_ms - change.at_ms) / 1000))
        return found


def _written(item: dict[str, Any]) -> tuple[str, str, str, bool] | None:
    """Object id, kind, new display name, whether it was created; None for a row that writes no name."""
    activity, target = item["activityDisplayName"], item["targetResources"][0]
    verb, _, kind = activity.partition(" ")
    if verb not in ("Add", "Update") or kind not in KINDS:
        return None
    names = [each["newValue"] for each in target["modifiedProperties"] if each["displayName"] == "DisplayName"]
    return (target["id"], kind, orjson.loads(names[0])[0], verb == "Add") if names else None


@pytest.fixture
def history(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> History:
    now = [START_MS]
    monkeypatch.setattr(graph_time.time, "time_ns", lambda: now[0] * 1_000_000)
    lab = build(120)

    class Clocked(History):
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "ms":
                now[0] = value
            super().__setattr__(name, value)

    for forest in lab.forests:
        forest.store.clock = lambda: now[0] / 1000
    lab.engine.cycle()
    return Clocked(lab, request.param)


@pytest.mark.parametrize("history", [1, 2], indirect=True)
def test_what_is_measured_is_what_the_lab_did(history: History) -> None:
    history.play()
    measured = [sample for _, sample in history.pipeline.durations if sample.subject == "flow"]
    books = history.books()
    assert len(books) > 100
    assert {kind for _, kind, _ in books} == set(KINDS)
    assert {forest for forest, _, _ in books} == {forest.name for forest in history.lab.forests}
    found = Counter((each.forest, each.label, round(each.seconds, 3)) for each in measured)
    assert found == Counter((forest, kind, round(seconds, 3)) for forest, kind, seconds in books)

    # And in the histogram each is where it belongs; the tenant is one of this history's own.
    tenant = f"{history.lab.tenant.tenant_id}/{history.seed}"
    for sample in measured:
        observe_duration(replace(sample, tenant=tenant))
    for forest in history.lab.forests:
        for kind in KINDS:
            mine = [seconds for place, what, seconds in books if (place, what) == (forest.name, kind)]
            labels = {"tenant": tenant, "forest": forest.name, "kind": kind}
            assert _value("count", labels) == (len(mine) or None)
            for bound in (900.0, 1800.0, 3600.0):
                within = sum(seconds <= bound for seconds in mine)
                assert _value("bucket", {**labels, "le": str(bound)}) == (within if mine else None)


def _value(what: str, labels: dict[str, str]) -> float | None:
    return REGISTRY.get_sample_value(f"synchealth_flow_latency_seconds_{what}", labels)
