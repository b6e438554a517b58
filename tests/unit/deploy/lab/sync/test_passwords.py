"""Password hash synchronization: what reaches the cloud, and what the server and the audit log say of it."""

from __future__ import annotations

import uuid

from producers.eventlog.winlogbeat import winlogbeat_events
from streams.contracts.events import Result

PASSWORD = "Not-In-Any-Log-7731"


def _set(world, guid: str) -> None:
    world.ad.set_password(uuid.UUID(guid), PASSWORD)


def _ids(world) -> list[int]:
    return [number for number in world.engine.log.ids("Directory Synchronization") if number != 904]  # the cycle's own


def test_a_changed_password_arrives_with_its_events_and_its_audit_row(world) -> None:
    ada = world.user("ada")
    world.engine.cycle()
    world.engine.log.documents.clear()
    world.cloud.profile.last_password_sync_ms = None
    _set(world, ada)
    assert world.engine.password_sync() == 1
    assert _ids(world) == [656, 657]
    (event,) = winlogbeat_events(world.engine.log.documents[-1], "contoso", 0)
    assert event.result is Result.SUCCESS
    assert event.source_anchor == world.anchor(ada)
    assert world.synced(ada)["lastPasswordChangeDateTime"] is not None
    assert world.cloud.profile.organization(beta=True, used=0)["onPremisesLastPasswordSyncDateTime"] is not None
    (row,) = world.audits("Change user password")
    assert row["targetResources"][0]["userPrincipalName"] == "ada@contoso.com"
    assert world.engine.password_sync() == 0, "the same change is sent once"
    assert PASSWORD not in str(world.engine.log.documents) + str(world.audits())


def test_a_batch_holds_fifty_users(world) -> None:
    users = [world.user(f"user{number}") for number in range(60)]
    world.engine.cycle()
    world.engine.log.documents.clear()
    for guid in users:
        _set(world, guid)
    assert world.engine.password_sync() == 60
    assert _ids(world) == [656, 657, 656, 657]
    assert len(winlogbeat_events(world.engine.log.documents[1], "contoso", 0)) == 50


def test_only_a_cycle_without_changes_leaves_a_heartbeat(world) -> None:
    world.engine.cycle()
    assert _ids(world) == [653, 654]
    world.engine.password_sync()
    assert _ids(world) == [653, 654]


def test_a_dead_synchronization_says_nothing_and_catches_up_later(world) -> None:
    ada = world.user("ada")
    world.engine.cycle()
    world.engine.log.documents.clear()
    world.passwords.dead = True
    _set(world, ada)
    world.engine.cycle()
    assert _ids(world) == []
    world.passwords.dead = False
    assert world.engine.password_sync() == 1


def test_a_refused_password_is_a_failed_657_and_is_tried_again(world) -> None:
    ada = world.user("ada")
    world.engine.cycle()
    world.passwords.fails.add(ada)
    _set(world, ada)
    assert world.engine.password_sync() == 0
    (event,) = winlogbeat_events(world.engine.log.documents[-1], "contoso", 0)
    assert event.result is Result.FAILURE
    assert world.synced(ada).get("lastPasswordChangeDateTime") is None
    assert world.audits("Change user password") == []
    world.passwords.fails.clear()
    assert world.engine.password_sync() == 1


def test_an_unreadable_domain_is_event_611_and_its_changes_wait(world) -> None:
    ada = world.user("ada")
    world.engine.cycle()
    world.passwords.unreadable.add(world.ad.domain)
    _set(world, ada)
    assert world.engine.password_sync() == 0
    assert _ids(world)[-1] == 611
    world.passwords.unreadable.clear()
    assert world.engine.password_sync() == 1


def test_nobody_out_of_scope_and_no_temporary_password_is_synchronized(world) -> None:
    eve, ada = world.user("eve", world.hidden), world.user("ada")
    world.engine.cycle()
    _set(world, eve)
    world.ad.modify(uuid.UUID(ada), {"pwdLastSet": 0})
    assert world.engine.password_sync() == 0
    world.ad.move(uuid.UUID(eve), world.staff)
    world.engine.cycle()
    assert [row["targetResources"][0]["userPrincipalName"] for row in world.audits("Change user password")] == [
        "eve@contoso.com"
    ]
