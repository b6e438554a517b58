"""The law of the source: folding its facts in order gives the state of the directory, whatever happened."""

from __future__ import annotations

import base64
import random
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ldap3
import pytest

from deploy.lab.directory.limits import Limits
from tests.integration.ad.conftest import Reading, folded, lab_dc
from tests.support.samba import SambaDC

pytestmark = pytest.mark.samba

_TEXTS = ("mail", "displayName", "userPrincipalName", "sAMAccountName", "name")
_LISTS = ("proxyAddresses",)
_LINKS = ("member", "manager")


class RandomWork:
    """Operations chosen by a seed, on objects below one organizational unit."""

    def __init__(self, dc: SambaDC, seed: int) -> None:
        self.dc, self.random, self.count = dc, random.Random(seed), 0
        self.top = f"OU=work{seed},{dc.base_dn}"
        self.units: dict[bytes, None] = {}
        self.users: dict[bytes, None] = {}
        self.groups: dict[bytes, None] = {}
        self.dead: dict[bytes, None] = {}
        dc.add(self.top, "organizationalUnit")
        self.prefix = f"w{seed}x"
        for _ in range(3):
            self.add_unit()

    def dn(self, guid: bytes) -> str:
        self.dc.connection.search(f"<GUID={uuid.UUID(bytes_le=guid)}>", "(objectClass=*)", ldap3.BASE, attributes=[])
        return str(self.dc.connection.response[0]["dn"])

    def pick(self, among: dict[bytes, None]) -> bytes | None:
        return self.random.choice(list(among)) if among else None

    def place(self) -> str:
        unit = self.pick(self.units)
        return self.dn(unit) if unit and self.random.random() < 0.8 else self.top

    def name(self) -> str:
        self.count += 1
        return f"{self.prefix}{self.count}"

    def add_unit(self) -> None:
        self.units[self.dc.add(f"OU={self.name()},{self.place()}", "organizationalUnit")] = None

    def add_user(self) -> None:
        name = self.name()
        attributes = {"sAMAccountName": name, "mail": f"{name}@contoso.com"}
        self.users[self.dc.add(f"CN={name},{self.place()}", "user", attributes)] = None

    def add_group(self) -> None:
        name = self.name()
        self.groups[self.dc.add(f"CN={name},{self.place()}", "group", {"sAMAccountName": name})] = None

    def change_user(self) -> None:
        if user := self.pick(self.users):
            value = f"{self.name()}@contoso.com"
            change: dict[str, Any] = self.random.choice(
                [
                    {"mail": value},
                    {"mail": None},
                    {"displayName": value},
                    {"proxyAddresses": [f"smtp:{value}", "SMTP:same@contoso.com"]},
                    {"proxyAddresses": None},
                    {"userPrincipalName": value},
                    {"mS-DS-ConsistencyGuid": self.random.randbytes(16)},
                ]
            )
            self.dc.modify(self.dn(user), change)

    def change_manager(self) -> None:
        user, boss = self.pick(self.users), self.pick(self.users)
        if user and boss:
            self.dc.modify(self.dn(user), {"manager": self.dn(boss) if self.random.random() < 0.7 else None})

    def change_members(self) -> None:
        if group := self.pick(self.groups):
            some = self.random.sample(list(self.users), self.random.randint(0, min(4, len(self.users))))
            self.dc.modify(self.dn(group), {"member": [self.dn(user) for user in some] or None})

    def move(self) -> None:
        if found := self.pick(self.users | self.groups):
            self.dc.rename(self.dn(found), f"CN={self.name()}", self.place())

    def rename_unit(self) -> None:
        if unit := self.pick(self.units):
            self.dc.rename(self.dn(unit), f"OU={self.name()}")

    def delete(self) -> None:
        if found := self.pick(self.users | self.groups):
            self.dc.delete(self.dn(found))
            (self.users if found in self.users else self.groups).pop(found)
            self.dead[found] = None

    def restore(self) -> None:
        if found := self.pick(self.dead):
            self.dc.restore(found, f"CN={self.name()},{self.top}")
            self.dead.pop(found)

    def step(self) -> None:
        choices = [
            (self.add_user, 5), (self.add_group, 2), (self.change_user, 8), (self.change_manager, 3),
            (self.change_members, 5), (self.move, 3), (self.rename_unit, 2), (self.delete, 3), (self.restore, 1),
            (self.add_unit, 1),
        ]  # fmt: skip
        operations, weights = zip(*choices, strict=True)
        self.random.choices(operations, weights)[0]()


