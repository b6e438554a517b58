"""Random histories of synchronisation itself: servers' logs, audits, exports, readings of the tenant, and who leaves.

What happened is told once, in order; a test may shuffle it. Every reading names the same synchronisation: the stream
remembers each that it was told of, and batch evaluation knows the last only.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from streams.contracts.events import UNKNOWN_SERVERS, Event, Log, Result
from streams.contracts.facts import Fact, ObjectKind, Operation, Origin, TenantState
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.times import rfc3339
from streams.directory.state import ObjectState
from streams.evaluation.oracle import OracleObject
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT

DAY_MS = 86_400_000
MINUTE_MS = 60_000
PEOPLE = 40
_FILETIME_EPOCH_MS = 11_644_473_600_000
_CLOUD, _FOREST = "contoso.onmicrosoft.com - AAD", "corp.local"
_PASSWORDS = (601, 609, 611, 651, 654, 655)
_FAULTS = ((6100, "completed-export-errors"), (6100, "completed-warnings"), (6050, "stopped-connectivity"),
           (6020, "missing-partition-for-run-step"))  # fmt: skip
_ACTIVITIES = ("set dirsync feature", "set dirsyncenabled flag", "verify domain", "set company information")

Item = Event | TenantState | tuple[Origin, Fact]


@dataclass
class _Object:
    origin: Origin
    kind: ObjectKind
    attributes: dict[str, Any]
    alive: bool = True
    changed_ms: int = START_MS


@dataclass
class RandomOperations:
    """A seeded history. `told`: events, readings of the tenant and facts, in the order they happened."""

    seed: int
    told: list[Item] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self.now_ms = START_MS
        self._objects: dict[str, _Object] = {}
        self._people = self._random.choice([0, PEOPLE])
        # The cycles of a calm server break off nothing, and only the one of the beginning exports.
        self._calm = self._random.random() < 0.3
        # Servers of one short name in two domains, and logs that do not always name the domain.
        one, two = "corp.local", "fabrikam.local"
        self._domains = self._random.choice([[None], [one], [one, None], [one, two], [one, two, None]])
        for number in range(self._people):
            self._add_person(f"u{number}")

    def run(self, steps: int) -> RandomOperations:
        """Let `steps` things happen within a few hours."""
        happenings: list[Callable[[], None]] = [
            *[self._password_event] * 3, *[self._run_goes_wrong] * 2, *[self._cycle_goes_on] * 4,
            self._held_back, self._flood, self._refused, self._certificate, self._audit, *[self._export] * 4,
            self._reading, self._someone_leaves, self._many_leave, self._password_changes, self._sso_account,
        ]  # fmt: skip
        if self._calm:
            for details in ({"cycle": "started", "cycle_kind": "delta"}, {"cycle": "completed", "cycle_kind": "delta"}):
                self._log("directory synchronization/904", server="aadc01", details=details)
        for _ in range(steps):
            self.now_ms += self._random.choice([1, 7_000, 4 * MINUTE_MS, 20 * MINUTE_MS])
            self._random.choice(happenings)()
        return self

    @property
    def events(self) -> list[Event]:
        """Every event."""
        return [item for item in self.told if isinstance(item, Event)]

    @property
    def tenant(self) -> TenantState | None:
        """The last reading."""
        return next((item for item in reversed(self.told) if isinstance(item, TenantState)), None)

    def final(self) -> list[OracleObject]:
        """What stands in both directories at the end, the dead of AD included."""
        return [
            OracleObject(
                ObjectState(
                    object_id=guid_of(name), side=item.origin.side, tenant=TENANT, forest=item.origin.forest,
                    kind=item.kind, attributes=item.attributes, alive=item.alive, changed_ms=item.changed_ms,
                )
            )
            for name, item in self._objects.items()
        ]  # fmt: skip

    def _tell(self, name: str, op: Operation, attributes: dict[str, Any]) -> None:
        item = self._objects[name]
        self.now_ms += 1
        item.changed_ms = self.now_ms
        whole = op in (Operation.CREATED, Operation.READ)
        fact = Fact(
            op=op, object_id=guid_of(name), seq=self.now_ms << 12, ts_ms=self.now_ms, full=whole,
            kind=item.kind if whole else None, attributes=dict(attributes),
        )  # fmt: skip
        self.told.append((item.origin, fact))

    def _change(self, name: str, changes: dict[str, Any]) -> None:
        item = self._objects[name]
        before_ms, news = item.changed_ms, item.attributes | changes != item.attributes
        item.attributes.update(changes)
        self._tell(name, Operation.UPDATED, changes)
        if not news:
            item.changed_ms = before_ms  # views hear of news only, and nobody's patience begins anew

    def _add_person(self, name: str) -> None:
        upn, anchor = f"{name}@contoso.com", immutable_id_of_guid(guid_of(name))
        here = {
            "userPrincipalName": upn, "sAMAccountName": name, "distinguishedName": f"CN={name},OU=People,DC=corp",
            "objectSid": sid_of(name), "userAccountControl": 512, "pwdLastSet": self._filetime(START_MS - 5 * DAY_MS),
        }  # fmt: skip
        there: dict[str, Any] = {"userPrincipalName": upn, "onPremisesImmutableId": anchor}
        there["onPremisesSyncEnabled"] = True
        if self._random.random() < 0.5:
            there["lastPasswordChangeDateTime"] = rfc3339(START_MS - 5 * DAY_MS)
        for key, origin, attributes in ((name, AD, here), (f"{name}-cloud", ENTRA, there)):
            self._objects[key] = _Object(origin, ObjectKind.USER, attributes)
            self._tell(key, Operation.READ, attributes)

    def _log(self, name: str, **said: Any) -> None:
        self.now_ms += 1
        filled = {"id": f"event-{len(self.told)}", "log": Log.WINDOWS, "ts_ms": self.now_ms, "seen_ms": self.now_ms}
        if "server" in said:
            filled["domain"] = self._random.choice(self._domains)
        self.told.append(Event(name=name, tenant=TENANT, **{**filled, **said}))

    def _server(self) -> str:
        return self._random.choice(["aadc01", "aadc02"])

    def _password_event(self) -> None:
        number = self._random.choice(_PASSWORDS)
        connector = self._random.choice([_FOREST, _FOREST, "fabrikam.com", None])
        details = {"connector": connector} if connector is not None and number != 651 else {}
        self._log(f"directory synchronization/{number}", server=self._server(), details=details)

    def _run_goes_wrong(self) -> None:
        number, status = self._random.choice(_FAULTS[1:2] if self._calm else _FAULTS)
        details = {
            "connector": self._random.choice([_CLOUD, _FOREST]),
            "run_profile": self._random.choice(["Export", "Delta Import"]),
            "run_status": status,
        }
        self._log(f"adsync/{number}", server=self._server(), result=Result.FAILURE, details=details)

    def _cycle_goes_on(self) -> None:
        kind = self._random.choice(["delta", "initial"])
        profile = self._random.choice(["Delta Import"] if self._calm else ["Export", "Delta Import"])
        details = self._random.choice(
            [
                {"cycle": "started", "cycle_kind": kind},
                {"cycle": "completed", "cycle_kind": kind},
                {"step": "finished", "step_name": f"{self._random.choice([_CLOUD, _FOREST])} {profile}"},
            ]
        )
        self._log("directory synchronization/904", server=self._server(), details=details)

    def _refused(self) -> None:
        anchor = immutable_id_of_guid(guid_of(f"u{self._random.randrange(PEOPLE)}"))
        details = {
            "error_name": "AttributeValueMustBeUnique",
            "attribute": "UserPrincipalName",
            "value": "a@contoso.com",
        }
        self._log("adsync/6941", server=self._server(), source_anchor=anchor, result=Result.FAILURE, details=details)

    def _certificate(self) -> None:
        number, level = self._random.choice([(1011, "warning"), (1012, "error"), (1012, "information")])
        self._log(f"adsync/{number}", server=self._server(), details={"level": level})

    def _flood(self) -> None:
        distinct = self._random.choice([0, 3, 900])
        details = {"table": self._random.choice("ab"), "topics": ["t"], "distinct": distinct, "servers": ["x"]}
        self._log(UNKNOWN_SERVERS, details=details)

    def _held_back(self) -> None:
        details = {"pending_deletes": self._random.randrange(500, 900), "threshold": 500}
        result = self._random.choice([Result.FAILURE, Result.FAILURE, None])
        self._log("directory synchronization/116", server=self._server(), result=result, details=details)

    def _audit(self) -> None:
        details = {"category": "DirectoryManagement", "service": "core directory", "target_name": "contoso.com"}
        name, result = self._random.choice(_ACTIVITIES), self._random.choice(list(Result))
        self._log(name, log=Log.AUDIT, result=result, initiator="eve@contoso.com", details=details)

    def _export(self) -> None:
        details = {"category": "UserManagement", "sync_server": self._server()}
        self._log("update user", log=Log.AUDIT, entra_id=guid_of("u1-cloud"), details=details)

    def _reading(self) -> None:
        chance = self._random
        self.now_ms += 1
        job = {
            "id": "AD2AADProvisioning.1",
            "kind": "AD2AADProvisioning",
            "code": chance.choice(["Active", "Quarantine"]),
            "quarantine_reason": "TooManyDeletes",
            "failures": chance.choice([0, 4]),
            "last_success": rfc3339(START_MS),
        }
        organization = {
            "displayName": "Contoso",
            "onPremisesSyncEnabled": chance.choice([True, True, True, False]),
            "readDateTime": rfc3339(self.now_ms),
            "onPremisesLastSyncDateTime": rfc3339(START_MS),
            "onPremisesLastPasswordSyncDateTime": rfc3339(START_MS - chance.choice([0, 4]) * DAY_MS),
            "directorySizeQuota": {"used": chance.choice([10, 45]), "total": 50},
        }
        synchronization = {
            "client_version": chance.choice(["2.5.3.0", "2.6.1.0"]),
            "deletion_prevention": chance.choice(["enabledForCount", "enabledForPercentage", "disabled"]),
            "deletion_threshold": chance.choice([15, 20, 80]),
        }
        state = TenantState(
            tenant=TENANT, seq=self.now_ms << 12, ts_ms=self.now_ms, organization=organization, collected=True,
            synchronization=synchronization, jobs=[job], refused=chance.choice([{}, {"domains": "Forbidden"}]),
            features={"passwordSyncEnabled": chance.choice([True, True, None, False])},
        )  # fmt: skip
        self.told.append(state)

    def _living(self) -> list[str]:
        people = [f"u{number}" for number in range(self._people)]
        return [name for name in people if self._objects[name].alive]

    def _someone_leaves(self) -> None:
        for name in self._random.sample(self._living(), min(4, len(self._living()))):
            self._objects[name].alive = False
            self._tell(name, Operation.DELETED, {})

    def _many_leave(self) -> None:
        unit = self._random.choice(["People", "Out", "Out"])
        for name in self._random.sample(self._living(), min(25, len(self._living()))):
            self._change(name, {"distinguishedName": f"CN={name},OU={unit},DC=corp"})

    def _password_changes(self) -> None:
        living = self._living()
        if not living:
            return
        name = self._random.choice(living[:3])
        if self._random.random() < 0.7:
            self._change(name, {"pwdLastSet": self._filetime(self.now_ms)})
        self._log(
            "directory synchronization/657", server="aadc01", source_anchor=immutable_id_of_guid(guid_of(name)),
            result=self._random.choice([Result.FAILURE, Result.FAILURE, Result.SUCCESS]), reason="no connection",
        )  # fmt: skip

    def _sso_account(self) -> None:
        item, chance = self._objects.get("sso"), self._random.random()
        if item is None:
            attributes = {
                "sAMAccountName": "AZUREADSSOACC$", "distinguishedName": "CN=AZUREADSSOACC,DC=corp",
                "userAccountControl": 4096, "pwdLastSet": self._filetime(START_MS - 29 * DAY_MS),
            }  # fmt: skip
            self._objects["sso"] = _Object(AD, ObjectKind.DEVICE, attributes)
            self._tell("sso", Operation.CREATED, attributes)
        elif not item.alive:
            item.alive = True
            self._tell("sso", Operation.RESTORED, {})
        elif chance < 0.3:
            item.alive = False
            self._tell("sso", Operation.DELETED, {})
        elif chance < 0.6:
            self._change("sso", {"pwdLastSet": self._filetime(self.now_ms)})
        else:
            self._change("sso", {"userAccountControl": self._random.choice([4096, 4098])})

    @staticmethod
    def _filetime(ts_ms: int) -> int:
        return (ts_ms + _FILETIME_EPOCH_MS) * 10_000
