"""What the settings may name beside the table, and how it is compared."""

from __future__ import annotations

from typing import Any

import pytest

from producers.ad.attributes import WATCHED, Syntax, Watched
from producers.graph.collections import COLLECTIONS, USERS
from streams.contracts.flows import (
    FILLED_BY_RULES,
    NOT_SELECTED,
    READ_AS_TEXT,
    READ_BY,
    VERSION,
    added_attributes,
    added_properties,
    attribute_fault,
    names_read,
    property_fault,
    read_by,
)
from streams.directory.party import Party
from streams.runtime.settings import FlowSettings, TenantSettings
from streams.views.identity.expected_export import Domains, differences
from streams.views.identity.object_view import UserView
from streams.views.sides import Side

EXTENSION = "extension_0123456789abcdef0123456789abcdef_costCenter"
FLOWS = {"department": "extensionAttribute3", "employeeType": "division", EXTENSION: "costCenter", "city": ""}


def test_only_what_is_not_read_anyway_is_read_beside() -> None:
    assert added_attributes(FLOWS) == ("costCenter", "division")
    assert added_properties(FLOWS) == ("employeeType", EXTENSION)
    watched = Watched(added_attributes(FLOWS))
    assert set(watched.names) - set(Watched().names) == {"costCenter", "division"}
    assert watched.selection != Watched().selection
    assert USERS.set_up(FLOWS).selection != USERS.selection == USERS.set_up({"department": "title"}).selection
    assert [each for each in COLLECTIONS if each.set_up(FLOWS) != each] == [USERS]


def test_users_are_told_again_where_people_are_joined_by_something_else() -> None:
    by_mail = USERS.set_up({}, "mail")
    assert len({each.selection for each in (USERS, by_mail, USERS.set_up({}, "objectSid"))}) == 3
    assert by_mail.properties == USERS.properties
    assert [each for each in COLLECTIONS if each.set_up({}, "mail") != each] == [USERS]


def test_what_was_read_is_told_by_name() -> None:
    assert read_by(()) == VERSION and names_read(VERSION) == frozenset()
    assert names_read(read_by(["b", "a"])) == {"a", "b"}
    assert [names_read(old) for old in (None, VERSION - 1, f"{VERSION - 1} a")] == [None] * 3


@pytest.mark.parametrize(
    "name",
    [
        "unicodePwd", "UNICODEPWD", "msLAPS-Password", "ms-Mcs-AdmPwd", "description", "lastLogonTimestamp",
        "userPKCS12", "pwdHistory", "msDS-ExecuteScriptPassword", "contosoLegacySecret",
        "objectSid", "proxyAddresses", "cost center", "x" * 70, "1a",
    ],
)  # fmt: skip
def test_attributes_that_may_not_be_named(name: str) -> None:
    with pytest.raises(ValueError, match=r"attribute '.*' (is|may|changes)"):
        FlowSettings(property="employeeType", attribute=name)


@pytest.mark.parametrize(
    "name", ["userPrincipalName", "accountEnabled", "otherMails", "Department", "extension_1_x", ""]
)
def test_properties_that_may_not_be_named(name: str) -> None:
    with pytest.raises(ValueError, match=r"property '.*' is"):
        FlowSettings(property=name, attribute="division")


def test_manager_is_no_text() -> None:
    assert FlowSettings(property="manager", attribute="").attribute == ""
    with pytest.raises(ValueError, match="is no reference"):
        FlowSettings(property="manager", attribute="title")


def test_a_property_is_named_once() -> None:
    flows = [{"property": "employeeType", "attribute": name} for name in ("division", "title")]
    with pytest.raises(ValueError, match="the same property"):
        TenantSettings.model_validate({"id": "t", "client_id": "c", "client_secret": "s", "flow": flows})


def test_names_that_are_known_are_spelled_as_we_read_them() -> None:
    assert FlowSettings(property="department", attribute="EXTENSIONattribute3").attribute == "extensionAttribute3"


def test_what_is_read_otherwise_is_refused() -> None:
    texts = {each.name for each in WATCHED if each.syntax in (Syntax.TEXT, Syntax.COMPARED)}
    for each in WATCHED:
        assert each.name in READ_AS_TEXT or attribute_fault(each.name), each.name
    assert texts >= READ_AS_TEXT
    for name in {*USERS.properties} - FILLED_BY_RULES:
        assert property_fault(name), name


def _found(ad: dict[str, Any], cloud: dict[str, Any], flows: dict[str, str] = FLOWS) -> dict[str, Any]:
    sides = [Side(Party(side, "user", side, "t", synced=synced), attributes, 5)
             for side, synced, attributes in (("ad", None, ad), ("entra", True, cloud))]  # fmt: skip
    view = UserView("user/t/x", "t", (sides[0],), (sides[1],), (), {}, 5)
    return {each.attribute: (each.wanted, each.found) for each in differences(view, Domains(None, None, flows=flows))}


def test_what_the_settings_add_is_compared_like_a_row_of_the_table() -> None:
    ad, read = {"division": "Sales", "costCenter": "77"}, {READ_BY: read_by([EXTENSION, "employeeType"])}
    assert _found(ad, {"employeeType": "Sales", EXTENSION: "77", **read}) == {}
    assert _found(ad, {"employeeType": "Legal", EXTENSION: "77", **read}) == {"employeeType": ("Sales", "Legal")}
    assert _found(ad, {"employeeType": "Sales", **read}) == {EXTENSION: ("77", None)}
    assert _found(ad, {READ_BY: VERSION}) == {}, "not asked for yet"
    assert _found(ad, {**read, NOT_SELECTED: [EXTENSION, "employeeType"]}) == {}, "asked for in vain"
    assert _found(ad, {"employeeType": "Legal", **read}, {"employeeType": ""}) == {}


def test_a_display_name_that_is_filled_otherwise() -> None:
    ad, cloud = {"displayName": "Ann Oak", "department": "Oak, Ann"}, {"displayName": "Oak, Ann"}
    assert _found(ad, cloud, {}) == {"displayName": ("Ann Oak", "Oak, Ann")}
    assert _found(ad, cloud, {"displayName": "department"}) == {}
    assert _found(ad, cloud, {"displayName": ""}) == {}
