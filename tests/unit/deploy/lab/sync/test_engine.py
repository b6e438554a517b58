"""Names, scope, references and deletions, cycle by cycle (domain.md 2.4-2.7)."""

from __future__ import annotations

import uuid

import pytest

from deploy.lab.entra.graph_time import ticks
from deploy.lab.sync.scope import Scope


def test_an_unverified_suffix_becomes_nickname_at_initial_domain(world) -> None:
    ada = world.user("ada", userPrincipalName="ada@corp.contoso.local", mail="countess@contoso.com")
    world.engine.cycle()
    assert world.synced(ada)["userPrincipalName"] == "countess@contoso.onmicrosoft.com"


@pytest.mark.parametrize(
    ("attributes", "nickname"),
    [
        ({"mailNickname": "nick", "mail": "m@contoso.com"}, "nick"),
        ({"proxyAddresses": ["smtp:s@contoso.com", "SMTP:p@contoso.com"], "mail": "m@contoso.com"}, "p"),
        ({"proxyAddresses": ["smtp:s@contoso.com"], "mail": "m@contoso.com"}, "m"),
        ({"proxyAddresses": ["smtp:s@contoso.com"]}, "ada"),
        ({"proxyAddresses": ["smtp:s@contoso.com"], "userPrincipalName": None}, "s"),
    ],
)
def test_the_nickname_is_the_first_of_its_sources(world, attributes: dict, nickname: str) -> None:
    ada = world.user("ada", **attributes)
    world.engine.cycle()
    assert world.synced(ada)["mailNickname"] == nickname


def test_the_direct_members_of_a_scoping_group_alone_are_exported(world) -> None:
    ada, bob = world.user("ada"), world.user("bob")
    inner = world.group("inner", members=("bob",))
    pilot = world.group("pilot", members=("ada", "inner"))
    world.engine.scopes[world.ad.domain] = Scope(groups=[f"cn=Pilot,{world.staff}"])

    def exported() -> set[str]:
        return {guid for guid in (ada, bob, inner, pilot) if world.engine.space.cloud_id(guid)}

    world.engine.cycle()
    assert exported() == {ada, inner}
    world.ad.add_values(uuid.UUID(pilot), "member", uuid.UUID(bob))
    world.ad.remove_values(uuid.UUID(pilot), "member", uuid.UUID(ada))
    world.engine.cycle()
    assert exported() == {bob, inner}


def test_nickname_and_upn_outlive_a_change_of_the_mail_address(world) -> None:
    ada = world.user("ada", userPrincipalName="ada@corp.contoso.local", mail="first@contoso.com")
    world.engine.cycle()
    world.ad.modify(uuid.UUID(ada), {"mail": "second@contoso.com"})
    world.engine.cycle()
    assert world.synced(ada)["mail"] == "second@contoso.com"
    assert world.synced(ada)["mailNickname"] == "first"
    assert world.synced(ada)["userPrincipalName"] == "first@contoso.onmicrosoft.com"


def test_a_newly_verified_domain_recomputes_upns_at_the_next_full_cycle(world) -> None:
    ada = world.user("ada", userPrincipalName="ada@fabrikam.com")
    world.engine.cycle()
    assert world.synced(ada)["userPrincipalName"] == "ada@contoso.onmicrosoft.com"
    world.cloud.add_domain("fabrikam.com")
    world.engine.cycle(full=True)
    assert world.synced(ada)["userPrincipalName"] == "ada@fabrikam.com"


def test_reserved_legacy_and_unverified_addresses_are_not_exported(world) -> None:
    ada = world.user(
        "ada",
        proxyAddresses=[
            "SMTP:ada.l@contoso.com",
            "smtp:ada@contoso.onmicrosoft.com",
            "smtp:ada@elsewhere.example",
            "X400:c=us",
            "SIP:ada@contoso.com",
        ],
    )
    world.engine.cycle()
    assert world.synced(ada)["proxyAddresses"] == [
        "SMTP:ada.l@contoso.com",
        "SIP:ada@contoso.com",
        "smtp:ada@contoso.com",
    ]


def test_leaving_the_scope_deletes_and_coming_back_restores_the_same_object(world) -> None:
    ada = world.user("ada")
    world.engine.cycle()
    before = world.synced(ada)["id"]
    world.ad.move(uuid.UUID(ada), world.hidden)
    assert world.engine.cycle().deleted == 1
    assert world.cloud.ids("user") == []
    world.ad.move(uuid.UUID(ada), world.staff)
    world.engine.cycle()
    assert world.synced(ada)["id"] == before


def test_renaming_a_unit_out_of_scope_takes_its_silent_children_along(world) -> None:
    ada = world.user("ada")
    world.engine.cycle()
    world.ad.move(world.staff, world.hidden)
    assert world.engine.cycle().deleted == 1
    assert world.engine.space.get(ada) is None


def test_too_many_deletions_hold_back_all_of_them(world) -> None:
    guids = [world.user(f"user{n}") for n in range(4)]
    world.engine.cycle()
    world.cloud.profile.deletion_threshold = 3
    for guid in guids:
        world.ad.delete(uuid.UUID(guid))
    report = world.engine.cycle()
    assert (report.status, report.pending_deletes) == ("stopped-deletion-threshold-exceeded", 4)
    assert len(world.cloud.ids("user")) == 4
    world.cloud.profile.deletion_prevention = "disabled"
    assert world.engine.cycle().deleted == 4


def test_a_member_out_of_scope_is_left_out_until_it_is_exported(world) -> None:
    world.user("ada")
    ben = world.user("ben", ou=world.hidden)
    team = world.group("team", members=("ada", "ben"))
    assert world.engine.cycle().unresolved == [(team, ben)]
    members = world.cloud.members.of(world.synced(team)["id"])
    assert len(members) == 1
    world.ad.move(uuid.UUID(ben), world.staff)
    world.engine.cycle()
    assert set(world.cloud.members.of(world.synced(team)["id"])) == {*members, world.synced(ben)["id"]}


def test_system_accounts_are_not_exported(world) -> None:
    world.user("MSOL_1234")
    world.user("ada", ou=world.hidden)
    assert world.engine.cycle().added == 0


def test_an_unchanged_object_is_not_written_again_and_every_cycle_is_recorded(world) -> None:
    now = 1_700_000_000_000
    world.cloud.clock = world.cloud.profile.clock = lambda: now
    ada = world.user("ada")
    world.engine.cycle()
    stamp = world.synced(ada)["onPremisesLastSyncDateTime"]
    now += 60_000
    report = world.engine.cycle(full=True)
    assert (report.added, report.updated) == (0, 0)
    assert world.synced(ada)["onPremisesLastSyncDateTime"] == stamp
    assert world.cloud.profile.last_sync_ms == now
    world.ad.modify(uuid.UUID(ada), {"title": "Countess"})
    world.engine.cycle()
    assert ticks(world.synced(ada)["onPremisesLastSyncDateTime"]) > ticks(stamp)


def test_a_disabled_account_is_disabled_in_the_cloud(world) -> None:
    ada = world.user("ada", userAccountControl=514)
    world.engine.cycle()
    assert world.synced(ada)["accountEnabled"] is False
