"""The official SDK for Python, unmodified, reads the lab's Graph."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator
from typing import Any

import pytest

from deploy.lab.entra.generate import fill
from deploy.lab.sync.cloud_sync import CloudSync
from tests.integration.entra.conftest import Lab

pytestmark = [
    pytest.mark.graph_sdk,
    pytest.mark.usefixtures("graph_sdk"),
    # kiota-abstractions 1.16 and msgraph-sdk 1.65 warn about their own classes, at import
    pytest.mark.filterwarnings("ignore:GetQueryParameters is deprecated:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:This class is deprecated. Please use the generic:DeprecationWarning"),
]


class LabTokens:
    """An azure-core credential that asks the lab."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab

    async def get_token(self, *scopes: str, **_: Any) -> Any:
        """Return a fresh token."""
        from azure.core.credentials import AccessToken

        body = self._lab.token(scope=scopes[0]).json()
        return AccessToken(body["access_token"], 4_102_444_800)

    async def close(self) -> None:
        """Nothing to close."""


@pytest.fixture
async def graph(lab: Lab, graph_sdk: None) -> AsyncIterator[Any]:
    """A GraphServiceClient whose base address is the lab."""
    import httpx
    from kiota_authentication_azure.azure_identity_authentication_provider import (
        AzureIdentityAuthenticationProvider,
    )
    from msgraph import GraphRequestAdapter, GraphServiceClient
    from msgraph.graph_request_adapter import options
    from msgraph_core import GraphClientFactory

    base = f"{lab.url}/v1.0"
    trust = ssl.create_default_context(cafile=str(lab.certificates.ca_file))
    client = httpx.AsyncClient(verify=trust, base_url=base, trust_env=False)
    wire = client._transport  # the middleware hides it and forgets to close it
    http = GraphClientFactory.create_with_default_middleware(client=client, options=options)
    auth = AzureIdentityAuthenticationProvider(
        LabTokens(lab), scopes=["https://graph.microsoft.com/.default"], allowed_hosts=["127.0.0.1"]
    )
    adapter = GraphRequestAdapter(auth, client=http)
    adapter.base_url = base
    yield GraphServiceClient(request_adapter=adapter)
    await http.aclose()
    await wire.aclose()


def query(builder: Any, **parameters: Any) -> Any:
    """Return a request configuration with query parameters for a request builder."""
    from kiota_abstractions.base_request_configuration import RequestConfiguration

    made = next(value for name, value in vars(type(builder)).items() if name.endswith("QueryParameters"))
    return RequestConfiguration(query_parameters=made(**parameters))


async def follow(builder: Any, page: Any) -> tuple[list[Any], str]:
    """Follow the links of a delta round; return the items and the deltaLink."""
    items = list(page.value)
    while page.odata_next_link:
        page = await builder.with_url(page.odata_next_link).get()
        items += page.value
    return items, page.odata_delta_link


def unmodelled(value: Any, where: str = "") -> set[str]:
    """Return keys that the SDK's models do not know, annotations aside."""
    from kiota_abstractions.store import BackedModel

    if isinstance(value, list):
        return {name for one in value for name in unmodelled(one, where)}
    if not isinstance(value, BackedModel) and not hasattr(value, "additional_data"):
        return set()
    found = {f"{where}.{name}" for name in value.additional_data if not name.startswith("@")}
    stored = dict(value.backing_store.enumerate_()) if hasattr(value, "backing_store") else vars(value)
    for name, inner in stored.items():
        if name != "additional_data":
            found |= unmodelled(inner, f"{where}.{name}")
    return found


async def test_delta_of_users_over_pages_and_rounds(lab: Lab, graph: Any) -> None:
    fill(lab.tenant, 40)
    select = ["displayName", "onPremisesSyncEnabled", "proxyAddresses", "onPremisesProvisioningErrors"]
    delta = graph.users.delta
    items, link = await follow(delta, await delta.get(query(delta, select=select)))
    assert {item.id for item in items} == set(lab.tenant.ids("user"))
    assert all(item.on_premises_sync_enabled is True and item.mail is None for item in items)
    changed, deleted, purged, *_ = (item.id for item in items)
    lab.tenant.set_provisioning_errors(
        "user", changed, [{"propertyCausingError": "ProxyAddresses", "value": "SMTP:a@x"}]
    )
    lab.tenant.delete("user", deleted)
    lab.tenant.hard_delete("user", purged)
    found = {item.id: item for item in (await follow(delta, await delta.with_url(link).get()))[0]}
    assert found[changed].on_premises_provisioning_errors[0].value == "SMTP:a@x"
    assert found[deleted].additional_data["@removed"] == {"reason": "changed"}
    assert found[purged].additional_data["@removed"] == {"reason": "deleted"}
    assert set(found) == {changed, deleted, purged}


