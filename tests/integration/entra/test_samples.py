"""What the lab serves has the shape of the reference samples: same keys, same kinds of values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.lab.entra.schema import Kind
from tests.integration.entra.conftest import TENANT_ID, Lab

SAMPLES = Path(__file__).with_name("samples")


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def unlike(wanted: Any, got: Any, where: str = "$") -> list[str]:
    """Say where `got` lacks what `wanted` has: a key, an element's shape, a kind of value.

    More keys are fine (directory types are open); null stands for any value in the sample only.
    """
    if wanted is None:
        return []
    if isinstance(wanted, dict):
        if not isinstance(got, dict):
            return [f"{where}: object expected, got {got!r}"]
        missing = [f"{where}.{key}: missing" for key in wanted if key not in got]
        return missing + [d for k in wanted if k in got for d in unlike(wanted[k], got[k], f"{where}.{k}")]
    if isinstance(wanted, list):
        if not isinstance(got, list):
            return [f"{where}: list expected, got {got!r}"]
        return [
            f"{where}[{at}]: nothing like it"
            for at, one in enumerate(wanted)
            if not any(not unlike(one, other) for other in got)
        ]
    return [] if type(wanted) is type(got) else [f"{where}: {type(wanted).__name__} expected, got {got!r}"]


def properties(item: dict[str, Any]) -> dict[str, Any]:
    """Return what a sample object says about itself, without id and annotations."""
    return {name: value for name, value in item.items() if name != "id" and not name.startswith("@")}


def stored(lab: Lab, kind: Kind, item: dict[str, Any]) -> str:
    return lab.tenant.upsert(kind, item["id"], properties(item))


def test_the_comparison_notices_what_is_missing() -> None:
    wanted = {"a": [{"b": 1, "c": None}], "d": "x"}
    assert unlike(wanted, {"a": [{"b": 2, "c": "y", "e": 0}], "d": "z"}) == []
    assert unlike(wanted, {"a": [{"b": "2", "c": 0}], "d": "z"}) == ["$.a[0]: nothing like it"]
    assert unlike(wanted, {"a": [], "d": 1}) == ["$.a[0]: nothing like it", "$.d: str expected, got 1"]


@pytest.mark.parametrize(
    ("name", "kind", "segment"),
    [
        ("user_synced", "user", "users"),
        ("user_conflict", "user", "users"),
        ("group_synced", "group", "groups"),
        ("group_cloud_m365", "group", "groups"),
        ("orgcontact_synced", "contact", "contacts"),
        ("device_entra_joined", "device", "devices"),
        ("device_hybrid_joined", "device", "devices"),
        ("device_hybrid_pending", "device", "devices"),
    ],
)
def test_an_object_reads_back_value_for_value(lab: Lab, name: str, kind: Kind, segment: str) -> None:
    wanted = sample(name)
    stored(lab, kind, wanted)
    names = ",".join(properties(wanted))
    got = lab.get(f"/{segment}/{wanted['id']}?$select={names}").json()
    assert properties(got) == properties(wanted)
    assert got["id"] == wanted["id"]


@pytest.mark.parametrize(
    ("name", "kind", "segment", "only_selected"),
    [
        ("group_synced", "group", "groups", set()),
        ("orgcontact_synced", "contact", "contacts", set()),
        # the samples show the SID of a device; the metadata says it needs $select
        ("device_hybrid_joined", "device", "devices", {"onPremisesSecurityIdentifier"}),
    ],
)
def test_what_comes_without_select(lab: Lab, name: str, kind: Kind, segment: str, only_selected: set[str]) -> None:
    wanted = sample(name)
    stored(lab, kind, wanted)
    got = lab.get(f"/{segment}/{wanted['id']}").json()
    assert set(properties(got)) == set(properties(wanted)) - only_selected


def test_a_user_without_select_shows_the_default_set_only(lab: Lab) -> None:
    stored(lab, "user", sample("user_synced"))
    wanted = sample("user_default_properties")
    stored(lab, "user", wanted)
    got = lab.get(f"/users/{wanted['id']}").json()
    assert properties(got) == properties(wanted)
    assert got["@odata.context"].endswith("/v1.0/$metadata#users/$entity")


def test_group_writeback_configuration_in_beta(lab: Lab) -> None:
    wanted = sample("group_writeback_beta")
    stored(lab, "group", wanted)
    names = ",".join(properties(wanted))
    got = lab.get(f"{lab.url}/beta/groups/{wanted['id']}?$select={names}").json()
    assert properties(got) == properties(wanted)


def delta_sample(name: str) -> tuple[dict[str, Any], str]:
    """Return a delta sample and the `$select` its context shows."""
    wanted = sample(name)
    _, _, inside = wanted["@odata.context"].partition("(")
    return wanted, f"?$select={inside.rstrip(')')}" if inside else ""


def test_first_delta_page(lab: Lab) -> None:
    wanted, select = delta_sample("users_delta_page1")
    for item in wanted["value"]:
        lab.tenant.upsert("user", item["id"], {"mail": "before@contoso.com"})  # so that null means set to null
        stored(lab, "user", item)
    for number in range(4):
        lab.tenant.upsert("user", None, {"displayName": str(number)})
    got = lab.get(f"/users/delta{select}").json()
    assert unlike(wanted, got) == []
    assert "@odata.deltaLink" not in got
    assert got["value"][:2] == wanted["value"]


def test_later_delta_round_with_both_kinds_of_removal(lab: Lab) -> None:
    wanted, select = delta_sample("users_delta_last")
    desynced, deleted, purged = (item["id"] for item in wanted["value"])
    synced = {"userPrincipalName": "sven.lund@contoso.com", "onPremisesSyncEnabled": True}
    lab.tenant.upsert("user", desynced, {**synced, "onPremisesImmutableId": "obfQ9MaDKU6n1RyQ4rZIOg=="})
    for user in (deleted, purged):
        lab.tenant.upsert("user", user, {"displayName": "x"})
    _, link = lab.pages(f"/users/delta{select}")
    lab.tenant.upsert("user", desynced, {"onPremisesSyncEnabled": False, "onPremisesImmutableId": None})
    lab.tenant.delete("user", deleted)
    lab.tenant.hard_delete("user", purged)
    got = lab.get(link).json()
    assert unlike(wanted, got) == []
    assert got["value"] == wanted["value"]


def test_minimal_delta_round(lab: Lab) -> None:
    stored(lab, "user", sample("user_synced"))
    wanted, select = delta_sample("users_delta_minimal")
    _, link = lab.pages(f"/users/delta{select}")
    stored(lab, "user", wanted["value"][0])
    assert lab.get(link, Prefer="return=minimal").json()["value"] == wanted["value"]


def test_latest_delta_link(lab: Lab) -> None:
    wanted = sample("users_delta_latest")
    got = lab.get("/users/delta?$deltatoken=latest").json()
    assert unlike(wanted, got) == []
    assert got["value"] == []


def test_membership_delta(lab: Lab) -> None:
    wanted = sample("groups_delta_members")
    item = wanted["value"][0]
    joined, left, device = (link["id"] for link in item["members@delta"])
    lab.tenant.upsert("user", left, {})
    lab.tenant.upsert("group", item["id"], {"displayName": item["displayName"], "onPremisesSyncEnabled": True})
    lab.tenant.set_members(item["id"], [left])
    _, link = lab.pages("/groups/delta?$select=displayName,onPremisesSyncEnabled,members")
    lab.tenant.upsert("user", joined, {})
    lab.tenant.upsert("device", device, {})
    lab.tenant.set_members(item["id"], [joined, device])
    got = lab.get(link).json()
    assert unlike(wanted, got) == []

    def by_id(found: dict[str, Any]) -> list[Any]:
        return sorted(found["value"][0]["members@delta"], key=lambda one: str(one["id"]))

    assert by_id(got) == by_id(wanted)


@pytest.mark.parametrize(
    ("name", "kind", "segment"), [("devices_delta", "device", "devices"), ("contacts_delta", "contact", "contacts")]
)
def test_delta_of_devices_and_contacts(lab: Lab, name: str, kind: Kind, segment: str) -> None:
    wanted = sample(name)
    select = "deviceId,displayName,onPremisesSecurityIdentifier,onPremisesSyncEnabled,trustType,physicalIds"
    for item in wanted["value"]:
        stored(lab, kind, item)
        if "@removed" in item:
            lab.tenant.delete(kind, item["id"])
    got, link = lab.pages(f"/{segment}/delta" + (f"?$select={select}" if kind == "device" else ""))
    assert "$deltatoken=" in link
    for expected in wanted["value"]:
        shown = next(item for item in got if item["id"] == expected["id"])
        names = [name for name in expected if expected[name] is not None and (kind == "contact" or name in select)]
        assert unlike({n: expected[n] for n in names}, shown) == []


def test_deleted_items(lab: Lab) -> None:
    wanted = sample("deleteditems_users")
    item = wanted["value"][0]
    lab.tenant.upsert(
        "user",
        item["id"],
        {
            "displayName": item["displayName"],
            "userPrincipalName": "old.user@contoso.com",
            "onPremisesSyncEnabled": True,
            "onPremisesImmutableId": item["onPremisesImmutableId"],
        },
    )
    lab.tenant.delete("user", item["id"])
    names = "id,displayName,userPrincipalName,deletedDateTime,onPremisesSyncEnabled,onPremisesImmutableId"
    got = lab.get(f"/directory/deletedItems/microsoft.graph.user?$select={names}").json()
    assert unlike(wanted, got) == []
    assert got["value"][0] == {**item, "deletedDateTime": "2026-03-02T09:00:00Z"}
    assert lab.get(f"/directory/deletedItems/{item['id']}").json()["id"] == item["id"]


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("organization_v1", "/v1.0/organization"),
        ("organization_beta", "/beta/organization"),
        ("domains", "/v1.0/domains"),
        ("onpremisessynchronization_v1", "/v1.0/directory/onPremisesSynchronization"),
    ],
)
def test_tenant_level_reads(lab: Lab, name: str, path: str) -> None:
    lab.app.delegated = True
    lab.tenant.add_domain("contoso.com", default=True)
    lab.tenant.add_domain("fabrikam.com", authentication="Federated")
    lab.tenant.record_sync()
    lab.tenant.profile.last_password_sync_ms = lab.now_ms
    wanted = sample(name)
    for item in wanted["value"]:  # postal details are not the lab's business
        for key in ["city", "marketingNotificationEmails", "securityComplianceNotificationMails"]:
            item.pop(key, None)
        for key in [k for k, v in item.items() if v is None or k == "securityComplianceNotificationPhones"]:
            item.pop(key)
        for key in ("businessPhones", "technicalNotificationMails"):
            if key in item:
                item[key] = []
    got = lab.get(f"{lab.url}{path}").json()
    assert unlike(wanted, got) == []
    assert got["@odata.context"] == wanted["@odata.context"].replace("https://graph.microsoft.com", lab.url)


def test_synchronization_jobs_with_their_odd_times(lab: Lab) -> None:
    wanted = sample("synchronization_jobs")
    principal = "4d5e6f70-8192-4a3b-8c4d-5e6f70819203"
    lab.tenant.profile.jobs[principal] = wanted["value"]
    path = f"/servicePrincipals/{principal}/synchronization/jobs"
    got = lab.get(path).json()
    assert got["value"] == wanted["value"]
    assert lab.get(f"{path}/{wanted['value'][0]['id']}").json()["status"] == wanted["value"][0]["status"]


def test_source_of_authority(lab: Lab) -> None:
    wanted = sample("onpremisessyncbehavior")
    lab.app.roles |= {"User-OnPremisesSyncBehavior.ReadWrite.All"}
    lab.tenant.upsert("user", wanted["id"], {})
    path = f"/users/{wanted['id']}/onPremisesSyncBehavior"
    assert properties(lab.get(path).json()) == properties(wanted)
    lab.tenant.set_cloud_managed(wanted["id"], True)
    assert lab.get(path).json()["isCloudManaged"] is True


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("directoryaudit_*.json")), ids=lambda path: path.stem)
def test_audit_rows_come_back_as_they_were_written(lab: Lab, path: Path) -> None:
    row = {k: v for k, v in json.loads(path.read_text()).items() if not k.startswith("@")}
    lab.tenant.append_log("directoryAudits", row)
    assert lab.get("/auditLogs/directoryAudits").json()["value"] == [row]
    target = (row["targetResources"] or [{"id": None}])[0]["id"]
    if target:
        filtered = lab.get(f"/auditLogs/directoryAudits?$filter=targetResources/any(t:t/id eq '{target}')")
        assert filtered.json()["value"] == [row]
    assert lab.get(f"/auditLogs/directoryAudits/{row['id']}").json()["id"] == row["id"]


@pytest.mark.parametrize(
    ("log", "name"),
    [
        ("provisioning", "provisioning_success"),
        ("provisioning", "provisioning_failure"),
        ("provisioning", "provisioning_skipped"),
        ("signIns", "signin_device_not_joined"),
        ("signIns", "signin_hybrid_joined"),
    ],
)
def test_other_logs_come_back_as_they_were_written(lab: Lab, log: Any, name: str) -> None:
    row = {k: v for k, v in sample(name).items() if not k.startswith("@")}
    lab.tenant.append_log(log, row)
    assert lab.get(f"/auditLogs/{log}").json()["value"] == [row]


def test_audit_page_with_a_next_link(lab: Lab) -> None:
    wanted = sample("directoryaudits_page")
    for row in [*wanted["value"], {"activityDateTime": "2026-03-02T09:20:00Z"}]:
        lab.tenant.append_log("directoryAudits", row)
    got = lab.get("/auditLogs/directoryAudits?$filter=activityDateTime ge 2026-03-02T09:00:00Z&$top=2").json()
    assert unlike(wanted, got) == []
    assert got["value"] == wanted["value"]


def refused(lab: Lab, name: str) -> Any:
    """Bring about the refusal of an error sample."""
    link = lab.pages("/users/delta")[1]
    match name:
        case "error_400_delta_select":
            return lab.get("/users/delta?$select=signInActivity")
        case "error_400_syncstatenotfound":
            lab.fault("sync_state_not_found")
        case "error_401_expired":
            lab.fault("unauthorized")
        case "error_403_forbidden":
            lab.fault("forbidden")
        case "error_404_notfound":
            return lab.get("/users/0d94c3b8-7e15-4f62-b1a9-5c8e2f607d34")
        case "error_410_resync":
            lab.fault("gone")
        case "error_429_identity":
            lab.fault("throttle", retry_after_s=12)
        case "error_429_reporting":
            lab.fault("throttle", retry_after_s=10)
            return lab.get("/auditLogs/signIns")
    return lab.get(link)


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("error_*.json")))
def test_refusals_look_like_the_samples(lab: Lab, name: str) -> None:
    wanted = sample(name)
    got = refused(lab, name)
    assert got.status_code == wanted["_http"]["status"]
    assert unlike(wanted["body"], got.json()) == []
    for part in ("code", "message"):
        assert got.json()["error"][part] == wanted["body"]["error"][part]
    for header, value in wanted["_http"].get("headers", {}).items():
        assert got.headers[header] == value.replace("https://graph.microsoft.com", lab.url)


def test_discovery_and_tokens(lab: Lab) -> None:
    got = lab.http.get(f"{lab.authority}/v2.0/.well-known/openid-configuration", timeout=120).json()
    wanted = sample("openid_configuration")
    for name in ("token_endpoint", "authorization_endpoint", "issuer", "jwks_uri", "end_session_endpoint"):
        assert got[name] == wanted[name].replace("https://login.microsoftonline.com", lab.url)
    assert TENANT_ID in got["issuer"]
    assert unlike(sample("token_success"), lab.token().json()) == []
    error = lab.token(client_secret="guess")
    wanted = sample("token_error")
    assert error.status_code == 401
    assert unlike(wanted, error.json()) == []
    assert error.json()["error_codes"] == wanted["error_codes"]


def test_batch_answer(lab: Lab) -> None:
    wanted = sample("batch_response")
    stored(lab, "user", sample("user_synced"))
    lab.fault("throttle", path="/users/b71e60a4", retry_after_s=9)
    base = "/users/{}?$select=id,onPremisesProvisioningErrors"
    users = {"1": "8c2f5d1e-94b7-4c0a-8b3f-6a1d20e57c91", "2": "b71e60a4-2d3c-49f8-a5e0-93c4d7f81b26"}
    items = [{"id": number, "method": "GET", "url": base.format(user)} for number, user in users.items()]
    got = lab.http.post(f"{lab.url}/v1.0/$batch", json={"requests": items}, headers=lab.headers(), timeout=120).json()
    assert unlike(wanted, got) == []
