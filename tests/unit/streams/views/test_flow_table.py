"""Every row of the default rules that Graph can read is compared, or stands here with the reason why not.

Source: the default rules of Entra Connect as microsoft/AADConnectConfigDocumenter exports them: what is exported of
each kind, as far as Graph has a property for it. Two were added since: employeeId and usageLocation are common rules of
organisations (streams.contracts.flows).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from producers.graph.collections import CONTACTS, GROUPS, USERS
from streams.contracts.flows import EXTENSIONS, FLOWS, READ_BY, VERSION
from streams.directory.party import Party
from streams.views.identity.expected_export import SOURCES, Domains, differences
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView
from streams.views.sides import Side

_PERSON = {
    "city", "companyName", "country", "department", "displayName", "faxNumber", "givenName", "jobTitle", "mail",
    "mailNickname", "manager", "mobilePhone", "officeLocation", "postalCode", "proxyAddresses", "state",
    "streetAddress", "surname", "businessPhones",
}  # fmt: skip
EXPORTED: dict[type[ObjectView], set[str]] = {
    UserView: _PERSON | {
        *EXTENSIONS, "accountEnabled", "lastPasswordChangeDateTime", "onPremisesDomainName", "onPremisesImmutableId",
        "onPremisesSamAccountName", "onPremisesSecurityIdentifier", "onPremisesUserPrincipalName", "preferredLanguage",
        "usageLocation", "userPrincipalName",
    },
    GroupView: {
        "description", "displayName", "mail", "mailNickname", "members", "onPremisesSecurityIdentifier",
        "proxyAddresses", "securityEnabled",
    },
    ContactView: _PERSON,
}  # fmt: skip
OTHERWISE = {
    (UserView, "onPremisesImmutableId"): "joins the two sides: authority.source_anchor_changed",
    (UserView, "lastPasswordChangeDateTime"): "moves for reasons of its own: writeback.* and engine.password_hash_*",
    (UserView, "manager"): "a reference, compared where both names of the manager meet",
    (GroupView, "onPremisesSecurityIdentifier"): "joins the two sides",
    (GroupView, "members"): "references: flow.membership_drift",
    (GroupView, "description"): "people write passwords into it, and a digest hides no short text: not collected",
    (ContactView, "manager"): "Graph's delta selects a manager of users only ('Use delta query to track changes')",
}

_AD: dict[str, Any] = {
    "displayName": "Ann", "mail": "ann@contoso.com", "mailNickname": "ann", "proxyAddresses": ["SMTP:ann@contoso.com"],
    "userPrincipalName": "ann@corp.local", "userAccountControl": 512, "groupType": -0x80000000, "sAMAccountName": "ann",
    "distinguishedName": "CN=Ann,DC=corp,DC=local", **{flow.attribute: flow.attribute for flow in FLOWS},
}  # fmt: skip
_CLOUD: dict[str, Any] = {
    "displayName": "Ann", "mail": "ann@contoso.com", "mailNickname": "ann", "proxyAddresses": ["SMTP:ann@contoso.com"],
    "userPrincipalName": "ann@x.onmicrosoft.com", "onPremisesUserPrincipalName": "ann@corp.local",
    "accountEnabled": True, "securityEnabled": True, "onPremisesDomainName": "corp.local",
    "onPremisesSamAccountName": "ann", **{flow.property: flow.attribute for flow in FLOWS}, READ_BY: VERSION,
}  # fmt: skip
_OTHER: dict[str, Any] = {
    "mail": "bea@contoso.com", "mailNickname": "bea", "proxyAddresses": ["SMTP:bea@contoso.com"],
    "userPrincipalName": "bea@contoso.com", "onPremisesUserPrincipalName": "bea@corp.local",
    "onPremisesDomainName": "other.local", "accountEnabled": False, "securityEnabled": False,
}  # fmt: skip


def _found(shape: type[ObjectView], cloud: dict[str, Any], sid: str = "S-1") -> set[str]:
    sides = [
        Side(Party(side, shape.kind, side, "t", sid=of, synced=synced), attributes, 5)
        for side, of, synced, attributes in (("ad", "S-1", None, _AD), ("entra", sid, True, cloud))
    ]
    view = shape(f"{shape.kind}/t/x", "t", (sides[0],), (sides[1],), (), {}, 5)
    domains = Domains(frozenset({"contoso.com", "x.onmicrosoft.com"}), "x.onmicrosoft.com")
    return {each.attribute for each in differences(view, domains)}


@pytest.mark.parametrize(
    ("shape", "name"), sorted(((shape, name) for shape, names in EXPORTED.items() for name in names), key=str)
)
def test_what_is_exported_and_can_be_read_is_compared_or_has_a_reason(shape: type[ObjectView], name: str) -> None:
    assert _found(shape, _CLOUD) == set()
    sid = "S-2" if name == "onPremisesSecurityIdentifier" else "S-1"
    differs = _found(shape, {**_CLOUD, name: _OTHER.get(name, "other")}, sid)
    assert differs == (set() if (shape, name) in OTHERWISE else {name})


def test_what_is_compared_is_exported() -> None:
    common_rules = {flow.property for flow in FLOWS if not flow.certain}
    of_groups = {"onPremisesSamAccountName", "onPremisesDomainName"}  # read of groups as of users
    assert set(SOURCES) - set().union(*EXPORTED.values()) - of_groups == common_rules - {"usageLocation"}


@pytest.mark.parametrize(("shape", "collection"), [(UserView, USERS), (GroupView, GROUPS), (ContactView, CONTACTS)])
def test_what_is_compared_is_selected(shape: type[ObjectView], collection: Any) -> None:
    nested = {"addresses", "phones", "onPremisesExtensionAttributes"} & set(collection.properties)
    for name in EXPORTED[shape] - set(collection.properties) - set(collection.links):
        assert (shape, name) in OTHERWISE or nested, name


def test_the_runbook_names_what_is_compared() -> None:
    runbook = Path("streams/detections/flow/attribute_drift.md").read_text()
    names = {*SOURCES} - {*EXTENSIONS} - {each for each in SOURCES if each.startswith("onPremises")}
    assert {name for name in names if name not in runbook} == set()
    assert "extensionAttribute1 to 15" in runbook and "names, SID and domain on premises" in runbook
