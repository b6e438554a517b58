"""Random histories of computers, their devices and a forest: the facts and events they cause, and the final state."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

from streams.contracts.events import Event, Log, Result
from streams.contracts.facts import FOREST_KEYWORDS, Fact, ObjectKind, Operation, Origin
from streams.contracts.times import rfc3339
from streams.directory.state import ObjectState
from streams.evaluation.oracle import OracleObject
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT

DAY_MS = 86_400_000
CODES = ["0x801c03f2", "0x801c03f2", "0x801c001d", "0x801c0021", "0x80072ee2", "0x80290407", None]
OUS = ["OU=PCs,DC=corp,DC=local", "OU=PCs,DC=corp,DC=local", "OU=Out,DC=corp,DC=local"]


@dataclass
class _Object:
    origin: Origin
    kind: ObjectKind
    attributes: dict[str, Any]
    alive: bool = True
    changed_ms: int = START_MS
    first_ms: int = 0
    created_ms: int = 0
    revived_ms: int = 0
    changed: dict[str, int] = field(default_factory=dict)
    told: tuple[bool, dict[str, Any]] | None = None


@dataclass
class RandomFleet:
    """A seeded history. The dead stay: devices are remembered.

    facts:  (origin, fact) in the order they happened.
    events: of the computers' logs and the tenant's audit log; a log was never read whole, so they are apart.
    """

    seed: int
    facts: list[tuple[Origin, Fact]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._seq = START_MS << 12
        self.now_ms = START_MS
        self._objects: dict[str, _Object] = {}

    def run(self, steps: int, names: int = 4) -> RandomFleet:
        """Let `steps` things happen to at most `names` computers and twice as many devices."""
        for _ in range(steps):
            number = self._random.randrange(names)
            chance = self._random.random()
            if chance < 0.1:
                self._forest_step()
            elif chance < 0.2:
                self._log_step(f"pc{number}", f"device{number}-{self._random.randrange(2)}")
            elif chance < 0.55:
                self._computer_step(f"pc{number}")
            else:
                self._device_step(f"pc{number}", f"device{number}-{self._random.randrange(2)}")
        return self

    def final(self) -> list[OracleObject]:
        """What the sources have told of, complete, the dead included."""
        return [
            OracleObject(
                ObjectState(
                    object_id=guid_of(name), side=item.origin.side, tenant=TENANT, forest=item.origin.forest,
                    kind=item.kind, attributes=item.attributes, alive=item.alive, changed_ms=item.changed_ms,
                    first_ms=item.first_ms, created_ms=item.created_ms, revived_ms=item.revived_ms,
                    changed=item.changed,
                )
            )
            for name, item in self._objects.items()
        ]  # fmt: skip

    def _emit(self, name: str, op: Operation, **rest: Any) -> None:
        self._seq += 1 << 12
        self.now_ms += 1
        fact = Fact(op=op, object_id=guid_of(name), seq=self._seq, ts_ms=self.now_ms, **rest)
        item = self._objects[name]
        news = (item.alive, dict(item.attributes))
        was_alive, was = item.told or news
        item.first_ms = item.first_ms or self.now_ms
        item.created_ms = self.now_ms if op is Operation.CREATED else item.created_ms
        item.revived_ms = self.now_ms if item.alive and not was_alive else item.revived_ms
        names = {*was, *item.attributes}
        item.changed |= {name: self.now_ms for name in names if was.get(name) != item.attributes.get(name)}
        if news != item.told:
            item.changed_ms, item.told = self.now_ms, news
        self.facts.append((item.origin, fact))

    def _tell_whole(self, name: str, op: Operation) -> None:
        item = self._objects[name]
        self._emit(name, op, kind=item.kind, full=True, attributes=dict(item.attributes))

    def _change(self, name: str, changes: dict[str, Any]) -> None:
        item = self._objects[name]
        for attribute, value in changes.items():
            if value is None:
                item.attributes.pop(attribute, None)
            else:
                item.attributes[attribute] = value
        if self._random.random() < 0.2:
            self._tell_whole(name, Operation.READ)
        else:
            self._emit(name, Operation.UPDATED, attributes=changes)

    def _log_step(self, computer: str, device: str) -> None:
        """The computer's join task or the audit log speaks of something, now or up to two days ago."""
        self.now_ms += 1
        at_ms = self.now_ms - int(self._random.choice([0, 0, 1 / 24, 0.9, 1, 2]) * DAY_MS)
        told: dict[str, Any] = {"id": f"event-{len(self.events)}", "tenant": TENANT}
        told |= {"ts_ms": at_ms, "seen_ms": self.now_ms}
        which = self._random.random()
        if which < 0.15:
            told |= {
                "log": Log.SIGN_IN, "name": "sign-in", "object_guid": guid_of(computer),
                "details": {"trust_type": "Hybrid Azure AD joined", "managed": True},
            }  # fmt: skip
        elif which < 0.75:
            number = self._random.choice([304, 304, 201, 305, 306])
            code = self._random.choice(CODES)
            told |= {
                "log": Log.WINDOWS, "name": f"user device registration/{number}", "server": computer,
                "domain": self._random.choice([None, "corp.local", "corp.local", "lab.local"]),
                "result": Result.SUCCESS if number == 306 else Result.FAILURE,
                "details": {"client_error": code} if code and number != 306 else {},
            }  # fmt: skip
        else:
            told |= {
                "log": Log.AUDIT, "name": self._random.choice(["add device", "delete device", "register device"]),
                "entra_id": guid_of(device), "initiator": self._random.choice(["ann@contoso.com", "Sync", None]),
                "result": Result.SUCCESS, "details": {"category": "Device"},
            }  # fmt: skip
        self.events.append(Event(**told))

    def _forest_step(self) -> None:
        keywords = self._random.choice(
            [
                None,
                [],
                [f"azureADId:{TENANT}", "azureADName:contoso.com"],
                ["azureADId:other"],
                ["azureADName:x.example"],
            ]
        )
        attributes: dict[str, Any] = {"distinguishedName": "CN=Configuration,DC=corp,DC=local"}
        if keywords is not None:
            attributes[FOREST_KEYWORDS] = keywords
        self._objects["forest"] = _Object(AD, ObjectKind.FOREST, attributes)
        self._tell_whole("forest", Operation.READ)

    def _certificates(self, name: str) -> list[str]:
        ends = [START_MS - DAY_MS, START_MS + 6 * 3_600_000, START_MS + 4000 * DAY_MS]
        subjects = [guid_of(name), guid_of(name), "{" + guid_of(name).upper() + "}", f"{name}.corp.local"]
        start = rfc3339(START_MS - 9 * DAY_MS)
        return [
            f"{number:X} {start} {rfc3339(self._random.choice(ends))} {self._random.choice(subjects)}"
            for number in range(self._random.choice([0, 1, 1, 2, 16]))
        ]

    def _computer_step(self, name: str) -> None:
        item, chance = self._objects.get(name), self._random.random()
        if item is None:
            attributes: dict[str, Any] = {
                "distinguishedName": f"CN={name},{self._random.choice(OUS)}",
                "name": name,
                "objectSid": sid_of(name),
                "operatingSystem": self._random.choice(["Windows 11 Pro", "Windows 11 Pro", "Windows 7 Pro"]),
                "userAccountControl": self._random.choice([4096, 4096, 4096, 4098, 0x82000]),
                "whenCreated": rfc3339(int(START_MS - self._random.choice([0, 5, 59.8, 200]) * DAY_MS)),
                "userCertificate": self._certificates(name),
            }
            self._objects[name] = _Object(AD, ObjectKind.DEVICE, attributes)
            self._tell_whole(name, Operation.CREATED)
        elif not item.alive:
            item.alive = True
            self._emit(name, Operation.RESTORED)
        elif chance < 0.15:
            item.alive = False
            self._emit(name, Operation.DELETED)
        elif chance < 0.3:
            self._change(name, {"distinguishedName": f"CN={name},{self._random.choice(OUS)}"})
        elif chance < 0.5:
            self._change(name, {"userAccountControl": self._random.choice([4096, 4098])})
        else:
            self._change(name, {"userCertificate": self._certificates(name) or None})

    def _device_step(self, computer: str, name: str) -> None:
        item, chance = self._objects.get(name), self._random.random()
        if item is None or (not item.alive and chance < 0.3):
            device_id = guid_of(computer) if self._random.random() < 0.8 else guid_of(f"{computer}-before")
            attributes: dict[str, Any] = {
                "deviceId": device_id.upper(),
                "displayName": self._random.choice([computer, computer.upper()]),
                "trustType": self._random.choice(["ServerAd"] * 6 + ["Workplace", "AzureAd"]),
                "operatingSystem": self._random.choice(["Windows", "Windows", "iOS"]),
                "accountEnabled": self._random.choice([True, True, False]),
            }
            if self._random.random() < 0.5:
                attributes["registrationDateTime"] = rfc3339(START_MS - DAY_MS)
                ago = self._random.choice([1, 89.8, 400])
                attributes["approximateLastSignInDateTime"] = rfc3339(int(START_MS - ago * DAY_MS))
            item = item or _Object(ENTRA, ObjectKind.DEVICE, attributes)
            self._objects[name] = replace(item, attributes=attributes, alive=True)
            self._tell_whole(name, Operation.READ)
        elif not item.alive or chance < 0.35:
            # Also again: the deleted items tell when, or that it is gone for good.
            item.alive = False
            said: dict[str, Any] = {"@removed": self._random.choice(["changed", "deleted"])}
            if self._random.random() < 0.5:
                said["deletedDateTime"] = rfc3339(START_MS - self._random.randrange(10) * DAY_MS)
            item.attributes = {**item.attributes, **said}
            self._emit(name, Operation.DELETED, attributes=said)
        elif chance < 0.6:
            self._change(name, {"registrationDateTime": self._random.choice([None, rfc3339(START_MS)])})
        else:
            self._change(name, {"accountEnabled": self._random.choice([True, False])})
