"""What the engine would have written against what the cloud shows, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from streams.directory.party import Party
from streams.views.identity.expected_export import Difference, Domains, differences
from streams.views.identity.object_view import ContactView, ObjectView, UserView
from streams.views.sides import Side

KNOWN = Domains(frozenset({"contoso.com", "contoso.onmicrosoft.com"}), "contoso.onmicrosoft.com")
UNKNOWN = Domains(None, None)
ERROR = {"category": "PropertyConflict", "propertyCausingError": "ProxyAddress", "value": "SMTP:b@contoso.com"}
UPN, MAIL, PROXIES, ADDRESSES = "userPrincipalName", "mail", "proxyAddresses", ["SMTP:b@contoso.com"]
TOLD, CLOUD = "onPremisesUserPrincipalName", "contoso.onmicrosoft.com"


def _view(ad: dict[str, Any], cloud: dict[str, Any], shape: type[ObjectView] = UserView, **times: Any) -> ObjectView:
    sides = [
        Side(Party(side, shape.kind, side, "t", synced=True if side == "entra" else None), attributes, 5, **more)
        for side, attributes, more in (("ad", ad, times), ("entra", cloud, {}))
    ]
    return shape(f"{shape.kind}/t/x", "t", (sides[0],), (sides[1],), (), {}, 5)


def _found(ad: dict[str, Any], cloud: dict[str, Any], domains: Domains = KNOWN, **more: Any) -> dict[str, Any]:
    return {each.attribute: (each.wanted, each.found) for each in differences(_view(ad, cloud, **more), domains)}


@pytest.mark.parametrize(
    ("ad", "cloud"),
    [
        ({"displayName": "Ann "}, {"displayName": "Ann"}),
        ({"name": "ann"}, {"displayName": "ann"}),
        ({"displayName": "  ", "name": "ann"}, {"displayName": "ann"}),
        ({"displayName": "Ann"}, {}),  # not read
        ({"givenName": "Ann ", "sn": "Bee"}, {"givenName": "Ann"}),
        ({"sAMAccountName": "ANN"}, {"onPremisesSamAccountName": "ann"}),
        ({"userAccountControl": 512}, {"accountEnabled": True}),
        ({"userAccountControl": 66050}, {"accountEnabled": False}),
        ({UPN: "A@Contoso.com"}, {UPN: "a@contoso.com"}),
        ({UPN: "a@corp.local"}, {UPN: f"x@{CLOUD}"}),
        ({UPN: "a b@contoso.com"}, {UPN: f"ab@{CLOUD}"}),
        ({UPN: "a@contoso.com"}, {UPN: f"a+1234@{CLOUD}"}),
        ({UPN: "a@contoso.com", MAIL: "m@contoso.com"}, {UPN: "m@contoso.com", MAIL: "m@contoso.com"}),
        ({MAIL: "A@contoso.com"}, {MAIL: "a@contoso.com"}),
        ({MAIL: "a@fabrikam.com"}, {MAIL: None}),
        ({MAIL: "a@contoso.com", PROXIES: ADDRESSES}, {MAIL: "b@contoso.com", PROXIES: ADDRESSES}),
        ({MAIL: "b@contoso.com"}, {"onPremisesProvisioningErrors": [ERROR]}),
        ({PROXIES: ADDRESSES}, {"onPremisesProvisioningErrors": [ERROR]}),
        ({PROXIES: ["smtp:a@corp.local", "x500:/o=a", "smtp:a@x.onmicrosoft.com"]}, {PROXIES: []}),
        ({PROXIES: ["smtp:a@contoso.com"], MAIL: "m@contoso.com"},
         {MAIL: "m@contoso.com", PROXIES: ["SMTP:m@contoso.com", "smtp:A@contoso.com", "smtp:q@x.onmicrosoft.com"]}),
        ({PROXIES: ["smtp:a@contoso.com"]},
         {UPN: "u@contoso.com", PROXIES: ["SMTP:u@contoso.com", "smtp:a@contoso.com", "SIP:u@contoso.com"]}),
    ],
)  # fmt: skip
def test_equal_as_the_engine_sees_it(ad: dict[str, Any], cloud: dict[str, Any]) -> None:
    assert _found(ad, cloud) == {}


@pytest.mark.parametrize(
    ("ad", "cloud", "attribute", "wanted", "found"),
    [
        ({"displayName": "Ann"}, {"displayName": "ann"}, "displayName", "Ann", "ann"),
        ({"sAMAccountName": "ann"}, {"onPremisesSamAccountName": "bea"}, "onPremisesSamAccountName", "ann", "bea"),
        ({"sn": "Bee", "givenName": "Ann"}, {"surname": "Cee", "givenName": "Ann"}, "surname", "Bee", "Cee"),
        ({"userAccountControl": 514}, {"accountEnabled": True}, "accountEnabled", False, True),
        ({UPN: "a@contoso.com"}, {UPN: "b@contoso.com"}, UPN, "a@contoso.com", "b@contoso.com"),
        ({UPN: "a@corp.local", "mailNickname": "nick"}, {UPN: "a@contoso.com"}, UPN, f"nick@{CLOUD}", "a@contoso.com"),
        ({UPN: "a@corp.local"}, {UPN: f"x@{CLOUD}", TOLD: "b@corp.local"}, TOLD, "a@corp.local", "b@corp.local"),
        ({MAIL: "a@contoso.com"}, {}, MAIL, "a@contoso.com", None),
        ({PROXIES: ["smtp:ä@contoso.com"]}, {}, PROXIES, ["smtp:ä@contoso.com"], []),
        ({PROXIES: ["smtp:a@contoso.com"]}, {PROXIES: ["smtp:a@contoso.com", "smtp:old@contoso.com"]},
         PROXIES, [], ["smtp:old@contoso.com"]),
        ({PROXIES: ["SMTP:a@contoso.com", "smtp:b@contoso.com"]},
         {PROXIES: ["smtp:a@contoso.com", "SMTP:b@contoso.com"]}, PROXIES, ["SMTP:a@contoso.com"], []),
    ],
)  # fmt: skip
def test_different(ad: dict[str, Any], cloud: dict[str, Any], attribute: str, wanted: Any, found: Any) -> None:
    assert _found(ad, cloud) == {attribute: (wanted, found)}


def test_what_depends_on_unknown_domains_is_not_judged() -> None:
    ad = {UPN: "a@x.com", MAIL: "a@x.com", PROXIES: ["SMTP:a@x.com"], "displayName": "A"}
    cloud = {UPN: "b@x.com", MAIL: "b@x.com", PROXIES: ["SMTP:b@x.com"], "displayName": "B"}
    assert list(_found(ad, cloud, UNKNOWN)) == ["displayName"]
    assert _found({PROXIES: ["SMTP:a@x.com"]}, {}, UNKNOWN, shape=ContactView) == {PROXIES: (["SMTP:a@x.com"], [])}


def test_a_tenant_may_keep_upn_changes_out() -> None:
    ad, cloud = {UPN: "a@contoso.com"}, {UPN: "b@contoso.com"}
    assert _found(ad, cloud, Domains(KNOWN.verified, KNOWN.initial, upn_flows=False)) == {}


def test_since_when_and_whether_we_saw_it() -> None:
    ad, cloud = {"displayName": "a", "sAMAccountName": "a"}, {"displayName": "b", "onPremisesSamAccountName": "b"}
    found = differences(_view(ad, cloud, first_ms=2, changed={"displayName": 4}), KNOWN)
    assert found == (
        Difference("displayName", "a", "b", 4, True),
        Difference("onPremisesSamAccountName", "a", "b", 2, False),
    )
