"""Objects whose source of authority was moved to the cloud: every detection looks at them, and none says a word.

Source: Microsoft, "Configure User Source of Authority", "Configure Group Source of Authority", "Configure contact
source of authority": isCloudManaged true, onPremisesSyncEnabled null; what synchronisation had set stays. Afterwards
both sides may be edited, moved, deleted and given to others as their owners like.
"""

from __future__ import annotations

from typing import Any

import pytest

from streams.contracts.counts import Count
from streams.contracts.facts import ObjectKind
from streams.contracts.finding import Finding, FindingState, Severity
from streams.directory.authority import cloud_managed
from streams.directory.state import ObjectState
from tests.support.cases import START_MS, event_of, guid_of
from tests.support.pipeline import TENANT
from tests.support.small_world import DAY_MS, World, settings_of, user

SETTINGS = settings_of({"name": "corp", "exclude_ous": ["OU=Out,DC=corp"]})


def build() -> World:
    world = World(SETTINGS)
    world.says[TENANT] = {
        "features": {"blockCloudObjectTakeoverThroughHardMatchEnabled": True, "passwordSyncEnabled": False},
        "privileged_ids": [guid_of("mia-c")],
    }
    world.hear()
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
    counted = {name for name, number in world.pipeline.partition.counts.items() if number}
    assert not [name for name in counted if "missing" in name or "leaving" in name]
    world.tell("ad", "mia", attributes={"distinguishedName": "CN=mia,OU=Out,DC=corp"})
    world.tell("ad", "crew", "d")
    world.tell("ad", "kim", "d")
    world.rest(48)
    assert world.open() == []
    assert world.told_in_vain() == set()


@pytest.mark.parametrize("first", ["ad", "entra"])
def test_nor_does_any_where_it_was_so_before_we_came(first: str) -> None:
    """A first reading of whom had moved and lived on before."""
    told = build()
    move(told)
    live_on(told)
    world = World(SETTINGS)
    world.now_ms = told.now_ms + DAY_MS
    for side in sorted(("ad", "entra"), key=lambda each: each != first):
        world.read(told, side)
    world.rest()
    assert world.open() == []  # a duplicate within AD is told before the cloud was read, and taken back then


def _give_back(world: World, *names: str) -> None:
    for name in names:
        world.tell("entra", f"{name}-c", attributes={"onPremisesSyncEnabled": True})


@pytest.mark.parametrize(
    "value", [{"mailNickname": "mia"}, {"targetAddress": "SMTP:mia@fabrikam.com"}], ids=lambda value: next(iter(value))
)
def test_a_value_that_one_who_moved_still_has_in_ad_is_free(value: dict[str, Any]) -> None:
    """It is no duplicate beside one who did not move; given back, it is, and of two who did not move it always was."""
    world = build()
    world.tell("ad", "mia", attributes=value)
    world.cloud("mia", "user", user("mia"))
    move(world)
    world.both("new", "user", user("new", **value))
    world.rest()
    assert world.open() == []
    assert world.told_in_vain() == set()
    world.tell("ad", "max", attributes=value)
    assert world.open() == ["hygiene.duplicate"]
    [told] = world.pipeline.open().values()
    assert {each.id: each.role for each in told.counterparts}[guid_of("mia")] == "out_of_scope"
    world.tell("ad", "max", attributes=dict.fromkeys(value))
    assert world.open() == []
    _give_back(world, "mia")
    assert world.open() == ["hygiene.duplicate"]


def test_accounts_of_one_name_of_whom_one_moved() -> None:
    """Who has no userPrincipalName signs in by the account name."""
    world = build()
    nameless = {"userPrincipalName": None, "sAMAccountName": "new", "proxyAddresses": None, "mail": None}
    world.tell("ad", "mia", attributes=nameless)
    move(world)
    world.both("new", "user", user("new") | nameless)
    world.rest()
    assert world.open() == []
    _give_back(world, "mia")
    assert "hygiene.duplicate" in world.open()


