"""Every write of the engine leaves the row that Entra's audit log would show."""

from __future__ import annotations

import re
import uuid

from deploy.lab.sync.devices import DeviceSync, join_certificate
from producers.eventlog.winlogbeat import winlogbeat_events


def test_the_first_full_cycle_is_not_written_down(world) -> None:
    world.user("ada")
    world.engine.cycle()
    assert world.audits() == []


def test_a_new_user_an_update_and_a_deletion_are_rows_of_core_directory(world) -> None:
    world.engine.cycle()
    ada = world.user("ada", department="Finance")
    world.engine.cycle()
    cloud_id = world.synced(ada)["id"]
    world.ad.modify(uuid.UUID(ada), {"department": "Sales"})
    world.engine.cycle()
    world.ad.delete(uuid.UUID(ada))
    world.engine.cycle()
    rows = world.audits()
    assert [row["activityDisplayName"] for row in rows] == ["Add user", "Update user", "Delete user"]
    for row in rows:
        assert (row["category"], row["loggedByService"]) == ("UserManagement", "Core Directory")
        assert row["result"] == "success"
        assert [(t["id"], t["userPrincipalName"]) for t in row["targetResources"]] == [(cloud_id, "ada@contoso.com")]
    changed = rows[1]["targetResources"][0]["modifiedProperties"]
    assert changed[0] == {"displayName": "Department", "oldValue": '["Finance"]', "newValue": '["Sales"]'}
    assert changed[1]["newValue"] == '"Department"'


def test_the_initiator_names_the_server_as_an_application_or_as_an_account(world) -> None:
    world.engine.cycle()
    world.user("ada")
    world.engine.cycle()
    by = world.audits()[-1]["initiatedBy"]
    assert by["user"] is None
    assert re.fullmatch(r"ConnectSyncProvisioning_AADC01_[0-9a-f]{12}", by["app"]["displayName"])
    world.engine.tenant.audit.legacy = True
    world.user("bob")
    world.engine.cycle()
    by = world.audits()[-1]["initiatedBy"]
    assert by["app"] is None
    assert re.fullmatch(r"Sync_AADC01_[0-9a-f]{12}@contoso\.onmicrosoft\.com", by["user"]["userPrincipalName"])


def test_rows_alternate_once_a_second_server_is_active(world) -> None:
    world.engine.cycle()
    world.engine.second_server_active("AADC02")
    for name in ("ada", "bob", "eve", "joe"):
        world.user(name)
    world.engine.cycle()
    servers = [row["initiatedBy"]["app"]["displayName"].split("_")[1] for row in world.audits("Add user")]
    assert sorted(servers) == ["AADC01", "AADC01", "AADC02", "AADC02"]
    assert servers[0] != servers[1]


def test_groups_contacts_and_devices_have_their_own_activities(world) -> None:
    world.engine.cycle()
    world.group("team")
    world.contact("Carol", "carol@partner.example")
    computer = world.ad.add(f"CN=PC1,{world.staff}", {"objectClass": "computer", "sAMAccountName": "PC1$"})
    world.ad.modify(computer, {"userCertificate": [join_certificate(computer)]})
    world.engine.devices = DeviceSync([(world.ad, world.staff)], world.cloud, world.engine.tenant.audit)
    world.engine.cycle()
    assert {(row["activityDisplayName"], row["category"]) for row in world.audits()} == {
        ("Add group", "GroupManagement"),
        ("Add contact", "Contact"),
        ("Add device", "Device"),
    }
    world.ad.modify(computer, {"userCertificate": None})
    world.engine.cycle()
    assert world.audits()[-1]["activityDisplayName"] == "Delete device"


def _read(world, event_id: int) -> list:
    documents = [one for one in world.engine.log.documents if one["winlog"]["event_id"] == str(event_id)]
    return [event for one in documents for event in winlogbeat_events(one, "contoso", 0)]


def test_a_cycle_logs_its_steps_and_nothing_of_runs_that_ended_well(world) -> None:
    world.user("ada")
    world.engine.cycle()
    told = [event.details for event in _read(world, 904)]
    assert (told[0]["cycle"], told[0]["cycle_kind"], told[-1]["cycle"]) == ("started", "initial", "completed")
    steps = [details["step_name"] for details in told if details.get("step") == "finished"]
    assert steps[0] == "corp.contoso.local Full Import" and "contoso.onmicrosoft.com - AAD Export" in steps
    assert {event.server for event in _read(world, 904)} == {"aadc01"}
    assert not _read(world, 6100)


def test_the_deletion_threshold_is_event_116_with_its_counts(world) -> None:
    users = [world.user(f"user{number}") for number in range(4)]
    world.engine.cycle()
    world.cloud.profile.deletion_threshold = 2
    for guid in users:
        world.ad.delete(uuid.UUID(guid))
    world.engine.cycle()
    (event,) = _read(world, 116)
    assert event.details["pending_deletes"] == 4
    assert event.details["threshold"] == 2


def test_an_unresolved_member_is_event_6949(world) -> None:
    world.user("ada", world.hidden)
    world.group("team", members=("ada",))
    world.engine.cycle()
    (event,) = _read(world, 6949)
    assert (event.reason, event.result, event.source_anchor) == (None, None, None), "its text is published nowhere"


def test_a_stopped_engine_does_nothing_and_a_staging_one_exports_nothing(world) -> None:
    world.engine.cycle()
    before = world.cloud.profile.last_sync_ms = 1
    world.engine.stopped = True
    world.user("ada")
    written = len(world.engine.log.documents)
    assert world.engine.cycle().exported is False
    assert len(world.engine.log.documents) == written
    world.engine.stopped, world.engine.staging = False, True
    world.engine.cycle()
    assert world.cloud.ids("user") == []
    assert world.cloud.profile.last_sync_ms == before
    world.engine.staging = False
    assert world.engine.cycle().added == 1
    assert world.cloud.profile.last_sync_ms > before


def test_a_silently_dropped_address_leaves_the_cloud_as_it_was_without_an_error(world) -> None:
    ada = world.user("ada", proxyAddresses=["SMTP:ada@contoso.com"])
    world.engine.cycle()
    world.engine.drop_silently.add((ada, "proxyAddresses"))
    world.ad.modify(
        uuid.UUID(ada), {"proxyAddresses": ["SMTP:ada@contoso.com", "smtp:adá@contoso.com"], "department": "Sales"}
    )
    report = world.engine.cycle()
    assert report.errors == []
    assert world.synced(ada)["proxyAddresses"] == ["SMTP:ada@contoso.com"]
    assert world.synced(ada)["department"] == "Sales"
