"""Random histories of two directories: the facts they would cause, and the final state for the oracle.

The final state knows when what changed, for rules that measure lateness. Facts that arrive in disorder tell those times
a little off, so only a history in order can be judged soon after its end.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from streams.contracts.facts import Fact, Link, LinkChange, ObjectKind, Operation, Origin
from streams.contracts.flows import FLOW_ATTRIBUTES, READ_BY, VERSION
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.times import rfc3339
from streams.directory.state import ObjectState, Vanished
from streams.evaluation.oracle import OracleObject
from tests.support.cases import AD2, START_MS, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA

ADDRESSES = [f"a{number}@contoso.com" for number in range(6)]
# Values that the hygiene rules object to, and some that they do not; None takes the attribute away.
UNTIDY: dict[str, list[Any]] = {
    "displayName": ["Ada", "  ", "x" * 300],
    "mailNickname": ["ada", "ADA", ".ada", None],
    "targetAddress": ["SMTP:eve@fabrikam.com", "smtp:eve", None],
    "userPrincipalName": ["a b@contoso.com", "ada@corp.local", "ada@fabrikam.com"],
    "department": ["Sales", "Legal", None],
    "userCertificate": [[f"AA{number:02}" for number in range(16)], None],
}
# When the engine last wrote an object, seen from the start: never, before everything, after everything.
EXPORTS = [None, "2026-09-21T13:00:00Z", "2026-09-21T15:00:00Z"]
OUS = ["OU=People,DC=corp,DC=local", "OU=Out,DC=corp,DC=local"]


@dataclass
class _Object:
    kind: ObjectKind
    attributes: dict[str, Any]
    links: set[str] = field(default_factory=set)
    link_ms: dict[str, int] = field(default_factory=dict)
    left_ms: dict[str, int] = field(default_factory=dict)
    stale: set[str] = field(default_factory=set)  # links to who died since, of which nobody has told the object
    alive: bool = True
    revived_ms: int = 0
    first_ms: int = 0
    created_ms: int = 0
    changed_ms: int = 0
    changed: dict[str, int] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)  # attribute that flows -> the last value that was told
    vanished: dict[str, Vanished] = field(default_factory=dict)


@dataclass
class RandomDirectories:
    """A seeded history. `facts`: (origin, fact) in the order they happened.

    Now and then an object stands in a second forest, too, under the same GUID and SID: somebody has cloned a domain.
    groups: more of them, mostly synchronised, and more that come and go in them.
    pace_ms: between two facts.
    in_time: nothing is told to have happened later than it is told.
    start_ms: when it begins; workers take no fact for true that is older than a day when it arrives.
    """

    seed: int
    groups: bool = False
    pace_ms: int = 1
    in_time: bool = False
    start_ms: int = START_MS
    facts: list[tuple[Origin, Fact]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        self._seq = self.start_ms << 12
        self.now_ms = self.start_ms
        self._ad: dict[str, _Object] = {}
        self._clones: dict[str, _Object] = {}
        self._entra: dict[str, _Object] = {}
        self._worlds = ((AD, self._ad), (AD2, self._clones), (ENTRA, self._entra))

    def run(self, steps: int, names: int = 6) -> RandomDirectories:
        """Let `steps` things happen to at most `names` objects a side."""
        for _ in range(steps):
            name = f"n{self._random.randrange(names)}"
            if self._random.random() < 0.6:
                if name in self._ad and self._random.random() < (0.04 if self.groups else 0.12):
                    self._clone_step(name)
                else:
                    self._ad_step(name)
            else:
                self._entra_step(name)
        return self

    def final(self) -> list[OracleObject]:
        """What has been told of, complete, the dead included: views remember those of AD and what can be restored."""
        found = []
        for origin, objects in self._worlds:
            for name, item in objects.items():
                if item.alive or origin.side == "ad" or item.attributes.get("@removed"):
                    state = ObjectState(
                        object_id=guid_of(name), side=origin.side, tenant=origin.tenant, forest=origin.forest,
                        kind=item.kind, attributes=item.attributes, alive=item.alive, changed_ms=item.changed_ms,
                        first_ms=item.first_ms, created_ms=item.created_ms, changed=item.changed,
                        revived_ms=item.revived_ms, vanished=item.vanished,
                    )  # fmt: skip
                    ours = objects if origin.side == "ad" else {}  # a group of the cloud is told of the dead
                    alive = {far for far in item.links if far not in ours or ours[far].alive}
                    far_ends = alive | item.links | item.link_ms.keys() | item.left_ms.keys()
                    end = {far: self._end(origin, far, item.kind) for far in far_ends}
                    found.append(
                        OracleObject(
                            state,
                            frozenset(end[far] for far in alive),
                            {end[far]: moment_ms for far, moment_ms in item.link_ms.items()},
                            {end[far]: moment_ms for far, moment_ms in item.left_ms.items()},
                            {end[far]: guid_of(far) for far in far_ends},
                        )
                    )
        return found

    @staticmethod
    def _end(origin: Origin, far: str, kind: ObjectKind) -> tuple[str, str]:
        if kind is ObjectKind.USER:
            return "manager", sid_of(far) if origin.side == "ad" else guid_of(far)
        return ("member", sid_of(far)) if origin.side == "ad" else ("members", guid_of(far))

    def _emit(self, origin: Origin, name: str, op: Operation, **rest: Any) -> None:
        self._seq += 1 << 12
        self.now_ms += self.pace_ms
        seq = self._seq - (1 << 50) * (origin is AD2)  # numbers of two sources do not compare; none is of the future
        fact = Fact(op=op, object_id=guid_of(name), seq=seq, ts_ms=self.now_ms, **rest)
        self.facts.append((origin, fact))
        item = next(objects for world, objects in self._worlds if world is origin)[name]
        item.changed_ms = self.now_ms
        item.first_ms = item.first_ms or self.now_ms
        item.created_ms = self.now_ms if op is Operation.CREATED else item.created_ms
        if self._takes_part(origin, item):  # it tells of links that stand, in place of that they once ended
            for far in item.links | item.stale:
                item.left_ms.pop(far, None)

    def _some(self, most: int) -> list[str]:
        return self._random.sample(ADDRESSES, self._random.randrange(most + 1))

    def _ad_step(self, name: str) -> None:
        chance, item = self._random.random(), self._ad.get(name)
        if item is None:
            kinds = [ObjectKind.USER, ObjectKind.USER, ObjectKind.GROUP, ObjectKind.CONTACT]
            kind = self._random.choice([ObjectKind.USER, ObjectKind.GROUP] if self.groups else kinds)
            attributes: dict[str, Any] = {
                "distinguishedName": f"CN={name},{OUS[0] if self.groups else self._random.choice(OUS)}",
                "sAMAccountName": name,
                "displayName": name,
                "proxyAddresses": ["SMTP:" + address for address in self._some(2)[:1]],
                "mail": self._random.choice(ADDRESSES),
                "userAccountControl": self._random.choice([512, 514]),
            }
            if kind is not ObjectKind.CONTACT:
                attributes["objectSid"] = sid_of(name)
            if self._random.random() < 0.5:
                attributes |= {"department": self._random.choice(["Sales", "Legal"]), READ_BY: VERSION}
            if kind is ObjectKind.USER:
                attributes["userPrincipalName"] = self._random.choice(ADDRESSES)
            self._ad[name] = _Object(kind, attributes)
            if "department" in attributes:
                self._ad[name].told["department"] = attributes["department"]
            op = self._random.choice([Operation.CREATED, Operation.READ])  # before our eyes, or found there
            self._emit(AD, name, op, kind=kind, full=True, attributes=dict(attributes))
        elif not item.alive:
            self._restore(AD, name, item, self._ad)
        elif self.groups and item.kind is ObjectKind.GROUP and self._random.random() < 0.5:
            self._relink(AD, name, item, self._ad)
        elif chance < (0.04 if self.groups else 0.15):
            item.alive = False
            self._emit(AD, name, Operation.DELETED)
        elif chance < 0.3:
            dn = f"CN={name},{self._random.choice(OUS)}"
            moved = item.attributes["distinguishedName"] != dn
            item.attributes["distinguishedName"] = dn
            self._emit(AD, name, Operation.UPDATED, attributes={"distinguishedName": dn})
            if moved:
                item.changed["distinguishedName"] = self.now_ms
        elif chance < 0.45 and item.kind is ObjectKind.USER:
            anchor = self._random.choice([None, immutable_id_of_guid(guid_of(f"n{self._random.randrange(6)}"))])
            self._set(AD, name, item, "mS-DS-ConsistencyGuid", anchor)
        elif chance < 0.55 and item.kind is ObjectKind.USER:
            self._manage(AD, name, item, self._ad)
        elif chance < 0.65 and item.kind is ObjectKind.GROUP:
            self._relink(AD, name, item, self._ad)
        else:
            attribute = self._random.choice(["proxyAddresses", "mail", "userPrincipalName", "untidy"])
            if attribute == "untidy":
                attribute = self._random.choice(list(UNTIDY))
                value: Any = self._random.choice(UNTIDY[attribute])
            elif attribute == "proxyAddresses":
                value = [self._random.choice(["SMTP:", "smtp:", "SIP:"]) + address for address in self._some(3)]
            else:
                value = self._random.choice([None, *ADDRESSES])
            self._set(AD, name, item, attribute, value)

    def _restore(self, origin: Origin, name: str, item: _Object, objects: dict[str, _Object]) -> None:
        """Without the recycle bin, memberships do not come back with a restored object."""
        item.alive, item.links, item.stale, item.link_ms = True, set(), set(), {}
        for other in objects.values():
            if name in other.links:
                other.links.discard(name)
                other.stale.add(name)
        emptied = {self._end(origin, name, item.kind)[0]: LinkChange(complete=True)}
        self._emit(origin, name, Operation.RESTORED, links=emptied)
        item.revived_ms = self.now_ms

    def _clone_step(self, name: str) -> None:
        """The copy of an object in the second forest: it comes, changes, goes, comes back."""
        chance, item, objects = self._random.random(), self._clones.get(name), self._clones
        if item is None:
            ours = self._ad[name]
            item = objects[name] = _Object(ours.kind, dict(ours.attributes))
            self._emit(AD2, name, Operation.READ, kind=item.kind, full=True, attributes=dict(item.attributes))
        elif not item.alive:
            self._restore(AD2, name, item, objects)
        elif chance < 0.3:
            item.alive = False
            self._emit(AD2, name, Operation.DELETED)
        elif chance < 0.6 and item.kind is ObjectKind.GROUP:
            self._relink(AD2, name, item, objects)
        else:
            attribute = self._random.choice(["mail", "userPrincipalName", "displayName"])
            self._set(AD2, name, item, attribute, self._random.choice(ADDRESSES))

    def _relink(self, origin: Origin, name: str, item: _Object, objects: dict[str, _Object]) -> None:
        """Somebody joins a group, or leaves it."""
        others = [other for other, found in objects.items() if found.alive and other != name] or [name]
        inside = [other for other in others if other in item.links]
        far = self._random.choice(inside if inside and self.groups and self._random.random() < 0.5 else others)
        link = self._link(origin, far)
        if far in item.links:
            item.links.discard(far)
            change = LinkChange(removed=[link])
        else:
            item.links.add(far)
            item.stale.discard(far)
            change = LinkChange(added=[link])
        self._emit(origin, name, Operation.UPDATED, links={self._end(origin, far, item.kind)[0]: change})
        if far in item.links:
            item.link_ms[far] = self.now_ms
        else:
            self._left(item, far, origin)

    def _manage(self, origin: Origin, name: str, item: _Object, objects: dict[str, _Object]) -> None:
        """A user gets another manager, or none; in the cloud mostly the one that AD names."""
        others = [other for other, found in objects.items() if found.alive and other != name]
        ours = self._ad.get(name.removeprefix("cloud-"))
        if origin is ENTRA and ours is not None and self._random.random() < 0.6:
            others = [f"cloud-{far}" for far in ours.links if f"cloud-{far}" in objects]
        chosen = {self._random.choice(others)} if others and self._random.random() < 0.8 else set()
        news = chosen - item.links
        change = LinkChange([self._link(origin, far) for far in chosen], complete=True)
        item.links, item.stale = chosen, set()
        self._emit(origin, name, Operation.UPDATED, links={"manager": change})
        item.link_ms = {far: self.now_ms if far in news else item.link_ms[far] for far in chosen}

    def _mirror(self, cloud: str, item: _Object, ours: _Object) -> None:
        """The engine exports a group's members; or Graph shows them all once more."""
        wanted = {f"cloud-{far}" for far in ours.links if f"cloud-{far}" in self._entra}
        joined, left = sorted(wanted - item.links), sorted(item.links - wanted)
        item.links = wanted
        if self._random.random() < 0.5:
            change = LinkChange(added=[self._link(ENTRA, far) for far in sorted(wanted)], complete=True)
        else:
            change = LinkChange([self._link(ENTRA, far) for far in joined], [self._link(ENTRA, far) for far in left])
        self._emit(ENTRA, cloud, Operation.UPDATED, links={"members": change})
        for far in joined:
            item.link_ms[far] = self.now_ms
        for far in left:
            self._left(item, far)

    def _left(self, item: _Object, far: str, origin: Origin = ENTRA) -> None:
        """A group says so only while it takes part in synchronisation."""
        item.link_ms.pop(far, None)
        if self._takes_part(origin, item):
            item.left_ms[far] = self.now_ms

    @staticmethod
    def _takes_part(origin: Origin, item: _Object) -> bool:
        attributes = item.attributes
        outside = origin is AD and OUS[1] in attributes.get("distinguishedName", "")  # the other forest has no scope
        return item.alive and not outside and bool("objectSid" in attributes or attributes.get("onPremisesSyncEnabled"))

    @staticmethod
    def _link(origin: Origin, far: str) -> Link:
        return Link(guid_of(far), sid_of(far)) if origin.side == "ad" else Link(guid_of(far))

    def _set(self, origin: Origin, name: str, item: _Object, attribute: str, value: Any) -> None:
        news = item.attributes.get(attribute) != value
        whole = self._random.random() < 0.2
        if value is None:
            item.attributes.pop(attribute, None)
            if attribute in item.told and not whole:
                item.vanished[attribute] = Vanished(1, 2, item.told[attribute])
        else:
            item.attributes[attribute] = value
            if origin is AD and attribute in FLOW_ATTRIBUTES:
                item.told[attribute] = value
                item.vanished.pop(attribute, None)
        if whole:  # a snapshot tells the whole object
            links = LinkChange([self._link(origin, far) for far in sorted(item.links)], [], complete=True)
            self._emit(origin, name, Operation.READ, kind=item.kind, full=True, attributes=dict(item.attributes),
                       links={self._end(origin, name, item.kind)[0]: links})  # fmt: skip
            for far in item.stale:
                self._left(item, far, origin)
            item.stale.clear()
        else:
            self._emit(origin, name, Operation.UPDATED, attributes={attribute: value})
        if news:
            item.changed[attribute] = self.now_ms

    def _exported(self, name: str) -> dict[str, Any]:
        """What the engine wrote of an AD object, as it is at the moment; sometimes nothing of it."""
        ours = self._ad.get(name)
        exported = self._random.choice(EXPORTS)
        if exported == EXPORTS[-1] and self.in_time:
            exported = rfc3339(self.now_ms)
        written: dict[str, Any] = {"onPremisesLastSyncDateTime": exported} if exported else {}
        if ours is None or self._random.random() < 0.3:
            return written
        if self._random.random() < 0.8:
            written[READ_BY] = VERSION
        names = ("displayName", "mail", "userPrincipalName", "proxyAddresses", "department")
        written |= {each: ours.attributes[each] for each in names if each in ours.attributes}
        return {**written, "onPremisesSamAccountName": name, "accountEnabled": self._random.random() < 0.5}

    def _bin_step(self, cloud: str, name: str, item: _Object | None) -> None:
        """The deleted items tell of an object that is dead, which may be the first that is heard of it."""
        said: dict[str, Any] = {"deletedDateTime": rfc3339(self.start_ms - self._random.randrange(10) * 86_400_000)}
        if item is None:
            kind = self._random.choice([ObjectKind.USER, ObjectKind.GROUP])
            item = self._entra[cloud] = _Object(kind, {}, alive=False)
            said["onPremisesImmutableId"] = immutable_id_of_guid(guid_of(name))
            said["onPremisesSecurityIdentifier"] = sid_of(name)
        self._remove(cloud, item, said)

    def _remove(self, cloud: str, item: _Object, said: dict[str, Any]) -> None:
        said["@removed"] = self._random.choice(["changed", "changed", "deleted"])
        item.attributes = {**item.attributes, **said}
        self._emit(ENTRA, cloud, Operation.DELETED, kind=item.kind, attributes=said)

    def _entra_step(self, name: str) -> None:
        cloud, chance = f"cloud-{name}", self._random.random()
        item = self._entra.get(cloud)
        if (item is None or not item.alive) and chance < 0.25:
            self._bin_step(cloud, name, item)
        elif item is None or not item.alive:
            kind, ours = self._random.choice([ObjectKind.USER, ObjectKind.USER, ObjectKind.GROUP]), self._ad.get(name)
            if ours is not None and ours.kind is not ObjectKind.CONTACT and self._random.random() < 0.7 + self.groups:
                kind = ours.kind
            attributes: dict[str, Any] = {
                "displayName": cloud,
                "userPrincipalName": self._random.choice([*ADDRESSES, f"{name}1234@contoso.onmicrosoft.com"]),
                "proxyAddresses": ["smtp:" + address for address in self._some(2)],
            }
            if self._random.random() < 0.7 + self.groups:
                attributes |= {
                    "onPremisesSyncEnabled": self.groups or self._random.choice([True, True, False]),
                    "onPremisesImmutableId": immutable_id_of_guid(guid_of(name)),
                    "onPremisesSecurityIdentifier": sid_of(name),
                    "onPremisesUserPrincipalName": f"{name}@contoso.com",
                }
                attributes |= self._exported(name)
            self._entra[cloud] = _Object(kind, attributes)
            self._emit(ENTRA, cloud, Operation.READ, kind=kind, full=True, attributes=dict(attributes))
        elif chance < (0.04 if self.groups else 0.2):
            item.alive = False
            self._remove(cloud, item, {})
        elif chance < (0.08 if self.groups else 0.3):
            self._joined(name, cloud, item)
        elif chance < 0.6 and item.kind is ObjectKind.GROUP:
            ours = self._ad.get(name)
            if ours is not None and self._random.random() < 0.5:
                self._mirror(cloud, item, ours)
            else:
                self._relink(ENTRA, cloud, item, self._entra)
        elif chance < 0.5 and item.kind is ObjectKind.USER:
            self._manage(ENTRA, cloud, item, self._entra)
        elif chance < 0.6:
            error = {"category": "PropertyConflict", "propertyCausingError": "ProxyAddress",
                     "value": "smtp:" + self._random.choice(ADDRESSES)}  # fmt: skip
            self._set(ENTRA, cloud, item, "onPremisesProvisioningErrors", self._random.choice([[], [error]]))
        else:
            self._set(ENTRA, cloud, item, "proxyAddresses", ["smtp:" + address for address in self._some(2)])

    def _joined(self, name: str, cloud: str, item: _Object) -> None:
        """Synchronisation takes a cloud object over, or lets it go."""
        synced = not item.attributes.get("onPremisesSyncEnabled")
        told = {"onPremisesSyncEnabled": synced, "onPremisesImmutableId": immutable_id_of_guid(guid_of(name)),
                "onPremisesSecurityIdentifier": sid_of(name)}  # fmt: skip
        news = [attribute for attribute, value in told.items() if item.attributes.get(attribute) != value]
        item.attributes |= told
        self._emit(ENTRA, cloud, Operation.UPDATED, attributes=told)
        item.changed |= dict.fromkeys(news, self.now_ms)