async def test_restored_users_come_back_as_plain_items(lab: Lab, graph: Any) -> None:
    user = lab.tenant.upsert("user", None, {"userPrincipalName": "a@contoso.com"})
    delta = graph.users.delta
    _, link = await follow(delta, await delta.get())
    lab.tenant.delete("user", user)
    lab.tenant.restore("user", user)
    (item,), _ = await follow(delta, await delta.with_url(link).get())
    assert (item.id, item.user_principal_name) == (user, "a@contoso.com")
    assert "@removed" not in item.additional_data


async def test_members_of_a_group_are_merged_over_pages(lab: Lab, graph: Any) -> None:
    people = [lab.tenant.upsert("user", None, {}) for _ in range(12)]
    group = lab.tenant.upsert("group", None, {"displayName": "g"})
    lab.tenant.set_members(group, people)
    delta = graph.groups.delta
    items, link = await follow(delta, await delta.get(query(delta, select=["displayName", "members"])))
    assert {item.id for item in items} == {group}
    assert len(items) == 3
    links = [one for item in items for one in item.additional_data["members@delta"]]
    assert {str(one["id"]) for one in links} == set(people)  # the SDK makes UUIDs of them
    lab.tenant.remove_member(group, people[0])
    (item,), _ = await follow(delta, await delta.with_url(link).get())
    (gone,) = item.additional_data["members@delta"]
    assert (str(gone["id"]), gone["@removed"]) == (people[0], {"reason": "deleted"})


async def test_devices_and_contacts_have_delta_too(lab: Lab, graph: Any) -> None:
    fill(lab.tenant, 40)
    for delta, kind in ((graph.devices.delta, "device"), (graph.contacts.delta, "contact")):
        items, _ = await follow(delta, await delta.get())
        assert {item.id for item in items} == set(lab.tenant.ids(kind))


async def test_a_lost_delta_token_is_an_error_the_client_can_act_on(lab: Lab, graph: Any) -> None:
    from msgraph.generated.models.o_data_errors.o_data_error import ODataError

    delta = graph.users.delta
    _, link = await follow(delta, await delta.get())
    lab.fault("gone")
    with pytest.raises(ODataError) as gone:
        await delta.with_url(link).get()
    assert gone.value.response_status_code == 410
    assert gone.value.response_headers["location"].endswith("/v1.0/users/delta?$deltatoken=")
    lab.fault("sync_state_not_found")
    with pytest.raises(ODataError) as lost:
        await delta.with_url(link).get()
    assert (lost.value.response_status_code, lost.value.error.code) == (400, "syncStateNotFound")


async def test_throttled_and_failing_calls_are_retried_by_the_client(lab: Lab, graph: Any) -> None:
    user = lab.tenant.upsert("user", None, {})
    throttle = lab.fault("throttle", path="/users", retry_after_s=1, times=2)
    lab.fault("server_error", path="/users", status=503, retry_after_s=1)
    page = await graph.users.get()
    assert [item.id for item in page.value] == [user]
    assert throttle not in lab.faults._active


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [("missing", 404, "Request_ResourceNotFound"), ("denied", 403, "Authorization_RequestDenied")],
)
async def test_refusals_are_parsed(lab: Lab, graph: Any, path: str, status: int, code: str) -> None:
    from msgraph.generated.models.o_data_errors.o_data_error import ODataError

    if path == "denied":
        lab.fault("forbidden")
    with pytest.raises(ODataError) as refused:
        await graph.users.by_user_id("0d94c3b8-7e15-4f62-b1a9-5c8e2f607d34").get()
    assert (refused.value.response_status_code, refused.value.error.code) == (status, code)
    assert refused.value.error.inner_error.request_id


