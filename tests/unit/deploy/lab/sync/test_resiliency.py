"""Duplicate attribute resiliency: placeholders, quarantined addresses, hourly job, the two holes (domain.md 2.2)."""

from __future__ import annotations

import re
import uuid

from deploy.lab.sync.matching import ErrorCode


def errors(cloud: dict) -> list[tuple[str, str]]:
    return [(e["propertyCausingError"], e["value"]) for e in cloud["onPremisesProvisioningErrors"]]


def test_a_taken_upn_becomes_a_placeholder_that_keeps_its_digits(world) -> None:
    world.user("ada")
    world.engine.cycle()
    second = world.user("ada2", userPrincipalName="Ada@contoso.com")
    report = world.engine.cycle()
    assert report.quarantined == [second] and report.status == "success", "the client logs no error"
    upn = world.synced(second)["userPrincipalName"]
    assert re.fullmatch(r"Ada\d{4}@contoso\.onmicrosoft\.com", upn)
    assert errors(world.synced(second)) == [("UserPrincipalName", "Ada@contoso.com")]
    assert world.synced(second)["onPremisesUserPrincipalName"] == "Ada@contoso.com"
    world.ad.modify(uuid.UUID(second), {"title": "Countess"})
    world.engine.cycle()
    assert world.synced(second)["userPrincipalName"] == upn


def test_a_taken_address_is_left_off_whatever_its_case_and_rank(world) -> None:
    world.user("ada", proxyAddresses=["SMTP:ada@contoso.com", "smtp:info@contoso.com"])
    world.engine.cycle()
    ben = world.user("ben", proxyAddresses=["SMTP:Info@Contoso.com", "smtp:ben.b@contoso.com"])
    world.engine.cycle()
    cloud = world.synced(ben)
    assert "SMTP:Info@Contoso.com" not in cloud["proxyAddresses"]
    assert "smtp:ben.b@contoso.com" in cloud["proxyAddresses"]
    assert errors(cloud) == [("ProxyAddresses", "SMTP:Info@Contoso.com")]


def test_a_taken_sip_address_is_no_quarantine(world) -> None:
    """SipProxyAddress: the whole object is refused, again in each cycle, until the value is free."""
    ada = world.user("ada", proxyAddresses=["SMTP:ada@contoso.com", "SIP:ada@contoso.com"])
    world.engine.cycle()
    ben = world.user("ben", proxyAddresses=["SMTP:ben@contoso.com", "sip:Ada@contoso.com"])
    for _ in range(2):
        (error,) = world.engine.cycle().errors
        assert (error.code, error.attribute, error.value) == (
            ErrorCode.ATTRIBUTE_VALUE_MUST_BE_UNIQUE, "sipProxyAddress", "sip:Ada@contoso.com",
        )  # fmt: skip
        assert world.engine.space.get(ben).cloud_id is None
    world.ad.modify(uuid.UUID(ada), {"proxyAddresses": ["SMTP:ada@contoso.com"]})
    world.engine.cycle()
    world.engine.cycle()
    assert "sip:Ada@contoso.com" in world.synced(ben)["proxyAddresses"]


def test_addresses_are_unique_across_users_groups_and_contacts(world) -> None:
    world.user("ada", mail="ada@contoso.com")
    world.engine.cycle()
    team, partner = world.group("team", "SMTP:ada@contoso.com"), world.contact("partner", "ada@contoso.com")
    world.engine.cycle()
    for guid in (team, partner):
        assert errors(world.synced(guid)) == [("ProxyAddresses", "SMTP:ada@contoso.com")]
        assert world.synced(guid)["proxyAddresses"] == []


def test_the_upn_of_one_is_an_address_another_cannot_have(world) -> None:
    world.user("ada", mail="lovelace@contoso.com")
    world.engine.cycle()
    ben = world.user("ben", mail="ada@contoso.com")
    world.engine.cycle()
    assert errors(world.synced(ben)) == [("ProxyAddresses", "SMTP:ada@contoso.com")]


def test_the_hourly_job_restores_what_became_free_and_nothing_else(world) -> None:
    ada = world.user("ada", mail="ada@contoso.com")
    world.engine.cycle()
    second = world.user("ada2", userPrincipalName="ada@contoso.com", proxyAddresses=["SMTP:ada@contoso.com"])
    world.engine.cycle()
    assert len(errors(world.synced(second))) == 2
    assert world.engine.sweep() == []
    world.ad.modify(uuid.UUID(ada), {"userPrincipalName": "ada.l@contoso.com"})
    world.engine.cycle()
    assert world.engine.sweep() == [world.synced(second)["id"]]
    assert world.synced(second)["userPrincipalName"] == "ada@contoso.com"
    assert errors(world.synced(second)) == [("ProxyAddresses", "SMTP:ada@contoso.com")], "its address is still taken"
    world.ad.modify(uuid.UUID(ada), {"mail": "ada.l@contoso.com"})
    world.engine.cycle()
    world.engine.sweep()
    assert errors(world.synced(second)) == []
    assert world.synced(second)["mail"] == "ada@contoso.com"


def test_the_time_of_a_standing_error_survives_a_new_export(world) -> None:
    world.user("ada", mail="ada@contoso.com")
    world.engine.cycle()
    ben = world.user("ben", mail="ada@contoso.com")
    world.engine.cycle()
    first = world.synced(ben)["onPremisesProvisioningErrors"]
    world.ad.modify(uuid.UUID(ben), {"title": "Bookkeeper"})
    world.engine.cycle()
    assert world.synced(ben)["onPremisesProvisioningErrors"] == first


def test_giving_the_address_up_in_ad_ends_the_quarantine_at_the_next_export(world) -> None:
    world.user("ada", mail="ada@contoso.com")
    world.engine.cycle()
    ben = world.user("ben", mail="ada@contoso.com")
    world.engine.cycle()
    world.ad.modify(uuid.UUID(ben), {"mail": "ben@contoso.com"})
    world.engine.cycle()
    assert errors(world.synced(ben)) == []


def test_two_new_groups_with_one_address_error_first_and_quarantine_in_the_next_cycle(world) -> None:
    world.group("first", "SMTP:team@contoso.com")
    second = world.group("second", "SMTP:team@contoso.com")
    assert [error.code for error in world.engine.cycle().errors] == [ErrorCode.ATTRIBUTE_VALUE_MUST_BE_UNIQUE]
    assert world.engine.cycle().quarantined == [second]


def test_upn_and_address_both_held_by_a_group_is_an_error_in_every_cycle(world) -> None:
    world.group("team", "SMTP:ada@contoso.com", "smtp:help@contoso.com")
    world.engine.cycle()
    world.user("ada", proxyAddresses=["SMTP:help@contoso.com"])
    for _ in range(3):
        assert [error.code for error in world.engine.cycle().errors] == [ErrorCode.ATTRIBUTE_VALUE_MUST_BE_UNIQUE]
