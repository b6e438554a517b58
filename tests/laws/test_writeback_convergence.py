"""The law of the engine for password writeback: whatever arrives in whatever order, the oracle's findings stand."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contracts.events import Event, Log, Result
from streams.contracts.facts import FOREST_HEARD, Fact, ObjectKind, Operation
from streams.contracts.finding import Finding
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.times import rfc3339
from streams.detections.registry import all_detections
from streams.directory.state import ObjectState
from streams.evaluation.oracle import OracleObject, expected_findings
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

MINUTE_MS, DAY_MS = 60_000, 86_400_000
LATER_MS = (0, 11 * MINUTE_MS, 3 * 60 * MINUTE_MS, DAY_MS - 1, DAY_MS + 60 * MINUTE_MS, 8 * DAY_MS, 40 * DAY_MS)
PASSWORDS = {
    f"writeback.{name}"
    for name in (
        "password_writeback_failed", "password_writeback_unconfirmed", "password_split_brain",
        "password_writeback_disabled", "writeback_service_down",
    )
}  # fmt: skip
AUDITS = ("reset password (self-service)", "change password (self-service)", "reset password (by admin)",
          "unlock user account (self-service)", "self-service password reset flow activity progress")  # fmt: skip
REASONS = ("OnPremisesPolicyViolation", "OnPremisesConnectivityError", "OnPremisesSuccessCloudFailure",
           "UserNotLicensed", "Nobody knows", None)  # fmt: skip
NUMBERS = (31001, 31002, 31003, 31006, 31007, 31008, 31009, 31010, 31011, 33004, 33008)
OF_THE_SERVICE = (31013, 31015, 31016, 31019, 31019, 31034, 32002)


def _filetime(at_ms: int) -> int:
    return (at_ms + 11_644_473_600_000) * 10_000


@dataclass
class RandomPasswords:
    """A seeded history of two users' passwords, of one server and of the switch."""

    seed: int
    events: list[Event] = field(default_factory=list)
    facts: list[Fact] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance, self.now_ms = random.Random(self.seed), START_MS
        self.ad: dict[str, dict[str, Any]] = {}
        self.changed_ms: dict[str, int] = {}
        self.heard_ms = 0
        for name in ("ann", "bob"):
            self.ad[name] = {"userPrincipalName": f"{name}@contoso.com", "sAMAccountName": name,
                             "distinguishedName": f"CN={name},DC=corp", "objectSid": sid_of(name),
                             "pwdLastSet": _filetime(START_MS - 5 * DAY_MS)}  # fmt: skip
            self._fact(name, self.ad[name], whole=True)

    def run(self, steps: int) -> RandomPasswords:
        for _ in range(steps):
            self.now_ms += self.chance.choice([1000, 5000, 40_000, 4 * MINUTE_MS, 20 * MINUTE_MS])
            self.chance.choice([self._audit, self._audit, self._step, self._step, self._set, self._service,
                                self._hash, self._switch, *[self._heard][self.seed % 2 :]])()  # fmt: skip
        return self

    def objects(self) -> list[OracleObject]:
        here = [self._state(name, "ad", self.ad[name], self.changed_ms[name]) for name in self.ad]
        there = [self._state(f"{name}-c", "entra", self.cloud(name), START_MS) for name in self.ad]
        heard = ObjectState(object_id=guid_of("heard"), side="ad", tenant=TENANT, kind=ObjectKind.FOREST, forest="corp",
                            attributes={FOREST_HEARD: rfc3339(self.heard_ms)})  # fmt: skip
        return [OracleObject(state) for state in [*here, *there, *([heard] if self.heard_ms else [])]]

    def cloud(self, name: str) -> dict[str, Any]:
        return {"userPrincipalName": f"{name}@contoso.com", "onPremisesSyncEnabled": True,
                "onPremisesImmutableId": immutable_id_of_guid(guid_of(name)),
                "onPremisesSecurityIdentifier": sid_of(name)}  # fmt: skip

    def _state(self, name: str, side: Any, attributes: dict[str, Any], changed_ms: int) -> ObjectState:
        return ObjectState(object_id=guid_of(name), side=side, tenant=TENANT, kind=ObjectKind.USER,
                           forest="corp" if side == "ad" else None, attributes=attributes,
                           changed_ms=changed_ms)  # fmt: skip

    def _fact(self, name: str, attributes: dict[str, Any], *, whole: bool = False) -> None:
        self.changed_ms[name] = self.now_ms
        self.facts.append(
            Fact(op=Operation.READ if whole else Operation.UPDATED, object_id=guid_of(name), full=whole,
                 seq=self.now_ms << 12, ts_ms=self.now_ms, kind=ObjectKind.USER if whole else None,
                 attributes=dict(attributes))
        )  # fmt: skip

    def _log(self, name: str, log: Log, **said: Any) -> None:
        self.events.append(Event(id=f"e{len(self.events)}", log=log, name=name, tenant=TENANT,
                                 ts_ms=self.now_ms, seen_ms=self.now_ms, **said))  # fmt: skip

    def _who(self) -> str:
        return self.chance.choice(list(self.ad))

    def _id(self) -> str | None:
        return self.chance.choice([None, "t1", "t2", "t3"])

    def _audit(self) -> None:
        agent = self.chance.choice(["connect", "connect", "cloudsync", "none", None])
        details = {"category": "UserManagement", "service": "self-service password management"}
        result = self.chance.choice([Result.SUCCESS, Result.FAILURE])
        self._log(self.chance.choice(AUDITS), Log.AUDIT, entra_id=guid_of(f"{self._who()}-c"), result=result,
                  reason=self.chance.choice(REASONS) if result is Result.FAILURE else None,
                  correlation_id=self._id(), details={**details, **({"agent": agent} if agent else {})})  # fmt: skip

    def _step(self) -> None:
        tracking, who = self._id(), self._who()
        about: dict[str, Any] = {"source_anchor": immutable_id_of_guid(guid_of(who))}
        if self.chance.random() < 0.3:
            about = {"entra_id": guid_of(f"{who}-c")}
        self._log(f"passwordresetservice/{self.chance.choice(NUMBERS)}", Log.WINDOWS, server="aadc01",
                  details={"tracking_id": tracking} if tracking else {}, **about)  # fmt: skip

    def _set(self) -> None:
        name = self._who()
        self.ad[name]["pwdLastSet"] = _filetime(self.now_ms - self.chance.choice([0, 0, 30_000]))
        self._fact(name, {"pwdLastSet": self.ad[name]["pwdLastSet"]})

    def _service(self) -> None:
        self._log(f"passwordresetservice/{self.chance.choice(OF_THE_SERVICE)}", Log.WINDOWS, server="aadc01")

    def _heard(self) -> None:
        self.heard_ms = self.now_ms + self.chance.choice([0, 0, 20 * MINUTE_MS])  # of a producer whose clock is ahead
        self.facts.append(
            Fact(op=Operation.READ, object_id=guid_of("heard"), full=True, seq=self.now_ms << 12, ts_ms=self.now_ms,
                 kind=ObjectKind.FOREST, attributes={FOREST_HEARD: rfc3339(self.heard_ms)})
        )  # fmt: skip

    def _hash(self) -> None:
        self._log("directory synchronization/657", Log.WINDOWS, server="aadc01", result=Result.SUCCESS,
                  source_anchor=immutable_id_of_guid(guid_of(self._who())))  # fmt: skip

    def _switch(self) -> None:
        word = self.chance.choice(["enable", "disable"])
        details = {"category": "DirectoryManagement", "service": "self-service password management"}
        self._log(f"{word} password writeback for directory", Log.AUDIT, result=Result.SUCCESS, initiator="admin",
                  details=details)  # fmt: skip


