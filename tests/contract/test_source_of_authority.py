"""Objects whose source of authority was moved to the cloud: every detection looks at them, and none says a word.

Source: Microsoft, "Configure User Source of Authority", "Configure Group Source of Authority", "Configure contact
source of authority": isCloudManaged true, onPremisesSyncEnabled null; what synchronisation had set stays. Afterwards
both sides may be edited, moved, deleted and given to others as their owners like.
"""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from msgspec.structs import replace

from streams.contracts.events import Event
from streams.contracts.facts import Fact, Link, LinkChange, ObjectKind, Operation, Origin, TenantState
from streams.contracts.times import rfc3339
from streams.engine.knowledge import TenantOptions
from streams.engine.links import standing_links
from streams.engine.object_row import load_objects, state_key
from streams.views.authority import cloud_managed
from streams.views.scope import Scope
from streams.views.state import ObjectState
from tests.support.cases import START_MS, event_of, fact_of, guid_of
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline
from tests.support.small_oracle import oracle_of

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
SYNCED = {"onPremisesSyncEnabled": True, "onPremisesLastSyncDateTime": "2026-09-21T14:00:00Z"}
SCOPES = {"corp": Scope(exclude_ous=("OU=Out,DC=corp,DC=local",))}


class World:
    """Both directories at rest; `tell` changes them, and an hour later again is an hour later."""

    def __init__(self) -> None:
        self.pipeline = Pipeline(SCOPES, tenants={TENANT: TenantOptions(forests=frozenset({"corp"}))})
        self.now_ms = START_MS
        self.events: list[Event] = []
        self._numbers = itertools.count(1)

    def tell(self, side: str, name: str, op: str = "u", kind: str | None = None, **said: Any) -> None:
        self.now_ms += 1000
        raw = {"id": name, "op": op, "kind": kind, **said}
        fact: Fact = fact_of(side, raw, (START_MS << 12) + next(self._numbers), self.now_ms)
        self.pipeline.feed(AD if side == "ad" else ENTRA, [fact], now_ms=self.now_ms)

    def both(self, name: str, kind: str, ours: dict[str, Any], **links: list[str]) -> None:
        """An object, and what it has become in the cloud."""
        flowing = ("displayName", "userPrincipalName", "mail", "proxyAddresses")
        theirs = {key: ours[key] for key in flowing if key in ours} | SYNCED
        if kind != "contact":
            theirs |= {"onPremisesSecurityIdentifier": f"@sid:{name}", "onPremisesSamAccountName": name}
        if kind == "user":
            theirs |= {"onPremisesImmutableId": f"@anchor:{name}", "accountEnabled": True}
        member = {"links": {"member": {"added": links["member"], "complete": True}}} if "member" in links else {}
        members = (
            {"links": {"members": {"added": [f"{each}-c" for each in links["member"]], "complete": True}}}
            if "member" in links else {}
        )  # fmt: skip
        manager = {"links": {"manager": {"added": links["manager"], "complete": True}}} if "manager" in links else {}
        self.tell("ad", name, "r", kind, attributes=ours, **(member or manager))
        self.tell("entra", f"{name}-c", "r", kind, attributes=theirs, **members)

    def read(self, other: World, origin: Origin) -> None:
        """What a source finds where `other` has left the directories."""
        rows = other.pipeline.object_rows
        for _, raw in list(rows.items(state_key(""))):
            for state in load_objects(raw):
                if state.side != origin.side or not state.alive:
                    continue
                self.now_ms += 1000
                links: dict[str, LinkChange] = {}
                for each in standing_links(state, state.link_buckets, rows):
                    known = links.get(each.attribute, LinkChange(complete=True))
                    links[each.attribute] = replace(known, added=[*known.added, Link(each.far_end, each.sid)])
                fact = Fact(
                    op=Operation.READ, object_id=state.object_id, seq=self.now_ms << 12, ts_ms=self.now_ms,
                    kind=state.kind, attributes=state.attributes, links=links, full=True,
                )  # fmt: skip
                self.pipeline.feed(origin, [fact], now_ms=self.now_ms)

    def tenant(self) -> TenantState:
        return TenantState(
            tenant=TENANT,
            seq=(START_MS << 12) + next(self._numbers),
            ts_ms=self.now_ms,
            organization={
                "onPremisesSyncEnabled": True,
                "readDateTime": rfc3339(self.now_ms),
                "onPremisesLastSyncDateTime": rfc3339(self.now_ms - 60_000),
            },
            features={"blockCloudObjectTakeoverThroughHardMatchEnabled": True, "passwordSyncEnabled": False},
            privileged_ids=[guid_of("mia-c")],
            collected=True,
            devices_collected=True,
        )

    def rest(self, hours: int = 24) -> TenantState:
        """The tenant is read once an hour."""
        for _ in range(hours):
            self.now_ms += HOUR_MS
            state = self.tenant()
            self.pipeline.tell(state)
            self.pipeline.tick(self.now_ms)
        return state

    def open(self) -> list[str]:
        """What is open, after the oracle has agreed."""
        state = self.rest(1)
        found = {each.detection for each in self.pipeline.open().values()}
        wanted = oracle_of(self.pipeline, [state], SCOPES, self.events, forests_read=True).values()
        assert found == {each.detection for each in wanted}
        return sorted(found)

    def log(self, raw: dict[str, Any]) -> None:
        self.now_ms += 1000
        self.events.append(event_of(raw, next(self._numbers), self.now_ms))
        self.pipeline.log(self.events[-1:], now_ms=self.now_ms)


