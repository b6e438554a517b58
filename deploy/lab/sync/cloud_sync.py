"""Cloud Sync's jobs and their provisioning log, as Graph shows them.

Source: Microsoft Graph v1.0 metadata (synchronizationJob, provisioningObjectSummary); Microsoft, "Application
provisioning in quarantine status". Times that were never set are the year 1, as the service sends them.
"""

from __future__ import annotations

import uuid
from typing import Any, Final, Literal

from deploy.lab.entra.graph_time import graph_time
from deploy.lab.entra.tenant import TenantStore

JobName = Literal["AD2AADProvisioning", "AD2AADPasswordHash", "AAD2ADGroupProvisioning"]
Reason = Literal[
    "EncounteredBaseEscrowThreshold", "EncounteredTotalEscrowThreshold", "EncounteredEscrowProportionThreshold",
    "EncounteredQuarantineException", "QuarantinedOnDemand", "TooManyDeletes", "IngestionInterrupted", "Unknown",
]  # fmt: skip
Status = Literal["success", "failure", "skipped"]
_NEVER: Final = "0001-01-01T00:00:00Z"
_OFF: Final = "P10675199DT2H48M5.4775807S"
_RETRY_MS: Final = 6 * 3_600_000
_PROVISIONER = {"id": "", "displayName": "Azure AD Provisioning Service", "initiatorType": "system"}


def go_on(store: TenantStore) -> None:
    """Each job that is well runs once more, as it does every two minutes by itself, and finds nothing to do."""
    now = graph_time(store.clock())
    for job in (job for jobs in store.profile.jobs.values() for job in jobs):
        status = job["status"]
        well = status["code"] == "Active" and not status["countSuccessiveCompleteFailures"]
        if well and job["schedule"]["state"] == "Active" and status["lastExecution"] is not None:
            for name in ("lastExecution", "lastSuccessfulExecution"):
                status[name] = status[name] | {"timeBegan": now, "timeEnded": now}


