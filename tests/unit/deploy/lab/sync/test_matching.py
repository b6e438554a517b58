"""Hard match, soft match and every refusal (domain.md 2.1, 2.3)."""

from __future__ import annotations

import base64
import uuid

import pytest

from deploy.lab.sync.matching import ErrorCode


def codes(report):
    return [error.code for error in report.errors]


def test_an_unknown_user_is_created_with_its_guid_written_to_ad_first(world) -> None:
    ada = world.user("ada", mail="ada@contoso.com")
    report = world.engine.cycle()
    assert (report.added, report.status) == (1, "success")
    cloud = world.synced(ada)
    assert cloud["onPremisesImmutableId"] == world.anchor(ada)
    assert cloud["onPremisesSyncEnabled"] is True
    assert cloud["userPrincipalName"] == cloud["onPremisesUserPrincipalName"] == "ada@contoso.com"
    assert cloud["mail"] == "ada@contoso.com" and cloud["proxyAddresses"] == ["SMTP:ada@contoso.com"]
    assert world.ad.get(uuid.UUID(ada)).raw("mS-DS-ConsistencyGuid") == (uuid.UUID(ada).bytes_le,)


def test_an_anchor_that_the_cloud_knows_matches_hard_and_takes_over(world) -> None:
    ada = world.user("ada")
    cloud = world.cloud_user("old.name@contoso.com", onPremisesImmutableId=world.anchor(ada))
    world.engine.cycle()
    assert world.synced(ada)["id"] == cloud
    assert world.synced(ada)["userPrincipalName"] == "ada@contoso.com"


def test_takeover_through_hard_match_can_be_blocked_and_succeeds_once_it_is_not(world) -> None:
    ada = world.user("ada")
    cloud = world.cloud_user("old.name@contoso.com", onPremisesImmutableId=world.anchor(ada))
    world.cloud.set_features(blockCloudObjectTakeoverThroughHardMatchEnabled=True)
    assert codes(world.engine.cycle()) == [ErrorCode.INVALID_HARD_MATCH]
    assert codes(world.engine.cycle()) == [ErrorCode.INVALID_HARD_MATCH], "it is tried again in every cycle"
    world.cloud.set_features(blockCloudObjectTakeoverThroughHardMatchEnabled=False)
    assert world.engine.cycle().status == "success"
    assert world.synced(ada)["id"] == cloud


def test_two_ad_users_with_one_consistency_guid_only_the_first_is_exported(world) -> None:
    world.user("ada")
    world.engine.cycle()
    anchor = world.ad.find_account("ada").raw("mS-DS-ConsistencyGuid")[0]
    world.user("copy", **{"mS-DS-ConsistencyGuid": anchor})
    assert codes(world.engine.cycle()) == [ErrorCode.DUPLICATE_ANCHOR]
    assert world.cloud.find_by("user", "userPrincipalName", "copy@contoso.com") == []


@pytest.mark.parametrize("by", ["upn", "primary address"])
def test_a_cloud_only_user_without_anchor_is_soft_matched(world, by: str) -> None:
    held = (
        {"upn": "ada@contoso.com"}
        if by == "upn"
        else {"upn": "x@contoso.com", "proxyAddresses": ["SMTP:ada.l@contoso.com"]}
    )
    cloud = world.cloud_user(**held)
    ada = world.user("ada", proxyAddresses=["SMTP:ada.l@contoso.com"])
    world.engine.cycle()
    assert world.synced(ada)["id"] == cloud
    assert world.synced(ada)["onPremisesImmutableId"] == world.anchor(ada)


def test_a_secondary_address_is_no_soft_match_but_a_quarantine(world) -> None:
    cloud = world.cloud_user("x@contoso.com", proxyAddresses=["smtp:shared@contoso.com"])
    ada = world.user("ada", proxyAddresses=["SMTP:ada.l@contoso.com", "smtp:shared@contoso.com"])
    world.engine.cycle()
    assert world.synced(ada)["id"] != cloud
    assert "smtp:shared@contoso.com" not in world.synced(ada)["proxyAddresses"]


def test_a_cloud_only_owner_with_another_anchor_is_an_invalid_soft_match(world) -> None:
    world.cloud_user("ada@contoso.com", onPremisesImmutableId=base64.b64encode(b"another anchor!!").decode())
    world.user("ada")
    assert codes(world.engine.cycle()) == [ErrorCode.INVALID_SOFT_MATCH]
    assert len(world.cloud.ids("user")) == 1


def test_a_cloud_only_owner_of_another_class_is_an_object_type_mismatch(world) -> None:
    world.cloud.upsert("group", None, {"displayName": "All", "proxyAddresses": ["SMTP:ada@contoso.com"]})
    world.user("ada", mail="ada@contoso.com")
    report = world.engine.cycle()
    assert codes(report) == [ErrorCode.OBJECT_TYPE_MISMATCH]
    assert report.status == "completed-export-errors"


def test_role_holders_are_never_soft_matched(world) -> None:
    admin = world.cloud_user("ada@contoso.com")
    world.cloud.grant_admin(admin)
    ada = world.user("ada")
    assert codes(world.engine.cycle()) == [ErrorCode.ADMIN_ROLE_CONFLICT]
    assert world.synced(ada)["id"] != admin
    assert world.synced(ada)["userPrincipalName"].endswith("@contoso.onmicrosoft.com")


def test_blocked_soft_match_ends_in_a_quarantine(world) -> None:
    cloud = world.cloud_user("ada@contoso.com")
    world.cloud.set_features(blockSoftMatchEnabled=True)
    ada = world.user("ada")
    world.engine.cycle()
    assert world.synced(ada)["id"] != cloud
    assert [e["propertyCausingError"] for e in world.synced(ada)["onPremisesProvisioningErrors"]] == [
        "UserPrincipalName"
    ]


def test_matching_is_for_new_objects_only(world) -> None:
    ada = world.user("ada")
    world.engine.cycle()
    before = world.synced(ada)["id"]
    world.cloud_user("late@contoso.com")
    world.ad.modify(uuid.UUID(ada), {"userPrincipalName": "late@contoso.com"})
    world.engine.cycle()
    assert world.synced(ada)["id"] == before, "a later collision is a quarantine, never a takeover"


def test_groups_without_mail_match_nothing(world) -> None:
    world.cloud.upsert("group", None, {"displayName": "team"})
    team = world.group("team")
    assert world.engine.cycle().status == "success"
    assert len(world.cloud.ids("group")) == 2
    assert world.synced(team)["mailEnabled"] is False
