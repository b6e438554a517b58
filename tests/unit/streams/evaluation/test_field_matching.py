"""Reports of real installations about matching: what Entra ID takes for whom; each kind with a twin that is quiet.

Sources: MC1262584, MC1263280 (hard match in 2026); Microsoft, Connect Health's table of duplicate attributes;
azure-docs issues 43982, 74931, 95965; docs.azure.cn and the help of Microsoft 365 by 21Vianet (own domains).
"""

from __future__ import annotations

from typing import Any

import pytest

from streams.contracts.clouds import INITIAL_DOMAINS
from streams.contracts.facts import Domain, TenantState
from streams.contracts.identity import immutable_id_of_guid
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.pipeline import TENANT
from tests.unit.streams.evaluation.test_field_reports import Site

HOUR_MS = 3_600_000
BLOCKED, TWICE_A_SID = "conflict.hard_match_blocked", "conflict.duplicate_sid"
OWNED, TWICE, QUARANTINED = (
    f"conflict.{name}" for name in ("address_owned_by_cloud_object", "duplicate_address", "upn_quarantined")
)


@pytest.fixture
def site() -> Site:
    return Site()


def anchor(name: str) -> dict[str, Any]:
    return {"onPremisesImmutableId": immutable_id_of_guid(guid_of(name))}


def synced(name: str) -> dict[str, Any]:
    return {**anchor(name), "onPremisesSyncEnabled": True, "onPremisesSecurityIdentifier": sid_of(name)}


def tell(site: Site, seq: int, **state: Any) -> None:
    site.pipeline.tell(TenantState(tenant=TENANT, seq=seq, ts_ms=START_MS, collected=True, **state))


@pytest.mark.parametrize("roles", [[guid_of("adm-cloud")], []])
def test_an_account_with_a_role_is_not_taken_over_whatever_the_tenant_allows(site: Site, roles: list[str]) -> None:
    features = {"blockCloudObjectTakeoverThroughHardMatchEnabled": False,
                "allowOnPremUpdateOfOnPremisesObjectIdentifierEnabled": False}  # fmt: skip
    tell(site, 2, features=features, privileged_ids=roles)
    site.cloud("adm-cloud", userPrincipalName="adm.petrov@contoso.com", **anchor("adm"))
    site.ad("adm", userPrincipalName="adm.petrov@contoso.com")
    found = site.open(BLOCKED)
    assert (found.evidence["cause"] if found else None) == ("role" if roles else None)
    site.pipeline.tick(site.now_ms + HOUR_MS - 1)
    assert (site.open(BLOCKED) is not None) is bool(roles)
    site.pipeline.tick(site.now_ms + 2 * HOUR_MS)
    assert site.open(BLOCKED) is not None, "two cycles, and still not matched"
    site.cloud("adm-cloud", userPrincipalName="adm.petrov@contoso.com", **synced("adm"))
    assert site.open(BLOCKED) is None