class CloudSync:
    """The jobs of one Cloud Sync configuration, i.e. of one AD domain.

    principal_id: the service principal under which Graph lists the jobs, made from the domain.
    """

    def __init__(self, store: TenantStore, domain: str) -> None:
        self._store, self.domain = store, domain
        self.principal_id = str(uuid.uuid5(uuid.uuid5(uuid.NAMESPACE_DNS, store.tenant_id), domain))
        self._jobs = store.profile.jobs.setdefault(self.principal_id, [])
        store.profile.principals[self.principal_id] = domain

    def add(self, name: JobName) -> str:
        """Add an active job that has never run; return its id."""
        job_id = f"{name}.{self._store.tenant_id.replace('-', '')}.{self.principal_id}"
        self._jobs.append(
            {
                "id": job_id,
                "templateId": name,
                "schedule": {"expiration": None, "interval": "PT2M", "state": "Active"},
                "status": {
                    "countSuccessiveCompleteFailures": 0,
                    "escrowsPruned": False,
                    "code": "NotRun",
                    "lastExecution": None,
                    "lastSuccessfulExecution": None,
                    "lastSuccessfulExecutionWithExports": None,
                    "quarantine": None,
                    "steadyStateFirstAchievedTime": _NEVER,
                    "steadyStateLastAchievedTime": _NEVER,
                    "troubleshootingUrl": "",
                    "progress": [],
                    "synchronizedEntryCountByType": [],
                },
                "synchronizationJobSettings": [
                    {"name": "DomainFQDN", "value": self.domain},
                    {"name": "ForestFQDN", "value": self.domain},
                    {"name": "QuarantineTooManyDeletesThreshold", "value": "500"},
                ],
            }
        )
        return job_id

    def scope(self, job_id: str, *groups: str) -> None:
        """Name the groups, by DN, whose direct members alone the job brings; none: everybody."""
        rule = {
            "id": "5c1f3a7e-4b2d-4e0a-9d43-0f6e2b7c8a91", "name": "AD to Entra ID", "priority": 1, "editable": True,
            "sourceDirectoryName": "Active Directory", "targetDirectoryName": "Microsoft Entra ID",
            "groupFilter": {"includedGroups": list(groups)}, "containerFilter": {"includedContainers": []},
            "objectMappings": [], "metadata": [],
        }  # fmt: skip
        self._store.profile.schemas[job_id] = {"synchronizationRules": [rule]}

    def ran(self, job_id: str, *, exported: int = 0, escrowed: int = 0) -> None:
        """A run that ended well; `escrowed`: objects that failed and are kept for another try."""
        status = self._status(job_id)
        now = graph_time(self._store.clock())
        execution = self._execution("EntryLevelErrors" if escrowed else "Succeeded", exported, escrowed, None)
        status |= {"code": "Active", "countSuccessiveCompleteFailures": 0, "quarantine": None}
        status |= {"lastExecution": execution, "lastSuccessfulExecution": execution}
        status["steadyStateLastAchievedTime"] = now
        if status["steadyStateFirstAchievedTime"] == _NEVER:
            status["steadyStateFirstAchievedTime"] = now
        if exported:
            status["lastSuccessfulExecutionWithExports"] = execution

    def quarantine(
        self,
        job_id: str,
        reason: Reason,
        *,
        code: str = "HybridIdentityServiceNoActiveAgents",
        message: str = "There are no active agents for this domain.",
    ) -> None:
        """A run that failed as a whole and put the job into quarantine, or kept it there."""
        status = self._status(job_id)
        now_ms = self._store.clock()
        error = {"code": code, "message": message, "tenantActionable": True}
        earlier = status["quarantine"]
        status["code"] = "Quarantine"
        status["countSuccessiveCompleteFailures"] += 1
        status["lastExecution"] = self._execution("Failed", 0, 0, error)
        status["quarantine"] = {
            "currentBegan": earlier["currentBegan"] if earlier else graph_time(now_ms),
            "error": error,
            "nextAttempt": graph_time(now_ms + _RETRY_MS),
            "reason": reason,
            "seriesBegan": earlier["seriesBegan"] if earlier else graph_time(now_ms),
            "seriesCount": earlier["seriesCount"] + 1 if earlier else 1,
        }

    def failed(self, job_id: str, *, code: str = "HybridSynchronizationActiveDirectoryInternalServerError") -> None:
        """A run that failed as a whole; the service weighs a quarantine much later."""
        status = self._status(job_id)
        error = {"code": code, "message": "The agent cannot reach a domain controller.", "tenantActionable": True}
        status["countSuccessiveCompleteFailures"] += 1
        status["lastExecution"] = self._execution("Failed", 0, 0, error)

    def pause(self, job_id: str) -> None:
        """Somebody switches the job off."""
        self._job(job_id)["schedule"] |= {"interval": _OFF, "state": "Disabled"}
        self._status(job_id)["code"] = "Paused"

    def resume(self, job_id: str) -> None:
        """Somebody switches the job on again; a quarantine is forgotten."""
        self._job(job_id)["schedule"] |= {"interval": "PT2M", "state": "Active"}
        self._status(job_id).update(code="Active", quarantine=None, countSuccessiveCompleteFailures=0)

    def provisioned(
        self,
        job_id: str,
        group_id: str,
        name: str,
        status: Status,
        *,
        error: str = "HybridSynchronizationActiveDirectoryInsufficientAccessRights",
        reason: str = "The agent service account lacks the rights to create the object.",
        target_id: str = "",
    ) -> str:
        """Append the provisioning row of one group; return its id. `target_id`: objectGUID of its copy in AD."""
        information = {
            "errorCode": error,
            "reason": reason,
            "additionalDetails": None,
            "errorCategory": "failure",
            "recommendedAction": None,
        }
        row = {
            "tenantId": self._store.tenant_id,
            "jobId": job_id,
            "cycleId": str(uuid.uuid4()),
            "changeId": str(uuid.uuid4()),
            "provisioningAction": "other" if status == "skipped" else "create",
            "durationInMilliseconds": 1200,
            "servicePrincipal": {"id": self.principal_id, "displayName": self.domain},
            "sourceSystem": _system(self.principal_id, "Microsoft Entra ID"),
            "targetSystem": _system(self.principal_id, "Active Directory"),
            "initiatedBy": _PROVISIONER,
            "sourceIdentity": {
                "id": group_id,
                "displayName": name,
                "identityType": "Group",
                "details": {"id": group_id, "odatatype": "Group", "DisplayName": name},
            },
            "targetIdentity": {
                "id": target_id if status == "success" else "",
                "displayName": name if status == "success" else "",
                "identityType": "group",
                "details": {},
            },
            "provisioningStatusInfo": {
                "status": status,
                "errorInformation": information if status == "failure" else None,
            },
            "provisioningSteps": _steps(group_id, name, status),
            "modifiedProperties": [] if status == "skipped" else [_named(name)],
        }
        return self._store.append_log("provisioning", row)

    def _execution(self, state: str, exported: int, escrowed: int, error: dict[str, Any] | None) -> dict[str, Any]:
        now = graph_time(self._store.clock())
        counts = {"countEntitled": exported, "countEntitledForProvisioning": exported, "countImported": exported}
        return {
            "activityIdentifier": str(uuid.uuid4()),
            **counts,
            "countEscrowed": escrowed,
            "countEscrowedRaw": escrowed,
            "countExported": exported,
            "countExports": exported,
            "countImportedDeltas": exported,
            "countImportedReferenceDeltas": 0,
            "error": error,
            "state": state,
            "timeBegan": now,
            "timeEnded": now,
        }

    def _job(self, job_id: str) -> dict[str, Any]:
        return next(job for job in self._jobs if job["id"] == job_id)

    def _status(self, job_id: str) -> dict[str, Any]:
        status: dict[str, Any] = self._job(job_id)["status"]
        return status


def _system(principal_id: str, name: str) -> dict[str, Any]:
    return {"id": str(uuid.uuid5(uuid.UUID(principal_id), name)), "displayName": name, "details": {}}


def _named(name: str) -> dict[str, Any]:
    return {"displayName": "cn", "oldValue": None, "newValue": name}


def _steps(group_id: str, name: str, status: Status) -> list[dict[str, Any]]:
    """Import, then the step at which it ended."""
    received = _step(
        "EntryImportAdd", "import", "success", f"Received Group '{name}' change of type (Add) from Microsoft Entra ID"
    )
    received["details"] = {"objectId": group_id, "displayName": name}
    if status == "skipped":
        last = _step("EntrySynchronizationSkip", "processing", status, f"Group '{name}' was skipped: not in scope")
        last["details"] = {"SkipReason": "NotEffectivelyEntitled", "ReportableIdentifier": name}
        return [received, last]
    told = f"Group '{name}' was created in" if status == "success" else f"Failed to create Group '{name}' in"
    last = _step("EntryExportAdd", "export", status, f"{told} Active Directory")
    last["details"] = {"ReportableIdentifier": name}
    return [received, last]


def _step(name: str, kind: str, status: Status, description: str) -> dict[str, Any]:
    return {"name": name, "provisioningStepType": kind, "status": status, "description": description, "details": {}}