async def test_everything_the_lab_serves_fits_the_models(lab: Lab, graph: Any) -> None:
    fill(lab.tenant, 40)
    lab.app.delegated = True
    user = lab.tenant.ids("user")[0]
    lab.tenant.grant_admin(user)
    lab.tenant.delete("user", lab.tenant.ids("user")[1])
    lab.tenant.append_log("directoryAudits", {"activityDisplayName": "Update user", "result": "success"})
    lab.tenant.append_log("provisioning", {"provisioningAction": "create"})
    lab.tenant.append_log("signIns", {"userPrincipalName": "a@contoso.com"})
    select = ["id", "onPremisesExtensionAttributes", "onPremisesProvisioningErrors", "userType", "identities"]
    served = {
        "users": await graph.users.get(
            query(graph.users, select=select, top=5, filter="onPremisesSyncEnabled eq true")
        ),
        "user": await graph.users.by_user_id(user).get(),
        "groups": await graph.groups.get(),
        "members": await graph.groups.by_group_id(lab.tenant.ids("group")[0]).members.get(),
        "contacts": await graph.contacts.get(),
        "devices": await graph.devices.get(),
        "organization": await graph.organization.get(),
        "domains": await graph.domains.get(),
        "synchronization": await graph.directory.on_premises_synchronization.get(),
        "deleted": await graph.directory.deleted_items.graph_user.get(),
        "roles": await graph.role_management.directory.role_assignments.get(),
        "audits": await graph.audit_logs.directory_audits.get(
            query(graph.audit_logs.directory_audits, filter="activityDateTime ge 2026-03-02T00:00:00Z", top=10)
        ),
        "provisioning": await graph.audit_logs.provisioning.get(),
        "signIns": await graph.audit_logs.sign_ins.get(),
    }
    assert [name for name, page in served.items() if name != "user" and not page.value] == []
    assert {name: keys for name, page in served.items() if (keys := unmodelled(page))} == {}
    assert len(served["users"].value) == 5
    assert served["organization"].value[0].on_premises_sync_enabled is True
    assert served["synchronization"].value[0].features.password_sync_enabled is True
    assert served["roles"].value[0].principal_id == user
    assert served["audits"].value[0].activity_date_time.year == 2026


async def test_objects_by_ids_of_several_kinds(lab: Lab, graph: Any) -> None:
    from msgraph.generated.directory_objects.get_by_ids.get_by_ids_post_request_body import (
        GetByIdsPostRequestBody,
    )
    from msgraph.generated.models.group import Group
    from msgraph.generated.models.user import User

    user, group = lab.tenant.upsert("user", None, {}), lab.tenant.upsert("group", None, {})
    body = GetByIdsPostRequestBody(ids=[user, group, "0d94c3b8-7e15-4f62-b1a9-5c8e2f607d34"])
    found = {item.id: type(item) for item in (await graph.directory_objects.get_by_ids.post(body)).value}
    assert found == {user: User, group: Group}


async def test_the_groups_by_which_a_job_is_scoped_are_parsed(lab: Lab, graph: Any) -> None:
    cloud = CloudSync(lab.tenant, "corp.contoso.local")
    job_id = cloud.add("AD2AADProvisioning")
    cloud.scope(job_id, "CN=Pilot,DC=corp")
    jobs = graph.service_principals.by_service_principal_id(cloud.principal_id).synchronization.jobs
    schema = await jobs.by_synchronization_job_id(job_id).schema.get()
    [rule] = schema.synchronization_rules
    assert (rule.group_filter.included_groups, rule.container_filter.included_containers) == (["CN=Pilot,DC=corp"], [])
    assert unmodelled(schema) == set()


async def test_synchronization_jobs_are_parsed(lab: Lab, graph: Any) -> None:
    from tests.integration.entra.test_samples import sample

    principal = "4d5e6f70-8192-4a3b-8c4d-5e6f70819203"
    lab.tenant.profile.jobs[principal] = sample("synchronization_jobs")["value"]
    page = await graph.service_principals.by_service_principal_id(principal).synchronization.jobs.get()
    assert [job.status.code.value for job in page.value] == ["Active", "Quarantine", "Paused"]
    assert unmodelled(page) == set()
