"""What a tenant says about itself: organization, domains, synchronization features, roles, jobs."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.lab.entra.graph_time import Clock, graph_time

FEATURES: Final = (
    "allowOnPremUpdateOfOnPremisesObjectIdentifierEnabled",
    "blockCloudObjectTakeoverThroughHardMatchEnabled",
    "blockSoftMatchEnabled",
    "bypassDirSyncOverridesEnabled",
    "cloudPasswordPolicyForPasswordSyncedUsersEnabled",
    "concurrentCredentialUpdateEnabled",
    "concurrentOrgIdProvisioningEnabled",
    "deviceWritebackEnabled",
    "directoryExtensionsEnabled",
    "fopeConflictResolutionEnabled",
    "groupWriteBackEnabled",
    "passwordSyncEnabled",
    "passwordWritebackEnabled",
    "quarantineUponProxyAddressesConflictEnabled",
    "quarantineUponUpnConflictEnabled",
    "softMatchOnUpnEnabled",
    "synchronizeUpnForManagedUsersEnabled",
    "unifiedGroupWritebackEnabled",
    "userForcePasswordChangeOnLogonEnabled",
    "userWritebackEnabled",
)
_ON_BY_DEFAULT = frozenset(
    {
        "concurrentCredentialUpdateEnabled",
        "concurrentOrgIdProvisioningEnabled",
        "passwordSyncEnabled",
        "quarantineUponProxyAddressesConflictEnabled",
        "quarantineUponUpnConflictEnabled",
        "softMatchOnUpnEnabled",
        "synchronizeUpnForManagedUsersEnabled",
    }
)
ROLES: Final = {
    "Global Administrator": "62e90394-69f5-4237-9190-012177145e10",
    "User Administrator": "fe930be7-5e62-47db-91af-98c3a49a38b1",
    "Hybrid Identity Administrator": "8ac3fc64-6eca-42ea-9e69-59f4c7b60eb2",
    "Helpdesk Administrator": "729827e3-9c14-49f7-bb1b-9608f156bbb8",
    "Directory Synchronization Accounts": "d29b2b05-8046-44ba-8758-1e26182fcf32",
}

CLOUD_SYNC_TEMPLATE: Final = "1a4721b3-e57f-4451-ae87-ef078703ec94"


@dataclass(slots=True)
class Domain:
    """A domain of the tenant; `name` is its Graph id."""

    name: str
    authentication: str = "Managed"
    verified: bool = True
    default: bool = False
    initial: bool = False


@dataclass(slots=True)
class RoleAssignment:
    """A directory role held by a user, group or service principal over the whole tenant."""

    id: str
    principal_id: str
    role: str


@dataclass(slots=True)
class TenantProfile:
    """The mutable facts of one tenant that are not directory objects."""

    tenant_id: str
    display_name: str
    clock: Clock
    created_ms: int
    domains: dict[str, Domain] = field(default_factory=dict)
    roles: list[RoleAssignment] = field(default_factory=list)
    jobs: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    schemas: dict[str, dict[str, Any]] = field(default_factory=dict)
    principals: dict[str, str] = field(default_factory=dict)
    features: dict[str, bool] = field(default_factory=lambda: {name: name in _ON_BY_DEFAULT for name in FEATURES})
    sync_enabled: bool | None = True
    last_sync_ms: int | None = None
    last_password_sync_ms: int | None = None
    deletion_prevention: str = "enabledForCount"
    deletion_threshold: int = 500
    client_version: str = "2.6.92.0"
    client_machine: str = "AADC01"
    sync_interval: str = "PT30M"
    quota_total: int = 300_000
    premium: bool = True

    def organization(self, *, beta: bool, used: int) -> dict[str, Any]:
        """Return the organization entity; `used` is the number of directory objects."""
        item: dict[str, Any] = {
            "id": self.tenant_id,
            "deletedDateTime": None,
            "businessPhones": [],
            "city": None,
            "country": None,
            "countryLetterCode": "EG",
            "createdDateTime": graph_time(self.created_ms),
            "displayName": self.display_name,
            "onPremisesLastSyncDateTime": _time(self.last_sync_ms),
            "onPremisesSyncEnabled": self.sync_enabled,
            "preferredLanguage": "en",
            "technicalNotificationMails": [],
            "tenantType": "AAD",
            "assignedPlans": [],
            "provisionedPlans": [],
            "verifiedDomains": [
                {
                    "capabilities": "Email, OfficeCommunicationsOnline",
                    "isDefault": domain.default,
                    "isInitial": domain.initial,
                    "name": domain.name,
                    "type": domain.authentication,
                }
                for domain in self.domains.values()
                if domain.verified
            ],
        }
        if beta:
            item["onPremisesLastPasswordSyncDateTime"] = _time(self.last_password_sync_ms)
            item["directorySizeQuota"] = {"used": used, "total": self.quota_total}
        return item

    def domain_items(self) -> list[dict[str, Any]]:
        """Return the domains collection, unverified domains included."""
        return [
            {
                "authenticationType": domain.authentication,
                "availabilityStatus": None,
                "id": domain.name,
                "isAdminManaged": True,
                "isDefault": domain.default,
                "isInitial": domain.initial,
                "isRoot": True,
                "isVerified": domain.verified,
                "supportedServices": ["Email", "OfficeCommunicationsOnline"] if domain.verified else [],
                "manufacturer": None,
                "model": None,
                "passwordValidityPeriodInDays": 2147483647 if domain.authentication == "Managed" else None,
                "passwordNotificationWindowInDays": 14 if domain.authentication == "Managed" else None,
                "state": None,
            }
            for domain in self.domains.values()
        ]

    def on_premises_synchronization(self, *, beta: bool) -> dict[str, Any]:
        """Return the synchronization entity: deletion prevention and feature flags."""
        configuration: dict[str, Any] = {
            "accidentalDeletionPrevention": {
                "synchronizationPreventionType": self.deletion_prevention,
                "alertThreshold": self.deletion_threshold,
            }
        }
        if beta:
            configuration |= {
                "anchorAttribute": "mS-DS-ConsistencyGuid",
                "applicationId": "1651564e-7ce4-4d99-88be-0a65050d8dc3",
                "synchronizationClientVersion": self.client_version,
                "synchronizationInterval": self.sync_interval,
                "customerRequestedSynchronizationInterval": None,
                "writebackConfiguration": {"unifiedGroupContainer": None, "userContainer": None},
                "currentExportData": {"clientMachineName": self.client_machine},
            }
        return {"id": self.tenant_id, "configuration": configuration, "features": dict(self.features)}

    def role_items(self) -> list[dict[str, Any]]:
        """Return the role assignments."""
        return [
            {
                "id": assignment.id,
                "principalId": assignment.principal_id,
                "roleDefinitionId": ROLES[assignment.role],
                "directoryScopeId": "/",
            }
            for assignment in self.roles
        ]

    def service_principal_items(self) -> list[dict[str, Any]]:
        """Return the service principals the lab knows: those of Cloud Sync, named after their AD domain."""
        return [
            {
                "id": principal_id,
                "accountEnabled": True,
                "displayName": self.principals.get(principal_id, self.display_name),
                "applicationTemplateId": CLOUD_SYNC_TEMPLATE,
                "servicePrincipalType": "Application",
            }
            for principal_id in self.jobs
        ]

    def grant(self, principal_id: str, role: str) -> None:
        """Give a directory role; a role held already is left as it is.

        Raises:
            ValueError: no such role in `ROLES`.
        """
        if role not in ROLES:
            raise ValueError(f"no role {role!r}; known: {', '.join(ROLES)}")
        if not any(r.principal_id == principal_id and r.role == role for r in self.roles):
            self.roles.append(RoleAssignment(uuid.uuid4().hex, principal_id, role))


def _time(ms: int | None) -> str | None:
    return None if ms is None else graph_time(ms)
