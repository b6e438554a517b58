"""The lab's Graph on the wire: headers, errors, permissions, options, faults and limits."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest
import requests

from deploy.lab.entra.graph_time import DAY_MS
from tests.integration.entra.conftest import ADMIN_SECRET, CLIENT_ID, TENANT_ID, Lab


def people(lab: Lab, count: int) -> list[str]:
    return [
        lab.tenant.upsert("user", None, {"displayName": f"U{n}", "userPrincipalName": f"u{n}@contoso.com"})
        for n in range(count)
    ]


def error_code(response: requests.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


@pytest.mark.parametrize(
    "path",
    [
        "/users/delta?$select=displayName",
        "/users/delta()?%24select=displayName",
        "/users/microsoft.graph.delta?$select=displayName",
        "/users/microsoft.graph.delta()?select=displayName",
    ],
)
def test_every_spelling_of_delta_pages_to_the_end(lab: Lab, path: str) -> None:
    ids = people(lab, 9)
    items, link = lab.pages(path)
    assert [item["id"] for item in items] == ids
    assert all(set(item) == {"id", "displayName"} for item in items)
    lab.tenant.upsert("user", ids[0], {"displayName": "renamed"})
    items, _ = lab.pages(link)
    assert items == [{"id": ids[0], "displayName": "renamed"}]


def test_links_are_absolute_and_spelled_by_the_host_the_client_used(lab: Lab) -> None:
    people(lab, 9)
    other = lab.url.replace("127.0.0.1", "localhost")
    body = lab.http.get(f"{other}/beta/users/delta", headers=lab.headers(), timeout=120).json()
    assert body["@odata.nextLink"].startswith(f"{other}/beta/users/delta?$skiptoken=")
    assert body["@odata.context"].startswith(f"{other}/beta/$metadata#users")


@pytest.mark.parametrize("name", ["$deltatoken", "$deltaToken", "%24deltatoken"])
def test_latest_gives_a_link_and_no_objects(lab: Lab, name: str) -> None:
    ids = people(lab, 3)
    items, link = lab.pages(f"/users/delta?{name}=latest&$select=displayName")
    assert items == []
    lab.tenant.delete("user", ids[1])
    assert lab.pages(link)[0] == [{"id": ids[1], "@removed": {"reason": "changed"}}]


def test_minimal_is_asked_for_by_prefer_and_confirmed(lab: Lab) -> None:
    ids = people(lab, 1)
    _, link = lab.pages("/users/delta?$select=displayName,mail,department")
    lab.tenant.upsert("user", ids[0], {"department": "Finance"})
    response = lab.get(link, Prefer="return=minimal")
    assert response.json()["value"] == [{"id": ids[0], "department": "Finance"}]
    assert response.headers["Preference-Applied"] == "return=minimal"


def test_the_tracked_set_can_be_changed_with_a_delta_token_but_not_between_pages(lab: Lab) -> None:
    ids = people(lab, 9)
    first = lab.get("/users/delta?$select=displayName").json()["@odata.nextLink"]
    assert lab.get(f"{first}&$select=mail").status_code == 400
    _, link = lab.pages(first)
    lab.tenant.upsert("user", ids[0], {"mail": "m@x"})
    assert lab.pages(f"{link}&$select=mail")[0] == [{"id": ids[0], "mail": "m@x"}]


def test_delta_of_named_objects_only(lab: Lab) -> None:
    ids = people(lab, 6)
    items, _ = lab.pages(f"/users/delta?$filter=id eq '{ids[1]}' or id eq '{ids[4]}'")
    assert [item["id"] for item in items] == [ids[1], ids[4]]
    many = " or ".join(f"id eq '{uuid.uuid4()}'" for _ in range(51))
    assert error_code(lab.get(f"/users/delta?$filter={many}")) == (400, "BadRequest")
    assert error_code(lab.get("/users/delta?$filter=displayName eq 'x'")) == (400, "BadRequest")


@pytest.mark.parametrize(
    "query", ["$top=5", "$orderby=displayName", "$expand=manager", "$select=signInActivity", "$select=nonsense"]
)
def test_delta_refuses_what_graph_refuses(lab: Lab, query: str) -> None:
    assert error_code(lab.get(f"/users/delta?{query}")) == (400, "BadRequest")


def test_a_delta_link_older_than_a_week_asks_for_a_resync(lab: Lab) -> None:
    people(lab, 1)
    _, link = lab.pages("/users/delta")
    lab.now_ms += 7 * DAY_MS + 1
    assert error_code(lab.get(link)) == (400, "syncStateNotFound")


def test_gone_points_to_the_start_over_address_once(lab: Lab) -> None:
    ids = people(lab, 2)
    _, link = lab.pages("/users/delta")
    lab.fault("gone", path="/users/delta")
    response = lab.get(link)
    assert response.status_code == 410
    assert response.headers["Location"] == f"{lab.url}/v1.0/users/delta?$deltatoken="
    assert {item["id"] for item in lab.pages(response.headers["Location"])[0]} == set(ids)
    assert lab.get(link).status_code == 200


def test_users_show_few_properties_until_asked_and_null_is_not_false(lab: Lab) -> None:
    (user,) = people(lab, 1)
    plain = lab.get(f"/users/{user}").json()
    assert "onPremisesSyncEnabled" not in plain
    full = lab.get(f"/users/{user}?$select=onPremisesSyncEnabled,proxyAddresses").json()
    assert full["onPremisesSyncEnabled"] is None
    assert full["proxyAddresses"] == []
    assert lab.get("/users/u0@contoso.com").json()["id"] == user


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("userPrincipalName eq 'U1@contoso.com'", {1}),
        ("userPrincipalName in ('u1@contoso.com','u2@contoso.com')", {1, 2}),
        ("onPremisesSyncEnabled eq true", {2, 3}),
        ("onPremisesProvisioningErrors/any(o:o/category eq 'PropertyConflict')", {3}),
        ("onPremisesProvisioningErrors/$count ne 0", {3}),
        ("onPremisesProvisioningErrors/$count eq 0", {0, 1, 2}),
        ("proxyAddresses/any(p:p eq 'smtp:two@x')", {2}),
        ("startswith(displayName,'U') and not (onPremisesSyncEnabled eq true)", {0, 1}),
    ],
)
def test_filters_find_the_right_users(lab: Lab, condition: str, found: set[int]) -> None:
    ids = people(lab, 4)
    for number in (2, 3):
        lab.tenant.upsert("user", ids[number], {"onPremisesSyncEnabled": True})
    lab.tenant.upsert("user", ids[2], {"proxyAddresses": ["SMTP:two@x"]})
    lab.tenant.set_provisioning_errors(
        "user", ids[3], [{"propertyCausingError": "ProxyAddresses", "value": "SMTP:two@x"}]
    )
    items, _ = lab.pages(f"/users?$filter={condition}&$select=id&$top=1", ConsistencyLevel="eventual")
    assert {item["id"] for item in items} == {ids[number] for number in found}
    counted = lab.get(f"/users?$filter={condition}&$count=true", ConsistencyLevel="eventual").json()
    assert counted["@odata.count"] == len(found)


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/users/8c2f5d1e-94b7-4c0a-8b3f-6a1d20e57c91", 404, "Request_ResourceNotFound"),
        ("/groups/nobody/members", 404, "Request_ResourceNotFound"),
        ("/planets", 400, "BadRequest"),
        ("/users?$select=nonsense", 400, "BadRequest"),
        ("/users?$filter=displayName eq", 400, "BadRequest"),
        ("/users?$filter=nonsense eq 'x'", 400, "BadRequest"),
        ("/users?$top=1000", 400, "Request_UnsupportedQuery"),
        ("/users?$skiptoken=AAAA", 400, "BadRequest"),
        ("/users/delta?$skiptoken=AAAA", 400, "BadRequest"),
        ("/auditLogs/directoryAudits?$filter=createdDateTime ge 2026-03-02T00:00:00Z", 400, "BadRequest"),
        ("/auditLogs/directoryAudits?$filter=activityDateTime gt 2026-03-02T00:00:00Z", 400, "UnsupportedQuery"),
        ("/auditLogs/provisioning?$filter=activityDateTime ge 2026-03-02T00:00:00Z", 400, "UnsupportedQuery"),
        ("/auditLogs/signIns?$filter=deviceDetail/trustType eq 'x'", 400, "BadRequest"),
        ("/directory/onPremisesSynchronization", 403, "Authorization_RequestDenied"),
    ],
)
def test_refusals_carry_the_code_graph_gives(lab: Lab, path: str, status: int, code: str) -> None:
    assert error_code(lab.get(path)) == (status, code)


def test_an_unknown_segment_is_named(lab: Lab) -> None:
    message = lab.get("/planets/earth").json()["error"]["message"]
    assert message == "Resource not found for the segment 'planets'."


def test_every_answer_can_be_traced(lab: Lab) -> None:
    mine = str(uuid.uuid4())
    for path, status in (("/users", 200), ("/planets", 400)):
        response = lab.get(path, client_request_id=mine)
        assert response.status_code == status
        assert response.headers["client-request-id"] == mine
        assert uuid.UUID(response.headers["request-id"])
        assert "ServerInfo" in response.headers["x-ms-ags-diagnostic"]
        assert "Date" in response.headers
    assert lab.get("/users").headers["Content-Type"] == (
        "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"
    )


@pytest.mark.parametrize(
    ("path", "permission"),
    [
        ("/users", "User.Read.All"),
        ("/users/delta", "User.Read.All"),
        ("/groups/delta", "GroupMember.Read.All"),
        ("/devices", "Device.Read.All"),
        ("/devices/delta", "Device.Read.All"),
        ("/contacts/delta", "OrgContact.Read.All"),
        ("/auditLogs/directoryAudits", "AuditLog.Read.All"),
        ("/auditLogs/signIns", "AuditLog.Read.All"),
        ("/auditLogs/provisioning", "ProvisioningLog.Read.All"),
        ("/organization", "Organization.Read.All"),
        ("/domains", "Domain.Read.All"),
        ("/directory/deletedItems/microsoft.graph.user", "User.Read.All"),
        ("/directory/deletedItems/microsoft.graph.group", "Group.Read.All"),
        ("/roleManagement/directory/roleAssignments", "RoleManagement.Read.Directory"),
    ],
)
def test_each_call_needs_its_permission(lab: Lab, path: str, permission: str) -> None:
    lab.app.roles = frozenset({permission})
    assert lab.get(path).status_code == 200
    lab.app.roles = frozenset({"Mail.Read"})
    assert error_code(lab.get(path)) == (403, "Authorization_RequestDenied")


def test_device_delta_takes_nothing_coarser_than_its_own_permission(lab: Lab) -> None:
    lab.app.roles = frozenset({"Directory.Read.All"})
    assert lab.get("/devices").status_code == 200
    assert lab.get("/devices/delta").status_code == 403


def test_deleted_groups_take_more_than_living_ones_and_deleted_devices_the_beta(lab: Lab) -> None:
    lab.app.roles = frozenset({"GroupMember.Read.All", "Device.Read.All"})
    assert lab.get("/groups").status_code == 200
    assert lab.get("/directory/deletedItems/microsoft.graph.group").status_code == 403
    lab.tenant.keeps_deleted_devices = True
    device = lab.tenant.upsert("device", None, {"displayName": "PC", "trustType": "ServerAd"})
    lab.tenant.delete("device", device)
    path = "/directory/deletedItems/microsoft.graph.device"
    assert lab.get(path).status_code == 400
    assert [item["id"] for item in lab.get(f"{lab.url}/beta{path}").json()["value"]] == [device]


def test_writes_are_refused(lab: Lab) -> None:
    response = lab.http.post(f"{lab.url}/v1.0/users", json={}, headers=lab.headers(), timeout=120)
    assert error_code(response) == (403, "Authorization_RequestDenied")


def test_no_token_is_a_challenge(lab: Lab) -> None:
    response = lab.http.get(f"{lab.url}/v1.0/planets", timeout=120)
    assert error_code(response) == (401, "InvalidAuthenticationToken")
    assert "WWW-Authenticate" in response.headers


def test_batch_answers_each_item_by_itself(lab: Lab) -> None:
    (user,) = people(lab, 1)
    lab.fault("throttle", path="/groups", retry_after_s=9)
    requests_ = [
        {"id": "1", "method": "GET", "url": f"/users/{user}?$select=id,displayName"},
        {"id": "2", "method": "GET", "url": "/groups"},
        {"id": "3", "method": "GET", "url": f"{lab.url}/v1.0/users/nobody"},
        {"id": "4", "method": "GET", "url": "/users", "dependsOn": ["3"]},
        {"id": "5", "method": "GET", "url": "/users/$count", "headers": {"ConsistencyLevel": "eventual"}},
    ]
    url = f"{lab.url}/v1.0/$batch"
    response = lab.http.post(url, json={"requests": requests_}, headers=lab.headers(), timeout=120)
    answers = {item["id"]: item for item in response.json()["responses"]}
    assert {number: item["status"] for number, item in answers.items()} == {
        "1": 200, "2": 429, "3": 404, "4": 424, "5": 200,
    }  # fmt: skip
    assert answers["1"]["body"]["displayName"] == "U0"
    assert answers["2"]["headers"]["Retry-After"] == "9"
    too_many = {"requests": [{"id": str(n), "method": "GET", "url": "/users"} for n in range(21)]}
    assert lab.http.post(url, json=too_many, headers=lab.headers(), timeout=120).status_code == 400


def test_throttling_comes_with_and_without_the_time_to_return(lab: Lab) -> None:
    lab.fault("throttle", path="/users", retry_after_s=12)
    lab.fault("throttle", path="/users")
    first, second, third = lab.get("/users"), lab.get("/users"), lab.get("/users")
    assert error_code(first) == (429, "TooManyRequests")
    assert first.headers["Retry-After"] == "12"
    assert first.headers["x-ms-throttle-scope"] == f"Tenant_Application/Read/{CLIENT_ID}/{TENANT_ID}"
    assert second.status_code == 429
    assert "Retry-After" not in second.headers
    assert third.status_code == 200


def test_the_limits_of_reports_hold(throttled_lab: Lab) -> None:
    answers = [throttled_lab.get("/auditLogs/directoryAudits").status_code for _ in range(6)]
    assert answers[:5] == [200] * 5
    assert answers[5] == 429
    assert throttled_lab.get("/users?$select=id&$top=5").headers["x-ms-resource-unit"] == "1"


def test_one_permission_can_be_withdrawn_and_given_back(lab: Lab) -> None:
    lab.app.roles = frozenset({"User.Read.All", "Domain.Read.All"})
    number = lab.fault("forbidden", permission="User.Read.All", times=None)
    assert lab.get("/users").status_code == 403
    assert lab.get("/domains").status_code == 200
    lab.faults.clear(number)
    assert lab.get("/users").status_code == 200


@pytest.mark.parametrize(
    ("kind", "fields", "status"),
    [
        ("unauthorized", {}, 401),
        ("forbidden", {}, 403),
        ("server_error", {"status": 504, "retry_after_s": 1}, 504),
        ("slow", {"delay_s": 0.01}, 200),
    ],
)
def test_faults_happen_once_then_pass(lab: Lab, kind: str, fields: dict[str, float], status: int) -> None:
    lab.fault(kind, path="/users", **fields)
    assert lab.get("/users").status_code == status
    assert lab.get("/users").status_code == 200


def test_a_page_cut_in_half_is_no_page(lab: Lab) -> None:
    people(lab, 4)
    lab.fault("cut", path="/users/delta")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.exceptions.ConnectionError)):
        lab.get("/users/delta")
    assert lab.get("/users/delta").status_code == 200


def test_an_empty_page_may_still_have_a_next_link(lab: Lab) -> None:
    ids = people(lab, 2)
    lab.fault("empty_page", path="/users/delta")
    body = lab.get("/users/delta").json()
    assert body["value"] == []
    assert {item["id"] for item in lab.pages(body["@odata.nextLink"])[0]} == set(ids)


def test_a_partial_round_lasts_one_round(lab: Lab) -> None:
    ids = people(lab, 9)
    lab.fault("partial", path="/users/delta", ids=frozenset(ids[2:4]))
    assert {item["id"] for item in lab.pages("/users/delta")[0]} == set(ids) - set(ids[2:4])
    assert lab.get(f"/users/{ids[2]}").status_code == 200
    assert {item["id"] for item in lab.pages("/users/delta")[0]} == set(ids)


def test_page_links_expire_on_command(lab: Lab) -> None:
    people(lab, 9)
    link = lab.get("/users/delta").json()["@odata.nextLink"]
    lab.fault("page_token_expired")
    assert error_code(lab.get(link)) == (400, "Directory_ExpiredPageToken")


def test_replication_delay_runs_by_the_lab_clock(lab: Lab) -> None:
    ids = people(lab, 1)
    _, link = lab.pages("/users/delta")
    lab.faults.replication_delay_s = 60
    lab.now_ms += 1000
    lab.tenant.upsert("user", ids[0], {"displayName": "late"})
    items, link = lab.pages(link)
    assert items == []
    lab.now_ms += 61_000
    assert [item["id"] for item in lab.pages(link)[0]] == ids


def test_logs_page_newest_first_within_the_window(lab: Lab) -> None:
    for number in range(5):
        lab.tenant.append_log("directoryAudits", {"activityDisplayName": f"a{number}", "correlationId": "c"})
        lab.now_ms += 1000
    path = "/auditLogs/directoryAudits?$filter=activityDateTime ge 2026-03-02T09:00:01Z&$top=2"
    items, _ = lab.pages(path)
    assert [item["activityDisplayName"] for item in items] == ["a4", "a3", "a2", "a1"]
    items, _ = lab.pages("/auditLogs/directoryAudits?$orderby=activityDateTime asc&$top=2")
    assert [item["activityDisplayName"] for item in items] == ["a0", "a1", "a2", "a3", "a4"]


def test_sign_ins_need_a_premium_licence(lab: Lab) -> None:
    lab.tenant.profile.premium = False
    assert error_code(lab.get("/auditLogs/signIns")) == (
        403,
        "Authentication_RequestFromNonPremiumTenantOrB2CTenant",
    )
    assert lab.get("/auditLogs/directoryAudits").status_code == 200


def admin(lab: Lab, method: Callable[..., requests.Response], path: str, body: object) -> requests.Response:
    headers = {"X-Lab-Admin": ADMIN_SECRET}
    return method(f"{lab.url}/lab/admin/{path}", json=body, headers=headers, timeout=120)


def test_another_process_can_drive_the_lab(lab: Lab) -> None:
    change = {"do": "upsert", "with": {"kind": "user", "object_id": None, "properties": {"displayName": "A"}}}
    user = admin(lab, lab.http.post, f"tenants/{TENANT_ID}", change).json()["result"]
    assert lab.get(f"/users/{user}").json()["displayName"] == "A"
    admin(lab, lab.http.post, "faults", {"kind": "throttle", "path": "/users", "times": None})
    assert lab.get("/users").status_code == 429
    admin(lab, lab.http.delete, "faults", None)
    assert lab.get("/users").status_code == 200
    admin(lab, lab.http.patch, "conditions", {"replication_delay_s": 5})
    assert lab.faults.replication_delay_s == 5
    assert admin(lab, lab.http.post, "faults", {"kind": "flood"}).status_code == 400
    assert admin(lab, lab.http.post, f"tenants/{TENANT_ID}", {"do": "__init__"}).status_code == 400


def test_administration_needs_its_secret(lab: Lab) -> None:
    url = f"{lab.url}/lab/admin/tokens/expire"
    assert lab.http.post(url, timeout=120).status_code == 403
    assert lab.http.post(url, headers={"X-Lab-Admin": "guess"}, timeout=120).status_code == 403
    assert lab.faults.token_generation == 0


def test_a_device_is_found_by_its_device_id(lab: Lab) -> None:
    device = lab.tenant.upsert("device", None, {"deviceId": "d28f6b04-3ce9-47a1-b5d0-8f7ae2c1934b"})
    found = lab.get("/devices(deviceId='D28F6B04-3ce9-47a1-b5d0-8f7ae2c1934b')").json()
    assert found["id"] == device
    assert lab.get(f"/devices('{device}')").json()["id"] == device


def test_members_page_and_show_their_type(lab: Lab) -> None:
    ids = people(lab, 3)
    group = lab.tenant.upsert("group", None, {"displayName": "g"})
    lab.tenant.set_members(group, ids)
    items, _ = lab.pages(f"/groups/{group}/members?$top=2&$select=id")
    assert items == [{"@odata.type": "#microsoft.graph.user", "id": one} for one in ids]


def test_a_long_filter_without_an_index_answers_in_short_pages(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.lab.entra.read_objects._EXAMINE", 3)
    ids = people(lab, 10)
    lab.tenant.upsert("user", ids[9], {"department": "Finance"})
    first = lab.get("/users?$filter=department eq 'Finance'").json()
    assert first["value"] == []
    assert [item["id"] for item in lab.pages(first["@odata.nextLink"])[0]] == [ids[9]]
