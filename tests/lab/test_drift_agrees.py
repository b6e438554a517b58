"""The lab's engine and the comparison of streams were written apart: what the one exports, the other finds equal."""

from __future__ import annotations

from typing import Any, Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.lab.sync.mapping import desired_of
from deploy.lab.sync.objects import AdObject, TenantRules, primary_of
from streams.directory.party import Party
from streams.views.identity.expected_export import Domains, differences
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView
from streams.views.sides import Side

INITIAL = "contoso.onmicrosoft.com"
VERIFIED = frozenset({"contoso.com", "fabrikam.com", INITIAL})
VIEWS: dict[str, type[ObjectView]] = {"user": UserView, "group": GroupView, "contact": ContactView}

_domain = st.sampled_from(["contoso.com", "Fabrikam.com", "corp.local", INITIAL, "contoso.mail.onmicrosoft.com"])
_address = st.builds("{}@{}".format, st.sampled_from(["ann", "Ann.Bee", "bea", "o'dee"]), _domain)
_proxy = st.builds("{}{}".format, st.sampled_from(["smtp:", "X500:", "SIP:"]), _address)
_primary = st.lists(st.builds("SMTP:{}".format, _address), max_size=1)
_attributes = st.fixed_dictionaries(
    {"sAMAccountName": st.sampled_from(["ann", "BEA"]), "name": st.just("Ann Bee")},
    optional={
        "displayName": st.sampled_from(["Ann", "Jörg "]),
        "mail": _address,
        "mailNickname": st.sampled_from(["nick", "ann"]),
        "proxyAddresses": st.builds(lambda first, rest: [*rest, *first], _primary, st.lists(_proxy, max_size=4)),
        "userPrincipalName": st.one_of(_address, st.just("an n@contoso.com"), st.just("jörg@contoso.com")),
        "userAccountControl": st.sampled_from([512, 514]),
    },
)


@settings(max_examples=300, deadline=None)
@given(kind=st.sampled_from(["user", "group", "contact"]), attributes=_attributes)
def test_an_object_just_exported_does_not_differ(
    kind: Literal["user", "group", "contact"], attributes: dict[str, Any]
) -> None:
    view = _exported(kind, attributes)
    assert differences(view, Domains(VERIFIED, INITIAL)) == ()


@given(attributes=_attributes, changed=st.sampled_from(["Cyd", "Dee"]))
def test_and_does_once_ad_changes(attributes: dict[str, Any], changed: str) -> None:
    view = _exported("user", attributes)
    view.ad[0].attributes["displayName"] = changed  # type: ignore[index]  a mapping of this test's own
    assert [each.attribute for each in differences(view, Domains(VERIFIED, INITIAL))] == ["displayName"]


def _exported(kind: Literal["user", "group", "contact"], attributes: dict[str, Any]) -> ObjectView:
    guid = "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55"
    found = AdObject(guid, kind, "corp", "CN=Ann Bee,DC=corp,DC=local", attributes)
    wanted = desired_of(found, TenantRules(INITIAL, VERIFIED))
    # As deploy.lab.sync.tenant writes it where nothing is in conflict.
    cloud = {
        **wanted.properties,
        "proxyAddresses": list(wanted.addresses),
        "mail": primary_of(wanted.addresses),
        "mailNickname": wanted.nickname,
        **({"userPrincipalName": wanted.upn} if kind == "user" else {}),
    }
    sides = [
        Side(Party(side, kind, side, "t", synced=synced), values, 1)
        for side, values, synced in (("ad", dict(attributes), None), ("entra", cloud, True))
    ]
    return VIEWS[kind](f"{kind}/t/x", "t", (sides[0],), (sides[1],), (), {}, 1)
