"""The tenant store keeps objects as Entra does and finds them by what matching asks for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.lab.entra.collection import TOMBSTONE_LIFE_MS
from deploy.lab.entra.tenant import TenantStore

MARCH_2026_MS = 1_772_442_000_000


@pytest.fixture
def tenant() -> TenantStore:
    return TenantStore("t", clock=lambda: MARCH_2026_MS)


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("userPrincipalName", "AMIRA@contoso.com"),
        ("mail", "amira@Contoso.com"),
        ("proxyAddresses", "smtp:Amira@contoso.com"),
        ("proxyAddresses", "amira@contoso.com"),
        ("proxyAddresses", "x500:/o=contoso/cn=amira"),
        ("onPremisesImmutableId", "kCwabn1bOE+cIQpL430fVQ=="),
        ("onPremisesSecurityIdentifier", "s-1-5-21-1-2-3-4127"),
        ("displayName", "amira haddad"),
    ],
)
def test_objects_are_found_by_every_key_of_matching(tenant: TenantStore, name: str, asked: str) -> None:
    wanted = tenant.upsert(
        "user",
        None,
        {
            "displayName": "Amira Haddad",
            "userPrincipalName": "amira@contoso.com",
            "mail": "amira@contoso.com",
            "proxyAddresses": ["SMTP:amira@contoso.com", "X500:/o=Contoso/cn=Amira"],
            "onPremisesImmutableId": "kCwabn1bOE+cIQpL430fVQ==",
            "onPremisesSecurityIdentifier": "S-1-5-21-1-2-3-4127",
        },
    )
    tenant.upsert("user", None, {"displayName": "Sven Lund", "userPrincipalName": "sven@contoso.com"})
    assert tenant.find_by("user", name, asked) == [wanted]


def test_the_immutable_id_compares_by_case(tenant: TenantStore) -> None:
    tenant.upsert("user", None, {"onPremisesImmutableId": "kCwabn1bOE+cIQpL430fVQ=="})
    assert tenant.find_by("user", "onPremisesImmutableId", "KCWABN1BOE+CIQPL430FVQ==") == []


def test_mail_alone_is_no_proxy_address(tenant: TenantStore) -> None:
    user = tenant.upsert("user", None, {"mail": "a@x"})
    assert tenant.find_by("user", "proxyAddresses", "smtp:a@x") == []
    assert tenant.find_by("user", "mail", "a@x") == [user]


@given(moves=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40))
def test_the_index_follows_every_change(moves: list[tuple[int, int]]) -> None:
    tenant = TenantStore("t", clock=lambda: MARCH_2026_MS)
    ids = [tenant.upsert("user", None, {}) for _ in range(4)]
    held: dict[str, int] = {}
    for who, address in moves:
        held[ids[who]] = address
        tenant.upsert("user", ids[who], {"proxyAddresses": [f"SMTP:{address}@x"]})
    for address in range(4):
        expected = {one for one, has in held.items() if has == address}
        assert set(tenant.find_by("user", "proxyAddresses", f"smtp:{address}@x")) == expected


def test_soft_delete_frees_the_upn_keeps_the_rest_and_restores_it(tenant: TenantStore) -> None:
    anchor = "kCwabn1bOE+cIQpL430fVQ=="
    user = tenant.upsert("user", None, {"userPrincipalName": "a@x", "onPremisesImmutableId": anchor})
    group = tenant.upsert("group", None, {"displayName": "g"})
    tenant.add_member(group, user)
    before = tenant.get("user", user)
    tenant.delete("user", user)
    gone = tenant.get("user", user, deleted=True) or {}
    assert tenant.get("user", user) is None
    assert gone["userPrincipalName"] == user.replace("-", "") + "a@x"
    assert gone["deletedDateTime"] == "2026-03-02T09:00:00Z"
    assert tenant.find_by("user", "userPrincipalName", "a@x") == []
    assert tenant.find_by("user", "onPremisesImmutableId", anchor) == []
    assert tenant.find_by("user", "onPremisesImmutableId", anchor, deleted=True) == [user]
    assert tenant.members.of(group) == []
    tenant.restore("user", user)
    assert tenant.get("user", user) == {**(before or {}), "deletedDateTime": None}
    assert tenant.members.of(group) == [user]


def test_writing_what_is_there_is_no_change(tenant: TenantStore) -> None:
    user = tenant.upsert("user", None, {"displayName": "A"})
    seq = tenant.collections["user"].log.last
    tenant.upsert("user", user, {"displayName": "A", "surname": None})
    assert tenant.collections["user"].log.last == seq


def test_unknown_properties_and_deleted_objects_are_refused(tenant: TenantStore) -> None:
    with pytest.raises(ValueError, match="no property onPremisesNetBiosName"):
        tenant.upsert("user", None, {"onPremisesNetBiosName": "CONTOSO"})
    user = tenant.upsert("user", None, {})
    tenant.delete("user", user)
    with pytest.raises(ValueError, match="restore it"):
        tenant.upsert("user", user, {"displayName": "A"})
    with pytest.raises(KeyError):
        tenant.delete("user", user)


def test_a_provisioning_error_keeps_the_time_it_arose() -> None:
    now = [MARCH_2026_MS]
    tenant = TenantStore("t", clock=lambda: now[0])
    user = tenant.upsert("user", None, {})
    upn = {"propertyCausingError": "UserPrincipalName", "value": "a@x"}
    tenant.set_provisioning_errors("user", user, [upn])
    now[0] += 3_600_000
    address = {"propertyCausingError": "ProxyAddresses", "value": "SMTP:a@x"}
    tenant.set_provisioning_errors("user", user, [upn, address])
    errors = (tenant.get("user", user) or {})["onPremisesProvisioningErrors"]
    assert [(e["category"], e["occurredDateTime"]) for e in errors] == [
        ("PropertyConflict", "2026-03-02T09:00:00.0000000Z"),
        ("PropertyConflict", "2026-03-02T10:00:00.0000000Z"),
    ]


def test_tombstones_are_dropped_when_no_token_can_ask_for_them() -> None:
    now = [MARCH_2026_MS]
    tenant = TenantStore("t", clock=lambda: now[0])
    device = tenant.upsert("device", None, {"deviceId": "d"})
    tenant.delete("device", device)
    now[0] += TOMBSTONE_LIFE_MS + 1
    tenant.purge()
    assert tenant.kind_of(device) is None
    assert list(tenant.collections["device"].log.after(0)) == []


def test_domains_features_and_roles(tenant: TenantStore) -> None:
    tenant.add_domain("contoso.com", default=True)
    tenant.add_domain("fabrikam.com", authentication="Federated")
    tenant.add_domain("new.contoso.com", verified=False)
    names = {d["name"]: d for d in tenant.profile.organization(beta=False, used=0)["verifiedDomains"]}
    assert set(names) == {"contoso.onmicrosoft.com", "contoso.com", "fabrikam.com"}
    assert names["contoso.com"]["isDefault"] and not names["contoso.onmicrosoft.com"]["isDefault"]
    tenant.remove_domain("contoso.com")
    assert tenant.profile.domains["contoso.onmicrosoft.com"].default
    with pytest.raises(ValueError, match="initial domain"):
        tenant.remove_domain("contoso.onmicrosoft.com")
    tenant.set_features(blockSoftMatchEnabled=True)
    assert tenant.profile.on_premises_synchronization(beta=False)["features"]["blockSoftMatchEnabled"]
    with pytest.raises(ValueError, match="blockEverything"):
        tenant.set_features(blockEverything=True)
    user = tenant.upsert("user", None, {})
    tenant.grant_admin(user)
    assert tenant.is_admin(user)
    tenant.revoke_admin(user)
    assert not tenant.is_admin(user)