def user(name: str, **more: Any) -> dict[str, Any]:
    address = f"{name}@contoso.com"
    return {
        "displayName": name.title(), "userPrincipalName": address, "mail": address, "userAccountControl": 512,
        "proxyAddresses": [f"SMTP:{address}", f"smtp:{name}.old@contoso.com"],
        "mS-DS-ConsistencyGuid": f"@anchor:{name}", **more,
    }  # fmt: skip


def build() -> World:
    world = World()
    world.pipeline.tell(world.tenant())
    world.both("mia", "user", user("mia"))
    world.both("lea", "user", user("lea"))
    world.both("max", "user", user("max"), manager=["mia"])
    world.both("staff", "group", {"displayName": "Staff", "groupType": -2147483646}, member=["mia", "max"])
    world.both("crew", "group", {"displayName": "Crew", "groupType": -2147483646}, member=["max"])
    world.both("kim", "contact", {"displayName": "Kim", "mail": "kim@fabrikam.com",
                                  "proxyAddresses": ["SMTP:kim@fabrikam.com"]})  # fmt: skip
    assert world.open() == []
    return world


MOVED = ("mia", "lea", "crew", "kim")


def move(world: World) -> None:
    for name in MOVED:
        world.tell("entra", f"{name}-c", attributes={"onPremisesSyncEnabled": None})


def live_on(world: World) -> None:
    """Both sides of what was moved go their own ways."""
    ours = {"displayName": "Mia (old)", "userAccountControl": 514, "department": "Gone",
            "accountExpires": 131_000_000_000_000_000}  # fmt: skip
    theirs = {"displayName": "Mia Moved", "userPrincipalName": "mia.moved@contoso.com", "mail": "mia.moved@contoso.com",
              "accountEnabled": True, "proxyAddresses": ["SMTP:mia.moved@contoso.com"]}  # fmt: skip
    world.tell("ad", "mia", attributes=ours)
    world.tell("entra", "mia-c", attributes=theirs)
    # Its former addresses, which its AD object still has: one goes to somebody in AD, one to a cloud user.
    world.both("new", "user", user("new", proxyAddresses=["SMTP:new@contoso.com", "smtp:mia.old@contoso.com"]))
    world.tell("entra", "guest-c", "r", "user", attributes={"userPrincipalName": "mia@contoso.com", "displayName": "M"})
    world.tell("ad", "lea", "d")
    world.tell("ad", "crew", links={"member": {"added": ["mia"], "removed": ["max"]}}, attributes={"displayName": "C"})
    world.tell("entra", "crew-c", links={"members": {"added": ["guest-c"]}})
    world.tell("ad", "kim", attributes={"displayName": "Kim K."})
    addresses = ["SMTP:kim@new.example", "smtp:kim@fabrikam.com"]
    world.tell("entra", "kim-c", attributes={"mail": "kim@new.example", "proxyAddresses": addresses})
    # Of a synchronised group, the cloud keeps, or drops, a member that moved.
    world.tell("entra", "staff-c", links={"members": {"removed": ["mia-c"]}})


