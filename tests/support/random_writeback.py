"""Random histories of groups and devices that are written back: facts of both directories, the log, the final state."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from streams.contracts.events import Event, Log, Result
from streams.contracts.facts import WRITEBACK_ENABLED, Fact, Link, LinkChange, ObjectKind, Operation, Origin
from streams.contracts.times import rfc3339
from streams.directory.event_slots import GROUP_PROVISIONING
from streams.directory.state import ObjectState
from streams.evaluation.oracle import OracleObject
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT

# One is known on both sides, the other on neither.
_MEMBERS = {name: Link(id=guid_of(name), sid=sid_of(name)) for name in ("member", "stranger")}
_ANSWERS = [Result.SUCCESS, Result.SUCCESS, Result.FAILURE, None]


@dataclass
class _Object:
    origin: Origin
    kind: ObjectKind
    attributes: dict[str, Any]
    alive: bool = True
    has_members: bool | None = None
    holds: set[str] = field(default_factory=set)


@dataclass
class RandomWriteback:
    """A seeded history. `told`: facts with their origin, and events, in the order they happened. The dead stay."""

    seed: int
    told: list[tuple[Origin, Fact] | Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._seq = START_MS << 12
        self.now_ms = START_MS
        self._objects: dict[str, _Object] = {}
        # The one who joins groups and leaves them: an account of AD, known to the cloud.
        synced = {"onPremisesSyncEnabled": True, "onPremisesSecurityIdentifier": sid_of("member")}
        account = {"distinguishedName": "CN=member,DC=corp,DC=local", "sAMAccountName": "member",
                   "objectSid": sid_of("member")}  # fmt: skip
        self._new("member", ENTRA, ObjectKind.USER, {**synced, "displayName": "member"})
        if self.seed % 4:
            self._new("account", AD, ObjectKind.USER, account)

    def run(self, steps: int, names: int = 3) -> RandomWriteback:
        """Let `steps` things happen to at most `names` groups and devices with their copies, two for a group."""
        for _ in range(steps):
            number = self._random.randrange(names)
            chance = self._random.random()
            if chance < 0.3:
                self._group_step(f"group{number}")
            elif chance < 0.5:
                self._copy_step(f"copy{number}-{self._random.randrange(2)}", f"group{number}")
            elif chance < 0.6:
                self._log_step(f"group{number}")
            elif chance < 0.85:
                self._device_step(f"device{number}", f"pc{number}")
            else:
                self._registered_step(f"registered{number}", f"pc{number}")
        return self

    @property
    def events(self) -> list[Event]:
        """What the log tells."""
        return [each for each in self.told if isinstance(each, Event)]

    def final(self) -> list[OracleObject]:
        """What the sources have told of, complete, the dead included."""
        return [
            OracleObject(
                ObjectState(
                    object_id=guid_of(name), side=item.origin.side, tenant=TENANT, forest=item.origin.forest,
                    kind=item.kind, attributes=item.attributes, alive=item.alive, changed_ms=START_MS,
                    has_members=item.has_members,
                ),
                frozenset((self._link(item), sid_of(far) if item.origin is AD else guid_of(far)) for far in item.holds),
            )
            for name, item in self._objects.items()
        ]  # fmt: skip

    def _emit(self, name: str, op: Operation, **rest: Any) -> None:
        self._seq += 1 << 12
        self.now_ms += 1
        fact = Fact(op=op, object_id=guid_of(name), seq=self._seq, ts_ms=self.now_ms, **rest)
        self.told.append((self._objects[name].origin, fact))

    def _new(self, name: str, origin: Origin, kind: ObjectKind, attributes: dict[str, Any]) -> None:
        self._objects[name] = _Object(origin, kind, attributes)
        self._whole(name, Operation.READ)

    def _whole(self, name: str, op: Operation) -> None:
        item = self._objects[name]
        item.attributes.pop("@removed", None)
        links: dict[str, LinkChange] = {}
        if item.kind is ObjectKind.GROUP:
            item.holds = {far for far in _MEMBERS if self._random.random() < 0.4}
            item.has_members = bool(item.holds)
            if item.holds or self._random.random() < 0.5:
                added = [_MEMBERS[far] for far in sorted(item.holds)]
                links = {self._link(item): LinkChange(added=added, complete=True)}
        self._emit(name, op, kind=item.kind, full=True, attributes=dict(item.attributes), links=links)

    def _change_members(self, name: str) -> None:
        item = self._objects[name]
        joins, far = self._random.random() < 0.5, self._random.choice(list(_MEMBERS))
        change = LinkChange(added=[_MEMBERS[far]]) if joins else LinkChange(removed=[_MEMBERS[far]])
        item.has_members = True if joins else None
        item.holds = item.holds | {far} if joins else item.holds - {far}
        self._emit(name, Operation.UPDATED, links={self._link(item): change})

    @staticmethod
    def _link(item: _Object) -> str:
        return "member" if item.origin is AD else "members"

    def _change(self, name: str, changes: dict[str, Any]) -> None:
        item = self._objects[name]
        for attribute, value in changes.items():
            if value is None:
                item.attributes.pop(attribute, None)
            else:
                item.attributes[attribute] = value
        if self._random.random() < 0.2:
            self._whole(name, Operation.READ)
        else:
            self._emit(name, Operation.UPDATED, attributes=changes)

    def _delete(self, name: str, **attributes: Any) -> None:
        item = self._objects[name]
        item.alive = False
        item.attributes |= attributes
        self._emit(name, Operation.DELETED, kind=item.kind, attributes=attributes)

    def _restore(self, name: str, op: Operation) -> None:
        self._objects[name].alive = True
        self._emit(name, op, kind=self._objects[name].kind)

    def _group_step(self, name: str) -> None:
        item, chance = self._objects.get(name), self._random.random()
        if item is None:
            attributes: dict[str, Any] = {"displayName": name, "groupTypes": self._random.choice([["Unified"], []])}
            if self._random.random() < 0.2:
                attributes["onPremisesSyncEnabled"] = True
            self._new(name, ENTRA, ObjectKind.GROUP, attributes)
        elif not item.alive:
            if chance < 0.3:
                self._delete(name, **{"@removed": "deleted"})
            else:
                self._restore(name, Operation.UPDATED)
        elif chance < 0.2:
            self._delete(name, **{"@removed": "changed"})
        elif chance < 0.3:
            self._change(name, {"displayName": self._random.choice([name, name.upper()])})
        elif chance < 0.5:
            self._change_members(name)
        else:
            self._change(name, {WRITEBACK_ENABLED: self._random.choice([True, True, False, None])})

    def _copy_step(self, name: str, group: str) -> None:
        item, chance = self._objects.get(name), self._random.random()
        attribute = self._random.choice(["adminDescription", "msDS-ExternalDirectoryObjectId"])
        if item is None:
            attributes = {"distinguishedName": f"CN={name},DC=corp,DC=local", "objectSid": sid_of(name)}
            self._new(name, AD, ObjectKind.GROUP, {**attributes, attribute: f"Group_{guid_of(group)}"})
        elif not item.alive:
            self._restore(name, Operation.RESTORED)
        elif chance < 0.4:
            self._delete(name)
        elif chance < 0.6:
            self._change_members(name)
        else:
            self._change(name, {attribute: self._random.choice([f"group_{guid_of(group).upper()}", "Group_x", None])})

    def _log_step(self, group: str) -> None:
        self.now_ms += 1
        self.told.append(
            Event(
                id=f"row-{self.now_ms}",
                log=Log.PROVISIONING,
                name=self._random.choice(["create", "update", "update", "delete"]),
                tenant=TENANT,
                ts_ms=self.now_ms,
                seen_ms=self.now_ms,
                entra_id=guid_of(group),
                result=self._random.choice(_ANSWERS),
                details={"job_kind": self._random.choice([GROUP_PROVISIONING] * 4 + ["AD2AADProvisioning"])},
            )
        )

    def _device_step(self, name: str, computer: str) -> None:
        item, chance = self._objects.get(name), self._random.random()
        if item is None:
            attributes = {
                "deviceId": guid_of(computer).upper(),
                "displayName": computer,
                "trustType": self._random.choice(["AzureAd", "Workplace"]),
                "registrationDateTime": rfc3339(START_MS),
                "accountEnabled": True,
            }
            self._new(name, ENTRA, ObjectKind.DEVICE, attributes)
        elif not item.alive:
            self._restore(name, Operation.UPDATED)
        elif chance < 0.2:
            self._delete(name, **{"@removed": "deleted"})
        elif chance < 0.4:
            self._change(name, {"registrationDateTime": self._random.choice([None, rfc3339(START_MS)])})
        else:
            attribute = self._random.choice(["accountEnabled", "isCompliant"])
            self._change(name, {attribute: self._random.choice([True, False, None])})

    def _registered_step(self, name: str, computer: str) -> None:
        item, chance = self._objects.get(name), self._random.random()
        if item is None:
            attributes = {"distinguishedName": f"CN={name},CN=RegisteredDevices,DC=corp,DC=local"}
            attributes["msDS-DeviceID"] = guid_of(computer)
            self._new(name, AD, ObjectKind.REGISTERED_DEVICE, {**attributes, "msDS-IsEnabled": True})
        elif not item.alive:
            self._restore(name, Operation.RESTORED)
        elif chance < 0.2:
            self._delete(name)
        else:
            attribute = self._random.choice(["msDS-IsEnabled", "msDS-IsCompliant"])
            self._change(name, {attribute: self._random.choice([True, False, None])})
