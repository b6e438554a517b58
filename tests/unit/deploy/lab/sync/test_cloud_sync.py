"""Cloud Sync's jobs and rows have the shape Graph gives them (graph.md 4, 5)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from deploy.lab.entra.tenant import TenantStore
from deploy.lab.sync.cloud_sync import CloudSync

SAMPLES = Path(__file__).parents[4] / "integration/entra/samples"


@pytest.fixture
def tenant() -> TenantStore:
    return TenantStore("3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60", "contoso.onmicrosoft.com")


@pytest.fixture
def sync(tenant: TenantStore) -> CloudSync:
    return CloudSync(tenant, "corp.contoso.local")


def _job(tenant: TenantStore, sync: CloudSync, job_id: str) -> dict[str, Any]:
    return next(job for job in tenant.profile.jobs[sync.principal_id] if job["id"] == job_id)


def _keys(value: Any) -> set[str]:
    return set(value) if isinstance(value, dict) else set()


def test_a_job_runs_is_quarantined_paused_and_resumed(tenant, sync) -> None:
    job_id = sync.add("AD2AADProvisioning")
    assert _job(tenant, sync, job_id)["status"]["code"] == "NotRun"
    sync.ran(job_id, exported=4)
    status = _job(tenant, sync, job_id)["status"]
    assert (status["code"], status["lastExecution"]["state"]) == ("Active", "Succeeded")
    sync.quarantine(job_id, "TooManyDeletes", code="TooManyDeletes", message="Delete threshold exceeded")
    sync.quarantine(job_id, "TooManyDeletes", code="TooManyDeletes", message="Delete threshold exceeded")
    assert status["code"] == "Quarantine"
    assert (status["quarantine"]["reason"], status["quarantine"]["seriesCount"]) == ("TooManyDeletes", 2)
    assert status["countSuccessiveCompleteFailures"] == 2
    assert status["lastSuccessfulExecution"]["state"] == "Succeeded"
    sync.pause(job_id)
    assert (status["code"], _job(tenant, sync, job_id)["schedule"]["state"]) == ("Paused", "Disabled")
    sync.resume(job_id)
    assert (status["code"], status["quarantine"]) == ("Active", None)


def test_jobs_have_the_properties_of_the_sample(tenant, sync) -> None:
    job_id = sync.add("AAD2ADGroupProvisioning")
    sync.ran(job_id)
    sync.quarantine(job_id, "EncounteredQuarantineException")
    own = _job(tenant, sync, job_id)
    sample = json.loads((SAMPLES / "synchronization_jobs.json").read_text())["value"][1]
    assert own["id"].startswith("AAD2ADGroupProvisioning.3f9d0b526c1e4a779b8e1d2c3b4a5f60.")
    assert _keys(own) == _keys(sample)
    for part in ("lastExecution", "quarantine"):
        assert _keys(own["status"][part]) == _keys(sample["status"][part])
    assert _keys(own["status"]) == _keys(sample["status"])


@pytest.mark.parametrize("status", ["success", "failure", "skipped"])
def test_provisioning_rows_have_the_properties_of_the_samples(tenant, sync, status) -> None:
    job_id = sync.add("AAD2ADGroupProvisioning")
    row_id = sync.provisioned(job_id, "e5b8c201-9f4a-4736-b0d1-27a6f8c93e15", "Fabrikam Merger", status)
    (row,) = [each.item() for each in tenant.logs["provisioning"].oldest_first()]
    sample = json.loads((SAMPLES / f"provisioning_{status}.json").read_text())
    assert (row["id"], row["jobId"]) == (row_id, job_id)
    assert _keys(row) == _keys(sample)
    assert row["provisioningStatusInfo"]["status"] == status
    assert row["provisioningAction"] == sample["provisioningAction"]
    mine, theirs = row["provisioningStatusInfo"]["errorInformation"], sample["provisioningStatusInfo"]
    assert _keys(mine) == _keys(theirs["errorInformation"])
    assert row["provisioningSteps"][-1]["status"] == sample["provisioningSteps"][-1]["status"]
