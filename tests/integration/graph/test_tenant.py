"""The tenant's state: each part alone, unknown where refused, told with every reading."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from deploy.lab.entra.faults import Fault
from deploy.lab.sync.cloud_sync import CloudSync
from producers.graph.client import GraphClient, GraphError
from producers.graph.mapping.synchronization import groups_of, job_of
from producers.graph.tenant import TenantTask
from streams.contracts.facts import TenantState
from streams.runtime.clock import HybridClock
from tests.support.graph_lab import TENANT, GraphLab, drain


def states(lab: GraphLab, source, after_s: float = 0) -> list[TenantState]:
    lab.later(after_s)
    return [state for batch in drain(source) for state in batch.tenants]


def test_a_delegated_application_reads_all_parts(lab: GraphLab) -> None:
    lab.app.delegated = True
    admin = lab.tenant.ids("user")[0]
    lab.tenant.grant_admin(admin)
    with lab.source() as source:
        state = states(lab, source)[-1]
    assert state.tenant == TENANT
    assert {domain.name: domain.is_verified for domain in state.domains or ()} == {
        "contoso.com": True,
        "contoso.onmicrosoft.com": True,
    }
    assert [domain.name for domain in state.domains or () if domain.is_initial] == ["contoso.onmicrosoft.com"]
    assert state.organization is not None and state.organization["onPremisesSyncEnabled"] is True
    assert state.features is not None and state.features["quarantineUponUpnConflictEnabled"] is True
    assert state.privileged_ids == [admin]


def test_refused_features_are_unknown_not_off(lab: GraphLab) -> None:
    with lab.source() as source:
        state = states(lab, source)[-1]
    assert state.features is None and state.domains and state.organization


def test_domains_fall_back_to_the_organization(lab: GraphLab) -> None:
    lab.faults.add(Fault("forbidden", path="/domains", times=None))
    with lab.source() as source:
        state = states(lab, source)[-1]
    assert {domain.name for domain in state.domains or ()} == {"contoso.com", "contoso.onmicrosoft.com"}


def test_each_reading_is_told_with_its_time(lab: GraphLab) -> None:
    """A last synchronisation that stands still is judged by when it was read, not by when it changed."""
    with lab.source() as source:
        first = states(lab, source)[-1].organization
        (again,) = states(lab, source, 101)
        assert first is not None and again.organization is not None
        assert again.organization["readDateTime"] > first["readDateTime"]
        assert {**again.organization, "readDateTime": None} == {**first, "readDateTime": None}
        assert again.organization["directorySizeQuota"]["total"] > 0
        lab.tenant.add_domain("fabrikam.com", authentication="Federated", verified=False)
        (state,) = states(lab, source, 101)
        (new,) = [domain for domain in state.domains or () if domain.name == "fabrikam.com"]
        assert not new.is_verified and new.authentication_type == "Federated"


@pytest.mark.parametrize("part", ["/organization", "/domains", "/roleManagement"])
def test_a_part_out_of_reach_keeps_its_last_value(lab: GraphLab, part: str) -> None:
    with lab.source() as source:
        before = states(lab, source)[-1]
        lab.faults.add(Fault("server_error", path=part, times=None))
        for told in states(lab, source, 101):
            assert _parts(told) == _parts(before)
        lab.tenant.set_features(blockSoftMatchEnabled=True)
        lab.app.delegated = True
        lab.faults.expire_tokens()
        (after,) = states(lab, source, 101)
    assert _parts(after) == _parts(before)
    assert after.features is not None


def _parts(state: TenantState) -> tuple[object, ...]:
    organization = {**(state.organization or {}), "readDateTime": None}
    return organization, state.domains, state.privileged_ids


def test_settings_of_the_synchronisation_come_from_both_versions(lab: GraphLab) -> None:
    lab.app.delegated = True
    lab.tenant.profile.deletion_threshold = 750
    with lab.source() as source:
        state = states(lab, source)[-1]
        lab.faults.add(Fault("server_error", path="/directory/onPremisesSynchronization", times=None))
        (kept,) = states(lab, source, 101)
    assert state.synchronization == {
        "deletion_prevention": "enabledForCount",
        "deletion_threshold": 750,
        "anchor_attribute": "mS-DS-ConsistencyGuid",
        "client_version": "2.6.92.0",
        "interval_s": 1800,
    }
    assert state.refused == {}
    assert (kept.synchronization, kept.features) == (state.synchronization, state.features)


def test_jobs_of_cloud_sync(lab: GraphLab) -> None:
    cloud = CloudSync(lab.tenant, "corp.contoso.local")
    held, new = cloud.add("AD2AADProvisioning"), cloud.add("AAD2ADGroupProvisioning")
    cloud.ran(held, exported=3)
    cloud.quarantine(held, "TooManyDeletes", code="HybridSynchronizationTooManyDeletes")
    with lab.source() as source:
        jobs = {job["id"]: job for job in states(lab, source)[-1].jobs or ()}
    assert set(jobs) == {held, new}
    assert jobs[new] == {
        "id": new,
        "kind": "AAD2ADGroupProvisioning",
        "service_principal": cloud.principal_id,
        "state": "Active",
        "code": "NotRun",
        "failures": 0,
        "escrowed": False,
        "forest": "corp.contoso.local",
        "deletion_threshold": 500,
    }
    assert {name: jobs[held][name] for name in ("code", "quarantine_reason", "quarantine_error", "failures")} == {
        "code": "Quarantine",
        "quarantine_reason": "TooManyDeletes",
        "quarantine_error": "HybridSynchronizationTooManyDeletes",
        "failures": 1,
    }
    assert jobs[held]["quarantine_since"] and jobs[held]["last_run"] and jobs[held]["last_success"]


@pytest.mark.parametrize("groups", [["CN=B,DC=corp", "CN=A,DC=corp"], []])
def test_a_job_tells_by_which_groups_it_is_scoped(lab: GraphLab, groups: list[str]) -> None:
    cloud = CloudSync(lab.tenant, "corp.contoso.local")
    scoped = cloud.add("AD2AADProvisioning")
    cloud.scope(scoped, *groups)
    with lab.source() as source:
        [job] = states(lab, source)[-1].jobs or []
    assert job["groups"] == sorted(groups)


def test_where_its_schema_is_refused_the_job_is_told_all_the_same(lab: GraphLab) -> None:
    CloudSync(lab.tenant, "corp.contoso.local").add("AD2AADProvisioning")
    lab.app.delegated = True
    lab.faults.add(Fault("forbidden", path="/schema$", times=None))
    with lab.source() as source:
        state = states(lab, source)[-1]
    [job] = state.jobs or []
    assert job["forest"] == "corp.contoso.local" and "groups" not in job
    assert state.refused == {}


@pytest.mark.parametrize(
    ("rules", "groups"),
    [
        ([{"groupFilter": {"includedGroups": ["CN=B", 1, "CN=A"]}}, {"groupFilter": None}, "x"], ["CN=A", "CN=B"]),
        ([{"name": "rule"}, {"groupFilter": {"includedGroups": "CN=A"}}], []),
        ("many", None),
        (None, None),
    ],
)
def test_what_a_schema_says_of_groups(rules: object, groups: list[str] | None) -> None:
    assert groups_of({"synchronizationRules": rules}) == groups


def test_a_time_that_was_never_set_is_absent() -> None:
    execution = {"timeEnded": "0001-01-01T00:00:00Z"}
    job = job_of({"id": "X.1", "status": {"lastExecution": execution, "lastSuccessfulExecution": execution}}, "sp")
    assert job == {"id": "X.1", "kind": "X", "service_principal": "sp"}


def test_a_job_tells_its_forest_and_its_deletion_threshold() -> None:
    """As Microsoft shows it: "Understand the Microsoft Entra schema"."""
    said = [("ForestFQDN", "Contoso.com"), ("QuarantineTooManyDeletesThreshold", "500"), ("Domain", "{}")]
    settings: list[object] = [{"name": name, "value": value} for name, value in said]
    job = job_of({"id": "AD2AADProvisioning.1", "synchronizationJobSettings": [*settings, "x", {"name": 1}]}, "sp")
    assert (job["forest"], job["deletion_threshold"]) == ("contoso.com", 500)
    for value in ("many", "9" * 40):
        odd = {"name": "QuarantineTooManyDeletesThreshold", "value": value}
        assert "deletion_threshold" not in job_of({"id": "X.1", "synchronizationJobSettings": [odd]}, "sp")


def test_without_cloud_sync_there_are_no_jobs(lab: GraphLab) -> None:
    with lab.source() as source:
        assert states(lab, source)[-1].jobs == []


@pytest.mark.parametrize(
    ("path", "part"), [(r"/servicePrincipals$", "service_principals"), ("/synchronization/jobs", "jobs")]
)
def test_refused_jobs_are_unknown_and_name_what_lacks_each_time(lab: GraphLab, path: str, part: str) -> None:
    CloudSync(lab.tenant, "corp.contoso.local").add("AD2AADProvisioning")
    lab.app.delegated = True
    number = lab.faults.add(Fault("forbidden", path=path, times=None))
    with lab.source() as source:
        first = states(lab, source)[-1]
        (again,) = states(lab, source, 101)
        lab.faults.clear(number)
        (granted,) = states(lab, source, 101)
    assert first.jobs is None and first.domains
    assert first.refused == {
        part: "403 Authorization_RequestDenied: Insufficient privileges to complete the operation."
    }
    assert again.refused == first.refused
    assert granted.refused == {} and granted.jobs


def test_both_parts_of_one_refused_request_are_told(lab: GraphLab) -> None:
    with lab.source() as source:
        state = states(lab, source)[-1]
    assert state.synchronization is None
    assert set(state.refused) == {"features", "synchronization"}


def test_what_does_not_exist_is_unknown_and_no_refusal() -> None:
    answers = {"/roleAssignments": 404, "/domains": 403}
    state = told_by(answers)
    assert state.privileged_ids is None and state.domains is None
    assert state.refused == {"domains": "403 Denied: request ... at ... failed"}


def test_refusals_of_other_tasks_are_told_too_and_end_with_them() -> None:
    more = {"audits": "403 Denied"}
    task = TenantTask(Answers({}), TENANT, "entra", HybridClock(), 100)
    task.also_refused(lambda: more)
    (first,) = task.apply(task.fetch()).tenants
    assert first.refused == {"audits": "403 Denied"}
    more.clear()
    (again,) = task.apply(task.fetch()).tenants
    assert again.refused == {}


class Answers(GraphClient):
    """Empty lists, and `refusals`: the status for every path that contains a text."""

    def __init__(self, refusals: dict[str, int]) -> None:
        self._refusals = refusals
        self._base = "https://graph.test"

    def get(self, url: str, headers: object = None) -> dict[str, Any]:
        for path, status in self._refusals.items():
            if path in url:
                message = f"request {uuid.uuid4()} at 2026-11-26T10:00:00Z failed"
                raise GraphError(status, "Denied", message, url)
        return {"value": []}


def told_by(refusals: dict[str, int]) -> TenantState:
    task = TenantTask(Answers(refusals), TENANT, "entra", HybridClock(), 100)
    (state,) = task.apply(task.fetch()).tenants
    return state


def test_users_that_are_mapped_to_an_object_of_ad_and_synchronised_no_longer(lab: GraphLab) -> None:
    """Read from the beta, of those few alone; where it does not answer they are unknown, and not called refused."""
    mapped, free, synced = lab.tenant.ids("user")[:3]
    source_guid = str(uuid.uuid4())
    for user, said in (
        (mapped, {"onPremisesSyncEnabled": False, "onPremisesObjectIdentifier": source_guid.upper()}),
        (free, {"onPremisesSyncEnabled": False, "onPremisesObjectIdentifier": None}),
        (synced, {"onPremisesSyncEnabled": True, "onPremisesObjectIdentifier": source_guid}),
    ):
        lab.tenant.upsert("user", user, {"onPremisesImmutableId": f"{user[:22]}==", **said})
    with lab.source() as source:
        assert states(lab, source)[-1].object_identifiers == {mapped: source_guid}
        lab.faults.add(Fault("forbidden", path="^/users$", times=None))
        told = states(lab, source, 101)[-1]
    assert told.object_identifiers is None and "object_identifiers" not in told.refused
    lab.faults.clear()
    with pytest.raises(GraphError, match="onPremisesObjectIdentifier"):
        client = GraphClient(lab.settings())
        client.get(client.url("/users?$select=onPremisesObjectIdentifier"))
