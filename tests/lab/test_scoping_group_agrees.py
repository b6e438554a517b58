"""The lab's engine brings the direct members of one group alone: whom it leaves out is neither missed nor left over."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest

from deploy.lab.directory.object import DirectoryObject
from deploy.lab.hybrid import build
from tests.support.lab_oracle import state_of_tenant
from tests.support.lab_pipeline import LabPipeline, at

pytestmark = pytest.mark.slow

START_MS, CYCLE_MS = 1_790_000_000_000, 30 * 60_000


class World:
    """A lab of which half are in the group, time of our own, and an audience that looks every ten minutes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        self.ms = START_MS
        monkeypatch.setattr(time, "time_ns", lambda: self.ms * 1_000_000)
        self.lab = build(60, seed=seed)
        for forest in self.lab.forests:
            forest.store.clock = lambda: self.ms / 1000
        self.chance = random.Random(seed)
        forest, self.engine = self.lab.forests[0], self.lab.engine
        self.store, self.unit = forest.store, forest.layout.company_ou
        inside = [item.guid for item in self.objects() if self.chance.random() < 0.5]
        group = {"objectClass": "group", "sAMAccountName": "pilot", "displayName": "Pilot", "groupType": -2147483646}
        self.pilot = self.store.add(dn := f"CN=pilot,{self.unit}", {**group, "member": inside})
        self.engine.scopes[forest.name] = replace(self.engine.scopes[forest.name], groups=[dn])
        self.engine.cycle(full=True)
        self.pipeline = LabPipeline(self.lab, {forest.name: [dn]})
        self.look()

    def objects(self) -> list[DirectoryObject]:
        found = self.store.objects(below=self.unit)
        return [item for item in sorted(found, key=lambda item: item.dn) if item.object_class in ("user", "group")]

    @property
    def members(self) -> list[object]:
        return list(self.store.get(self.pilot).targets("member"))

    def cycle(self) -> None:
        for _ in range(3):
            self.ms += CYCLE_MS // 3
            self.look()
        self.engine.cycle()
        self.look()

    def look(self) -> None:
        self.ms += 1000
        self.pipeline.look(at(state_of_tenant(self.lab.tenant), self.ms), self.ms)

    def something(self) -> None:
        """Somebody comes into the group or leaves it, or is deleted."""
        found = self.chance.choice([item for item in self.objects() if item.guid != self.pilot])
        if self.chance.random() < 0.2:
            self.store.delete(found.guid)
        elif found.guid in self.members:
            self.store.remove_values(self.pilot, "member", found.guid)
        else:
            self.store.add_values(self.pilot, "member", found.guid)

    @property
    def found(self) -> set[str]:
        told = self.pipeline.open().values()
        return {each.detection for each in told if each.family == "flow" or "scope" in each.detection}


@pytest.mark.parametrize("seed", range(3))
def test_what_the_engine_exports_opens_nothing(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    world = World(monkeypatch, seed)
    assert 20 < len(world.members) < len(world.objects()) - 20
    for _ in range(10):
        for _ in range(world.chance.randrange(4)):
            world.something()
        world.cycle()
        assert world.found == set()


def test_who_is_in_the_group_and_not_exported_is_missed(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, 5)
    outside = next(
        item for item in world.objects() if item.object_class == "user" and item.guid not in world.members
    )
    scopes, forest = world.engine.scopes, world.lab.forests[0].name
    scopes[forest] = replace(scope := scopes[forest], exclude=[outside.dn])  # which nobody has told us
    world.store.add_values(world.pilot, "member", outside.guid)
    for _ in range(2):
        world.cycle()
        assert world.found == set()
    world.cycle()
    assert world.found == {"flow.missing_in_cloud"}
    scopes[forest] = scope
    world.cycle()
    assert world.found == set()