def state_of(dc: SambaDC) -> dict[str, dict[str, Any]]:
    """What the directory says now, read by another client in another way."""
    asked = ["objectGUID", "mS-DS-ConsistencyGuid", *_TEXTS, *_LISTS, *_LINKS]
    kinds = "(|(objectClass=user)(objectClass=group)(objectClass=contact))"
    found = dc.connection.extend.standard.paged_search(dc.base_dn, kinds, ldap3.SUBTREE, attributes=asked)
    entries = [entry for entry in found if entry["type"] == "searchResEntry"]
    ids = {entry["dn"].lower(): str(uuid.UUID(bytes_le=entry["raw_attributes"]["objectGUID"][0])) for entry in entries}
    state = {}
    for entry in entries:
        raw = entry["raw_attributes"]
        known: dict[str, Any] = {"distinguishedName": entry["dn"]}
        known |= {name: raw[name][0].decode() for name in _TEXTS if raw[name]}
        known |= {name: {value.decode() for value in raw[name]} for name in _LISTS if raw[name]}
        for name in _LINKS:
            far = {ids.get(value.decode().lower()) for value in raw[name]} - {None}
            if far:
                known[name] = far
        if raw["mS-DS-ConsistencyGuid"]:
            known["mS-DS-ConsistencyGuid"] = base64.b64encode(raw["mS-DS-ConsistencyGuid"][0]).decode()
        state[ids[entry["dn"].lower()]] = known
    return state


def comparable(state: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Folded facts in the form of `state_of`: links to the dead are dropped, as their readers must do."""
    shown = {"distinguishedName", "mS-DS-ConsistencyGuid", *_TEXTS, *_LISTS}
    result = {}
    for object_id, attributes in state.items():
        known = {name: value for name, value in attributes.items() if name in shown}
        known |= {name: set(known[name]) for name in _LISTS if name in known}
        known |= {name: living for name in _LINKS if (living := attributes.get(name, set()) & set(state))}
        result[object_id] = known
    return result


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_facts_fold_into_the_state_of_the_directory(
    directory: SambaDC, reading: Callable[..., Reading], seed: int
) -> None:
    source = reading(directory)
    work = RandomWork(directory, seed)
    for number in range(120):
        work.step()
        if work.random.random() < 0.25:
            source.drain()
        if number % 40 == 39:
            source.restart()
    source.drain()
    assert comparable(folded(source.facts)) == state_of(directory)


def test_facts_fold_into_the_state_of_a_directory_with_a_recycle_bin(
    tmp_path: Path, reading: Callable[..., Reading]
) -> None:
    with lab_dc(tmp_path, recycle_bin=True, limits=Limits(10, 5, dirsync_objects=7, dirsync_link_values=3)) as lab:
        source = reading(lab)
        work = RandomWork(lab, 4)
        for _ in range(200):
            work.step()
            if work.random.random() < 0.15:
                source.drain()
        source.drain()
        assert comparable(folded(source.facts)) == state_of(lab)


def test_a_second_snapshot_says_the_same_as_the_stream(directory: SambaDC, reading: Callable[..., Reading]) -> None:
    streamed, fresh = reading(directory), reading(directory)
    work = RandomWork(directory, 99)
    for _ in range(60):
        work.step()
        if work.random.random() < 0.3:
            streamed.drain()
    streamed.drain()
    fresh.drain()
    assert comparable(folded(streamed.facts)) == comparable(folded(fresh.facts))
