"""The lab's engine and the comparison of references were written apart: what one exports, the other finds equal."""

from __future__ import annotations

import random
import time

import pytest

from deploy.lab.directory.object import DirectoryObject
from deploy.lab.hybrid import build
from streams.contracts.finding import Finding
from tests.support.lab_oracle import state_of_tenant
from tests.support.lab_pipeline import LabPipeline, at

pytestmark = pytest.mark.slow

START_MS = 1_790_000_000_000
CYCLE_MS = 30 * 60_000
MINUTE_MS = 60_000
MEMBERSHIP = "flow.membership_drift"


class World:
    """A small lab, time of our own, and an audience that looks every ten minutes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
        self.ms = START_MS
        monkeypatch.setattr(time, "time_ns", lambda: self.ms * 1_000_000)
        self.lab = build(60, seed=seed)
        for forest in self.lab.forests:
            forest.store.clock = lambda: self.ms / 1000
        self.chance = random.Random(seed)
        self.pipeline = LabPipeline(self.lab)
        self.store, self.layout = self.lab.forests[0].store, self.lab.forests[0].layout
        self.look()

    def objects(self, *classes: str) -> list[DirectoryObject]:
        """Those of the company's unit."""
        found = self.store.objects(below=self.layout.company_ou)
        return sorted((item for item in found if item.object_class in classes), key=lambda item: item.dn)

    def cycle(self) -> None:
        """Half an hour passes, with looks in between, and the engine works at its end."""
        for _ in range(3):
            self.ms += CYCLE_MS // 3
            self.look()
        self.lab.engine.cycle(full=self.chance.random() < 0.2)
        self.look()

    def look(self) -> None:
        self.ms += 1000
        self.pipeline.look(at(state_of_tenant(self.lab.tenant), self.ms), self.ms)

    def found(self) -> list[Finding]:
        return [finding for finding in self.pipeline.open().values() if _of_references(finding)]

    def something(self) -> None:
        """A change of AD that changes who is in which group."""
        group, person = self.chance.choice(self.objects("group")), self.chance.choice(self.objects("user", "group"))
        act = self.chance.choice(["join", "join", "leave", "leave", "move", "delete", "create", "manage", "manage"])
        members = group.targets("member")
        if act == "join" and person.guid != group.guid and person.guid not in members:
            self.store.add_values(group.guid, "member", person.guid)
        elif act == "leave" and members:
            self.store.remove_values(group.guid, "member", self.chance.choice(members))
        elif act == "manage":
            user, boss = self.chance.sample(self.objects("user"), 2)
            self.store.modify(user.guid, {"manager": boss.guid if self.chance.random() < 0.8 else None})
        elif act == "move":
            self.store.move(person.guid, self.layout.service_ou)
        elif act == "delete":
            self.store.delete(person.guid)
        elif act == "create":
            name = f"new{self.ms}"
            attributes = {"objectClass": "group", "sAMAccountName": name, "displayName": name, "groupType": -2147483646}
            self.store.add(f"CN={name},{self.layout.company_ou}", {**attributes, "member": [person.guid]})


@pytest.mark.parametrize("seed", range(4))
def test_what_the_engine_exports_opens_nothing(monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    world = World(monkeypatch, seed)
    held = len(world.lab.tenant.members.of(_group_in_cloud(world)[1]))
    assert held
    for _ in range(12):
        for _ in range(world.chance.randrange(4)):
            world.something()
        world.cycle()
        assert world.found() == []


def test_a_membership_that_never_arrives_is_found_and_clears_when_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, 1)
    group, cloud = _group_in_cloud(world)
    inside = group.targets("member")
    member = next(item for item in world.objects("user") if item.guid not in inside)
    world.lab.engine.drop_members.add((str(group.guid), str(member.guid)))
    world.store.add_values(group.guid, "member", member.guid)
    for _ in range(2):
        world.cycle()
        assert world.found() == []
    world.cycle()
    (finding,) = world.found()
    assert finding.subject.object_guid == str(group.guid)
    assert (finding.evidence["lacking_in_cloud"], finding.evidence["surplus_in_cloud"]) == (1, 0)
    assert finding.evidence["members"][0]["sid"] == member.sid
    world.lab.engine.drop_members.clear()
    world.lab.engine.cycle(full=True)
    world.look()
    assert world.found() == []
    # The other way round: AD takes a member out, and the cloud is told to put it back.
    held = len(world.lab.tenant.members.of(cloud))
    world.store.remove_values(group.guid, "member", member.guid)
    world.cycle()
    assert len(world.lab.tenant.members.of(cloud)) == held - 1
    world.lab.tenant.add_member(cloud, world.lab.engine.space.cloud_id(str(member.guid)) or "")
    world.cycle()
    world.cycle()
    world.cycle()
    (finding,) = world.found()
    assert (finding.evidence["lacking_in_cloud"], finding.evidence["surplus_in_cloud"]) == (0, 1)


def test_a_manager_that_never_arrives_is_found_and_clears_when_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    world = World(monkeypatch, 2)
    user, boss, other, *_ = (
        person for person in world.objects("user") if world.lab.engine.space.cloud_id(str(person.guid)) is not None
    )
    world.lab.engine.drop_silently.add((str(user.guid), "manager"))
    for person in (user, other):  # of the other it arrives: managers are told here
        world.store.modify(person.guid, {"manager": boss.guid})
    for _ in range(7):
        assert world.found() == []
        world.cycle()
    (finding,) = world.found()
    assert finding.subject.object_guid == str(user.guid)
    assert [each["attribute"] for each in finding.evidence["differences"]] == ["manager"]
    world.lab.engine.drop_silently.clear()
    world.lab.engine.cycle(full=True)
    world.look()
    assert world.found() == []


def _of_references(finding: Finding) -> bool:
    differences = finding.evidence.get("differences", ())
    late = finding.detection == "flow.export_overdue"
    return finding.detection == MEMBERSHIP or (not late and any(each["attribute"] == "manager" for each in differences))


def _group_in_cloud(world: World) -> tuple[DirectoryObject, str]:
    """A group with members that is in the cloud, too."""
    for group in world.objects("group"):
        cloud = world.lab.engine.space.cloud_id(str(group.guid))
        if cloud is not None and world.lab.tenant.members.of(cloud):
            return group, cloud
    raise AssertionError("no such group")