@pytest.mark.parametrize("unsynced", ["outside", "missing"])
def test_references_of_what_moved_need_nobody(unsynced: str) -> None:
    """Members and managers of AD that the cloud lacks are missed by those alone who did not move."""
    world = build()
    move(world)
    unit = "Out" if unsynced == "outside" else "People"
    world.tell("ad", "svc", "r", "user", attributes=user("svc"), unit=unit)
    if unsynced == "missing":
        world.log({"log": "windows", "name": "adsync/6941", "server": "aadc01", "result": "failure",
                   "anchor": "svc", "details": {"error_name": "BrandNew"}})  # fmt: skip
    world.tell("ad", "crew", links={"member": {"added": ["svc"]}})
    world.tell("ad", "lea", links={"manager": {"added": ["svc"], "complete": True}})
    world.rest()
    referred = "conflict.reference_to_unsynced_object"
    assert not _told_of(world, referred)
    world.tell("ad", "staff", links={"member": {"added": ["svc"]}})
    world.rest()
    [told] = _told_of(world, referred)
    assert told.evidence["referrers"] == 1 and guid_of("staff") in {each.id for each in told.counterparts}
    _give_back(world, "crew", "lea")
    world.rest()
    [told] = _told_of(world, referred)
    assert (told.evidence["referrers"], told.evidence["attributes"]) == (3, ["manager", "member"])
    world.open()


def _told_of(world: World, detection: str) -> list[Finding]:
    findings = world.pipeline.findings.values()
    return [each for each in findings if each.detection == detection and each.state is not FindingState.RESOLVED]


def test_what_moved_counts_nowhere() -> None:
    """The counts are those of a directory without it, and nothing that waits is measured of it."""
    world = build()
    move(world)
    live_on(world)
    world.rest(48)
    assert world.open() == []
    counts = {Count.read(name): number for name, number in world.pipeline.partition.counts.items() if number}
    assert {(each.subject, *each.labels[1:]): number for each, number in counts.items()} == {
        ("objects", "user", "synced"): 2,  # max, new
        ("objects", "group", "synced"): 1,  # staff
        ("objects", "contact", "outside"): 1,  # kim, whose contact in the cloud goes by another address now
    }


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


def test_a_contact_that_is_given_back_under_another_address_is_missed_again() -> None:
    """What an address told a contact of AD ends with the cloud's contact there, whoever else asks about the address."""
    world = build()
    move(world)
    live_on(world)
    world.both("eve", "user", user("eve", proxyAddresses=["SMTP:eve@contoso.com", "smtp:kim@fabrikam.com"]))
    world.rest()
    missing = [name for name in world.pipeline.partition.counts if "contact" in name and "missing" in name]
    assert not [name for name in missing if world.pipeline.partition.counts[name]]
    world.tell("entra", "kim-c", "d")
    world.rest()
    assert [number for name, number in world.pipeline.partition.counts.items() if "contact\tmissing" in name] == [1]


@pytest.mark.parametrize("name", ["mia", "lea"], ids=["who holds a role", "who holds none"])
def test_who_is_given_back_is_waited_for_two_cycles(name: str) -> None:
    """Until the engine takes it over onPremisesSyncEnabled stays null; that hard match is blocked proves nothing."""
    world = build()
    move(world)
    world.log({"name": "change source of authority from ad to cloud", "about": f"{name}-c", "result": "success"})
    world.rest()
    world.log({"name": "undo changes to source of authority from ad to cloud", "about": f"{name}-c",
               "result": "success"})  # fmt: skip
    world.hear()
    assert not _told_of(world, "conflict.hard_match_blocked")
    world.rest(3)
    assert world.open() == ["conflict.hard_match_blocked"]
    [told] = world.pipeline.open().values()
    assert told.severity is Severity.MEDIUM
    assert told.evidence["likely"][0] == ("role" if name == "mia" else "tenant")
    _give_back(world, name)
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
