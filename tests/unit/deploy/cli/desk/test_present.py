"""What both directories say of one object, and where its last change stands."""

from __future__ import annotations

from typing import Any

import pytest

from deploy.cli.desk.present import by_identity, names_of
from streams.contracts.facts import Domain, ObjectKind, TenantState
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.times import rfc3339
from streams.directory.state import ObjectState
from streams.runtime.clock import now_ms
from streams.runtime.settings import Settings

TENANT = "7d1c6f2e-3b0a-4a55-9f6e-1d2c3b4a5968"
FOREST = "corp.contoso.local"
GUID, CLOUD = "6e1a2c90-5b7d-4f38-9c21-000000000001", "0b0f4c1e-0000-4000-8000-000000000001"
ANCHOR = immutable_id_of_guid(GUID)
THE_TENANT = {"id": TENANT, "client_id": "c", "managed_identity": True}
SETTINGS = Settings.model_validate({"tenant": [THE_TENANT]})
KNOWN = TenantState(
    tenant=TENANT, seq=1, ts_ms=1, collected=True, domains=[Domain(name="contoso.com")],
    organization={"onPremisesLastSyncDateTime": rfc3339(now_ms() - 60_000)},
)  # fmt: skip


def ad(alive: bool = True, ou: str = "Staff", **changes: Any) -> ObjectState:
    attributes = {
        "userPrincipalName": "ada@contoso.com", "displayName": "Ada", "mail": "ada@contoso.com", "department": "Sales",
        "proxyAddresses": ["SMTP:ada@contoso.com", "smtp:a.l@contoso.com"], "sAMAccountName": "ada", "@inner": "x",
        "distinguishedName": f"CN=Ada,OU={ou},DC=corp,DC=contoso,DC=local", "objectSid": "S-1-5-21-1-2-3-4",
        "userAccountControl": 512,
    }  # fmt: skip
    return ObjectState(
        object_id=GUID, side="ad", tenant=TENANT, forest=FOREST, kind=ObjectKind.USER, attributes=attributes | changes,
        alive=alive, changed_ms=now_ms(),
    )  # fmt: skip


def cloud(**changes: Any) -> ObjectState:
    attributes = {
        "userPrincipalName": "ada@contoso.com", "displayName": "Ada", "mail": "ada@contoso.com", "department": "Sales",
        "proxyAddresses": ["SMTP:ada@contoso.com", "smtp:a.l@contoso.com"], "onPremisesImmutableId": ANCHOR,
        "onPremisesSyncEnabled": True, "onPremisesSecurityIdentifier": "S-1-5-21-1-2-3-4", "accountEnabled": True,
    }  # fmt: skip
    return ObjectState(
        object_id=CLOUD, side="entra", tenant=TENANT, kind=ObjectKind.USER, attributes=attributes | changes,
        changed_ms=now_ms(),
    )  # fmt: skip


def test_both_sides_are_one_identity_and_agree() -> None:
    (found,) = by_identity(SETTINGS, [cloud(), ad()], {TENANT: KNOWN})
    assert [side.side for side in found.sides] == ["ad", "entra"]
    assert found.standing == "both directories agree on what is compared"
    assert found.waiting == []
    assert "@inner" not in found.sides[0].attributes


def test_what_differs_is_on_its_way() -> None:
    (found,) = by_identity(SETTINGS, [ad(displayName="Ada Lovelace"), cloud()], {TENANT: KNOWN})
    (waiting,) = found.waiting
    assert (waiting.attribute, waiting.wanted, waiting.found) == ("displayName", "Ada Lovelace", "Ada")
    assert found.standing.startswith("1 attributes are on their way: displayName")
    assert "the next synchronisation, due in" in found.next_export[0]


@pytest.mark.parametrize(
    ("states", "standing", "following"),
    [
        ([ad()], "in Active Directory alone", "creates it"),
        ([ad(alive=False), cloud()], "deleted in Active Directory, and still", "deletes it"),
        ([cloud()], "in Entra ID alone", "no forest"),
        ([ad(alive=False)], "deleted on every side", None),
    ],
)
def test_where_it_stands_and_what_comes_next(states: list[ObjectState], standing: str, following: str | None) -> None:
    (found,) = by_identity(SETTINGS, states, {TENANT: KNOWN})
    assert standing in found.standing
    assert following is None or following in found.next_export[0]


def test_out_of_scope_is_said_with_its_reason() -> None:
    forest = {"name": FOREST, "tenant": TENANT, "servers": ["ldaps://dc1"], "bind_user": "u", "bind_password": "p",
              "exclude_ous": ["OU=Staff,DC=corp,DC=contoso,DC=local"]}  # fmt: skip
    settings = Settings.model_validate({"tenant": [THE_TENANT], "forest": [forest]})
    (found,) = by_identity(settings, [ad(), cloud()], {TENANT: KNOWN})
    assert found.sides[0].outside == "its organisational unit is excluded"
    assert "deletes it" in found.next_export[0]


def test_a_quarantine_is_no_agreement() -> None:
    refused = [{"propertyCausingError": "ProxyAddresses", "value": "smtp:x@contoso.com"}]
    (found,) = by_identity(SETTINGS, [ad(), cloud(onPremisesProvisioningErrors=refused)], {TENANT: KNOWN})
    assert "keeps in quarantine: ProxyAddresses smtp:x@contoso.com" in found.standing


def test_it_is_known_by_every_name() -> None:
    names = names_of(ad(dNSHostName="PC1.corp.contoso.local"))
    assert {"ada@contoso.com", "a.l@contoso.com", "ada", GUID, ANCHOR.lower(), "s-1-5-21-1-2-3-4", "pc1"} <= names
    assert "cn=ada,ou=staff,dc=corp,dc=contoso,dc=local" in names