def test_a_sid_that_a_restored_domain_controller_gave_out_twice(site: Site) -> None:
    old = {"userPrincipalName": "old@contoso.com", "createdDateTime": "2020-01-01T00:00:00Z",
           "onPremisesDistinguishedName": "CN=old,DC=corp,DC=contoso,DC=local"}  # fmt: skip
    site.cloud("old-cloud", **{**synced("old"), "onPremisesSecurityIdentifier": sid_of("new")}, **old)
    site.ad("new", userPrincipalName="new@contoso.com", whenCreated="2026-09-20T00:00:00Z")
    site.pipeline.tick(site.now_ms + 2 * HOUR_MS)
    (found,) = site.pipeline.open().values()
    assert (found.detection, found.subject.object_guid) == (TWICE_A_SID, guid_of("new"))
    assert {holder.id: holder.role for holder in found.counterparts} == {
        guid_of("new"): "left_out", guid_of("old-cloud"): "holds",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("address", "forecast", "role", "effect"),
    [
        ("sip:kim@contoso.com", "export_error", "would_fail_to_export", "export_error"),
        ("SIP:Kim@contoso.com", "export_error", "would_fail_to_export", "export_error"),
        ("smtp:kim@contoso.com", "quarantine", "would_be_quarantined", "quarantine"),
    ],
)
def test_a_taken_sip_address_is_an_export_error_wherever_it_is_told(
    site: Site, address: str, forecast: str, role: str, effect: str
) -> None:
    site.cloud("kim-cloud", userPrincipalName="k@contoso.com", proxyAddresses=[address])
    site.ad("ann", userPrincipalName="ann@contoso.com", proxyAddresses=[address.lower()])
    found = site.open(OWNED)
    assert found is not None and found.evidence["forecast"] == forecast
    assert {holder.role for holder in found.counterparts if holder.side == "ad"} == {role}
    site.ad("bob", userPrincipalName="bob@contoso.com", proxyAddresses=[address.lower()])
    found = site.open(TWICE)
    assert found is not None and found.evidence["effect"] == effect
    assert {holder.role for holder in found.counterparts if holder.side == "ad"} == {role}


@pytest.mark.parametrize(("kind", "forecast"), [("Guest", "guest"), ("Member", "soft_match"), (None, "soft_match")])
def test_a_guest_of_the_same_mail_is_called_a_guest(site: Site, kind: str | None, forecast: str) -> None:
    said = {"userPrincipalName": "lee_fabrikam.com#EXT#@contoso.onmicrosoft.com", "mail": "lee@fabrikam.com"}
    site.cloud("lee-cloud", **said, **({"userType": kind} if kind else {}))
    site.ad("lee", userPrincipalName="lee@contoso.com", mail="lee@fabrikam.com")
    found = site.open(OWNED)
    assert found is not None and (found.evidence["forecast"], found.severity) == (forecast, "medium")


def test_a_upn_alone_is_matched_too(site: Site) -> None:
    """Whether Cloud Sync does so is reported both ways: the newer pages say "Connect or Cloud Sync" alike."""
    site.cloud("mia-cloud", userPrincipalName="mia@contoso.com", userType="Member")
    site.ad("mia", userPrincipalName="mia@contoso.com")
    found = site.open(OWNED)
    assert found is not None and found.evidence["forecast"] == "soft_match"


@pytest.mark.parametrize("suffix", INITIAL_DOMAINS)
def test_what_the_cloud_adds_by_itself_is_no_drift_in_any_cloud(site: Site, suffix: str) -> None:
    own, initial = "contoso.com", f"contoso{suffix}"
    tell(site, 2, domains=[Domain(own, is_verified=True), Domain(initial, is_verified=True, is_initial=True)])
    site.ad("wei", userPrincipalName=f"wei@{own}", mail=f"wei@{own}", proxyAddresses=[f"SMTP:wei@{own}"])
    shown = [f"SMTP:wei@{own}", f"smtp:wei@{initial}", f"smtp:wei@contoso.mail{suffix}"]
    site.cloud("wei-cloud", **synced("wei"), userPrincipalName=f"wei@{own}", mail=f"wei@{own}", proxyAddresses=shown,
               onPremisesUserPrincipalName=f"wei@{own}")  # fmt: skip
    site.pipeline.tick(site.now_ms + 8 * HOUR_MS)
    assert {each.detection for each in site.pipeline.open().values()} == set()


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize("suffix", INITIAL_DOMAINS)
def test_a_placeholder_is_known_in_every_cloud(site: Site, suffix: str, known: bool) -> None:
    if known:
        tell(site, 2, domains=[Domain("contoso.com"), Domain(f"contoso{suffix}", is_initial=True)])
    site.ad("wei", userPrincipalName="wei@contoso.com")
    site.cloud("wei-cloud", **synced("wei"), userPrincipalName=f"wei4711@contoso{suffix}",
               onPremisesUserPrincipalName="wei@contoso.com")  # fmt: skip
    assert site.open(QUARANTINED) is not None
