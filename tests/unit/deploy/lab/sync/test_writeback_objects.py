"""Groups and devices of the cloud are copied into AD, and stay where the documents say they stay."""

from __future__ import annotations

import uuid

import pytest

from deploy.lab.sync.writeback_objects import DeviceWriteback, GroupWriteback

MARKED = {"groupTypes": ["Unified"], "writebackConfiguration": {"isEnabled": True}}


@pytest.fixture
def groups(world) -> GroupWriteback:
    unit = f"OU=CloudGroups,{world.ad.base_dn}"
    world.ad.add(unit, {"objectClass": "organizationalUnit"})
    writeback = GroupWriteback(world.ad, unit, world.cloud, world.engine.space.guid_of)
    world.engine.writebacks.append(writeback)
    return writeback


@pytest.fixture
def devices(world) -> DeviceWriteback:
    writeback = DeviceWriteback(world.ad, world.cloud)
    world.engine.writebacks.append(writeback)
    return writeback


def test_a_marked_group_becomes_a_universal_group_that_names_its_original(world, groups) -> None:
    ada = world.user("ada")
    world.engine.cycle()
    group = world.cloud.upsert("group", None, {"displayName": "Merger", "mail": "merger@contoso.com", **MARKED})
    guest = world.cloud_user("guest@contoso.onmicrosoft.com")
    world.cloud.set_members(group, [world.synced(ada)["id"], guest])
    world.engine.cycle()
    copy = groups.copy_of(group)
    assert copy is not None
    assert copy.first("adminDescription") == copy.first("msDS-ExternalDirectoryObjectId") == f"Group_{group}"
    assert (copy.first("groupType"), copy.first("displayName")) == ("8", "Merger")
    assert copy.targets("member") == [uuid.UUID(ada)], "a member without an account in AD is left out"
    world.cloud.upsert("group", group, {"displayName": "Merger 2"})
    world.cloud.set_members(group, [])
    before = len(world.cloud.ids("group"))
    world.engine.cycle()
    copy = groups.copy_of(group)
    assert copy.first("displayName") == "Merger 2"
    assert copy.targets("member") == []
    world.engine.cycle()
    assert len(world.cloud.ids("group")) == before, "a copy is not synchronized back"


def test_unmarked_and_stalled_groups_are_not_written(world, groups) -> None:
    plain = world.cloud.upsert("group", None, {"displayName": "Plain", "groupTypes": ["Unified"]})
    security = world.cloud.upsert("group", None, {"displayName": "Sec", "writebackConfiguration": {"isEnabled": True}})
    held = world.cloud.upsert("group", None, {"displayName": "Held", **MARKED})
    groups.stalled.add(held)
    world.engine.cycle()
    assert [groups.copy_of(one) for one in (plain, security, held)] == [None, None, None]
    groups.stalled.clear()
    groups.stopped = True
    world.engine.cycle()
    assert groups.copy_of(held) is None
    groups.stopped = False
    world.engine.cycle()
    assert groups.copy_of(held) is not None


def test_a_group_switched_off_or_soft_deleted_stays_frozen_until_it_is_gone_for_good(world, groups) -> None:
    group = world.cloud.upsert("group", None, {"displayName": "Merger", **MARKED})
    world.engine.cycle()
    world.cloud.upsert("group", group, {"displayName": "Later", "writebackConfiguration": {"isEnabled": False}})
    world.engine.cycle()
    assert groups.copy_of(group).first("displayName") == "Merger"
    world.cloud.delete("group", group)
    world.engine.cycle()
    assert groups.copy_of(group) is not None
    world.cloud.hard_delete("group", group)
    world.engine.cycle()
    assert groups.copy_of(group) is None


def test_a_device_is_copied_into_registered_devices_and_follows_its_original(world, devices) -> None:
    device_id = str(uuid.uuid4())
    device = world.cloud.upsert(
        "device", None, {"deviceId": device_id, "displayName": "LT-1", "accountEnabled": True, "isCompliant": True}
    )
    world.engine.cycle()
    copy = devices.copy_of(device)
    assert copy is not None
    assert copy.dn == f"CN={device_id},CN=RegisteredDevices,{world.ad.base_dn}"
    assert copy.raw("msDS-DeviceID") == (uuid.UUID(device_id).bytes_le,)
    assert [copy.first(name) for name in ("msDS-IsEnabled", "msDS-IsCompliant")] == ["TRUE", "TRUE"]
    devices.stalled.add(device)
    world.cloud.upsert("device", device, {"isCompliant": False})
    world.engine.cycle()
    assert devices.copy_of(device).first("msDS-IsCompliant") == "TRUE"
    devices.stalled.clear()
    world.engine.cycle()
    assert devices.copy_of(device).first("msDS-IsCompliant") == "FALSE"
    world.cloud.delete("device", device)
    devices.stopped = True
    world.engine.cycle()
    assert devices.copy_of(device) is not None
    devices.stopped = False
    world.engine.cycle()
    assert devices.copy_of(device) is None


def test_the_container_of_devices_is_made_once(world) -> None:
    first, second = DeviceWriteback(world.ad, world.cloud), DeviceWriteback(world.ad, world.cloud)
    assert first.container == second.container
    assert world.ad.get(first.container).object_class == "msDS-DeviceContainer"