def disordered(world: RandomPasswords, chance: random.Random) -> Pipeline:
    """A pipeline that was told of the world in any order, in part twice, and was killed now and then."""
    pipeline = Pipeline()
    for name in world.ad:
        fact = Fact(op=Operation.READ, object_id=guid_of(f"{name}-c"), seq=START_MS << 12, ts_ms=START_MS, full=True,
                    kind=ObjectKind.USER, attributes=world.cloud(name))  # fmt: skip
        pipeline.feed(ENTRA, [fact])
    items: list[Event | Fact] = [*world.events, *world.facts]
    items += chance.sample(items, chance.randrange(len(items) + 1))
    chance.shuffle(items)
    for item in items:
        if isinstance(item, Event):
            pipeline.log([item], now_ms=chance.choice([item.ts_ms, world.now_ms]))
        else:
            pipeline.feed(AD, [item])
        if chance.random() < 0.1:
            pipeline.restart()
    return pipeline


def _expected(world: RandomPasswords, now_ms: int) -> dict[str, Finding]:
    found = expected_findings(world.objects(), {}, {}, all_detections(), now_ms=now_ms, events=world.events)
    return {key: finding for key, finding in found.items() if finding.detection in PASSWORDS}


def _content(findings: dict[str, Finding]) -> dict[str, Any]:
    return {
        key: (f.detection, f.severity, f.subject, {name: v for name, v in f.evidence.items() if name != "since"})
        for key, f in findings.items()
    }


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 30))
def test_shuffled_duplicated_and_restarted(seed: int, steps: int) -> None:
    world = RandomPasswords(seed).run(steps)
    pipeline = disordered(world, random.Random(seed + 1))
    for later_ms in LATER_MS:
        now_ms = world.now_ms + later_ms
        pipeline.tick(now_ms)
        found = {key: finding for key, finding in pipeline.open().items() if finding.detection in PASSWORDS}
        assert _content(found) == _content(_expected(world, now_ms)), f"{later_ms} ms later"


def test_the_random_passwords_exercise_every_detection() -> None:
    """Otherwise the law would hold for a detection that never speaks."""
    seen: set[str] = set()
    for seed in range(40):
        world = RandomPasswords(seed).run(25)
        seen |= {finding.detection for later in LATER_MS for finding in _expected(world, world.now_ms + later).values()}
    assert seen == PASSWORDS