def test_no_detection_says_a_word_of_what_the_cloud_manages() -> None:
    world = build()
    move(world)
    world.rest()
    assert world.open() == []
    live_on(world)
    world.rest(48)
    assert world.open() == []
    world.tell("ad", "mia", attributes={"distinguishedName": "CN=mia,OU=Out,DC=corp,DC=local"})
    world.tell("ad", "crew", "d")
    world.tell("ad", "kim", "d")
    world.rest(48)
    assert world.open() == []
    told = [each for _, each in world.pipeline.published if each is not None and each.resolved_at is not None]
    # A contested address asks whose it is: the answer is one hop away.
    assert {(each.detection, each.opened_at) for each in told} == {(each.detection, each.resolved_at) for each in told}


@pytest.mark.parametrize("first", ["ad", "entra"])
def test_nor_does_any_where_it_was_so_before_we_came(first: str) -> None:
    """A first reading of whom had moved and lived on before."""
    told = build()
    move(told)
    live_on(told)
    world = World()
    world.now_ms = told.now_ms + DAY_MS
    for origin in sorted((AD, ENTRA), key=lambda each: each.side != first):
        world.read(told, origin)
    world.rest()
    assert world.open() == []


@pytest.mark.parametrize("name", ["mia", "crew", "kim"])
def test_who_is_given_back_is_judged_again(name: str) -> None:
    world = build()
    move(world)
    world.rest()
    world.tell("ad", name, attributes={"displayName": "Of Active Directory"})
    world.rest()
    assert world.open() == []
    world.tell("entra", f"{name}-c", attributes={"onPremisesSyncEnabled": True})
    world.rest()
    assert world.open() == ["flow.attribute_drift"]
    world.tell("entra", f"{name}-c", attributes={"displayName": "Of Active Directory"})
    assert world.open() == []


def test_an_edit_is_told_where_the_conversion_was_seen() -> None:
    world = build()
    move(world)
    world.log({"name": "change source of authority from ad to cloud", "about": "mia-c", "result": "success"})
    world.tell("ad", "mia", attributes={"displayName": "In vain"})
    assert world.open() == ["authority.edit_of_cloud_managed_object"]


def of(attributes: dict[str, Any], *events: dict[str, Any], kind: ObjectKind = ObjectKind.USER) -> bool:
    told = {str(number): event_of(each, number, START_MS + number) for number, each in enumerate(events)}
    return cloud_managed(ObjectState(object_id="x", side="entra", tenant=TENANT, kind=kind, attributes=attributes,
                                     events=told))  # fmt: skip


THERE = {"name": "change source of authority from ad to cloud", "result": "success"}
BACK = {"name": "undo changes to source of authority from ad ds to cloud", "result": "success"}
WAS = {"onPremisesLastSyncDateTime": "2026-09-21T14:00:00Z"}


def test_what_shows_it() -> None:
    assert of(WAS)
    assert of({"onPremisesSecurityIdentifier": "S-1-5-21-1"})
    assert of({"onPremisesSyncEnabled": False}, THERE)
    assert of({"onPremisesSyncEnabled": True, "isCloudManaged": True})
    assert of(WAS, BACK, THERE)


def test_what_does_not() -> None:
    assert not of({"onPremisesImmutableId": "abc"})  # which anybody may write, to prepare a hard match
    assert not of({"onPremisesSyncEnabled": True, **WAS})
    assert not of({"onPremisesSyncEnabled": True, **WAS}, THERE)  # not yet read again, or taken over again
    assert not of({"onPremisesSyncEnabled": False, **WAS})  # no longer synchronised, as one that was restored
    assert not of({"isCloudManaged": False, **WAS})
    assert not of(WAS, THERE, BACK)
    assert of(WAS, THERE, {**BACK, "result": "failure"})
    assert not of(WAS, kind=ObjectKind.DEVICE)
