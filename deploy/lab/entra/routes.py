"""Every Graph address of the lab: who may call it, which limit it counts against, who answers.

Source of the permissions: microsoft-graph-devx-content, permissions.json. Device delta takes
`Device.Read.All` and nothing coarser.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from deploy.lab.entra import read_delta, read_logs, read_objects, read_tenant
from deploy.lab.entra.messages import Answer, Call
from deploy.lab.entra.service import GraphService
from deploy.lab.entra.throttling import Workload

Handler = Callable[[GraphService, Call, tuple[str, ...]], Answer]

_DIRECTORY = ("Directory.Read.All", "Directory.ReadWrite.All")
_USERS = ("User.Read.All", "User.ReadWrite.All", *_DIRECTORY)
_DELETED_GROUPS = ("Group.Read.All", "Group.ReadWrite.All", *_DIRECTORY)
_GROUPS = ("GroupMember.Read.All", "Group.Read.All", "Group.ReadWrite.All", *_DIRECTORY)
_DEVICES = ("Device.Read.All", "Device.ReadWrite.All", *_DIRECTORY)
_DEVICE_DELTA = ("Device.Read.All",)
_CONTACTS = ("OrgContact.Read.All", *_DIRECTORY)
_AUDITS = ("AuditLog.Read.All",)
_PROVISIONING = ("ProvisioningLog.Read.All", "AuditLog.Read.All")
_ORGANIZATION = ("Organization.Read.All", "Organization.ReadWrite.All", *_DIRECTORY)
_DOMAINS = ("Domain.Read.All", "Domain.ReadWrite.All", *_DIRECTORY)
_SYNC = ("OnPremDirectorySynchronization.Read.All", "OnPremDirectorySynchronization.ReadWrite.All")
_BEHAVIOR = {
    "users": ("User-OnPremisesSyncBehavior.ReadWrite.All",),
    "groups": ("Group-OnPremisesSyncBehavior.ReadWrite.All",),
    "contacts": ("Contacts-OnPremisesSyncBehavior.ReadWrite.All",),
}
_ROLES = ("RoleManagement.Read.Directory", "RoleManagement.Read.All", *_DIRECTORY)
_JOBS = ("Synchronization.Read.All", "Synchronization.ReadWrite.All", "Application.ReadWrite.OwnedBy")
_APPLICATIONS = ("Application.Read.All", "Application.ReadWrite.All", *_DIRECTORY)
_OBJECTS = ("User.Read.All", "GroupMember.Read.All", "Group.Read.All", "OrgContact.Read.All", *_DEVICES)
_READ = {"users": _USERS, "groups": _GROUPS, "devices": _DEVICES, "contacts": _CONTACTS}


@dataclass(frozen=True, slots=True)
class Route:
    """One address. The groups of `pattern` are handed to `handler`; any of `permissions` suffices."""

    pattern: re.Pattern[str]
    permissions: tuple[str, ...]
    handler: Handler
    workload: Workload = "identity"
    cost: int = 1
    method: str = "GET"


def _routes() -> list[Route]:
    found = []
    for segment, permissions in _READ.items():
        own = _DEVICE_DELTA if segment == "devices" else permissions
        name = f"/({segment})"
        found += [
            Route(re.compile(rf"{name}/(?:(?:microsoft\.)?graph\.)?delta(?:\(\))?"), own, read_delta.delta),
            Route(re.compile(name), permissions, read_objects.list_objects, cost=2 if segment == "users" else 1),
            Route(re.compile(rf"{name}/\$count"), permissions, read_objects.count_objects),
            Route(re.compile(rf"{name}/([^/]+)"), permissions, read_objects.get_object),
        ]
    for segment, permissions in _BEHAVIOR.items():
        pattern = re.compile(rf"/({segment})/([^/]+)/onPremisesSyncBehavior")
        found.append(Route(pattern, permissions, read_objects.sync_behavior))
    for kind, permissions in (("user", _USERS), ("group", _DELETED_GROUPS), ("device", _DEVICES)):
        pattern = re.compile(rf"/directory/deletedItems/(?:microsoft\.)?graph\.({kind})")
        found.append(Route(pattern, permissions, read_tenant.deleted_items))
    return [*found, *_SINGLE]


_SINGLE: Final = [
    Route(re.compile(r"/users/([^/]+)/manager"), _USERS, read_objects.manager_of),
    Route(re.compile(r"/groups/([^/]+)/members(?:/\$ref)?"), _GROUPS, read_objects.list_members, cost=3),
    Route(
        re.compile(r"/directoryObjects/(?:(?:microsoft\.)?graph\.)?getByIds"),
        _OBJECTS,
        read_objects.get_by_ids,
        method="POST",
    ),
    Route(re.compile(r"/directory/deletedItems/([^/.]+)"), _OBJECTS, read_tenant.deleted_item),
    Route(re.compile(r"/organization(?:/([^/]+))?"), _ORGANIZATION, read_tenant.organization),
    Route(re.compile(r"/domains(?:/([^/]+))?"), _DOMAINS, read_tenant.domains),
    Route(
        re.compile(r"/directory/onPremisesSynchronization(?:/([^/]+))?"),
        _SYNC,
        read_tenant.on_premises_synchronization,
    ),
    Route(
        re.compile(r"/roleManagement/directory/roleAssignments(?:/([^/]+))?"),
        _ROLES,
        read_tenant.role_assignments,
    ),
    Route(
        re.compile(r"/roleManagement/directory/roleDefinitions(?:/([^/]+))?"),
        _ROLES,
        read_tenant.role_definitions,
    ),
    Route(re.compile(r"/servicePrincipals(?:/([^/]+))?"), _APPLICATIONS, read_tenant.service_principals),
    Route(
        re.compile(r"/servicePrincipals/([^/]+)/synchronization/jobs(?:/([^/]+))?"),
        _JOBS,
        read_tenant.synchronization_jobs,
    ),
    Route(
        re.compile(r"/servicePrincipals/([^/]+)/synchronization/jobs/([^/]+)/schema"),
        _JOBS,
        read_tenant.synchronization_schema,
    ),
    Route(re.compile(r"/auditLogs/(directoryAudits|signIns)"), _AUDITS, read_logs.list_log, "reports"),
    Route(re.compile(r"/auditLogs/(provisioning)"), _PROVISIONING, read_logs.list_log, "reports"),
    Route(re.compile(r"/auditLogs/(directoryAudits|signIns)/([^/]+)"), _AUDITS, read_logs.get_row, "reports"),
    Route(re.compile(r"/auditLogs/(provisioning)/([^/]+)"), _PROVISIONING, read_logs.get_row, "reports"),
]
ROUTES: Final = _routes()
_KEY = re.compile(r"\((?:(deviceId=)|id=)?'([^']*)'\)")


def normal(path: str) -> str:
    """Bring a path to one spelling: no trailing slash, keys as segments."""
    return _KEY.sub(lambda match: f"/{match[1] or ''}{match[2]}", path.rstrip("/"))


def find(method: str, path: str) -> tuple[Route, tuple[str, ...]] | None:
    """Return the route of a normal path and its groups, or None."""
    for route in ROUTES:
        if route.method == method and (match := route.pattern.fullmatch(path)):
            return route, tuple(group or "" for group in match.groups())
    return None
