"""The audit rows of self-service password reset: several for one operation, under one correlation id."""

from __future__ import annotations

import itertools
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from deploy.lab.entra.tenant import TenantStore

PROGRESS = "Self-service password reset flow activity progress"
_SERVICE = "Self-service Password Management"
_AGENT = "Microsoft Entra Connect"
_SERIALS = itertools.count(1)


@dataclass(frozen=True, slots=True)
class WritebackUser:
    """Whose password it is. `anchor`: source anchor, base64; `forest`: DNS name of the AD domain."""

    guid: uuid.UUID
    entra_id: str
    user_principal_name: str
    display_name: str
    anchor: str
    forest: str


class WritebackAudit:
    """Appends the rows of one operation; `initiator` is who asked: the user, or an administrator's UPN."""

    def __init__(self, store: TenantStore, user: WritebackUser, correlation_id: str, admin: str | None = None) -> None:
        self._store, self._user, self._correlation_id, self._admin = store, user, correlation_id, admin

    def row(self, activity: str, result: Literal["success", "failure"], reason: str, *, agent: bool = False) -> None:
        """Append one row; `agent`: it names what wrote to Active Directory."""
        details = [{"key": "OnPremisesAgent", "value": _AGENT}] if agent else []
        self._append(activity, result, reason, service=_SERVICE, details=details)

    def core_reset(self) -> None:
        """Append the row of the directory itself, which the cloud half of a reset leaves."""
        self._append("Reset user password", "success", "", service="Core Directory", details=[])

    def _append(self, activity: str, result: str, reason: str, *, service: str, details: list[dict[str, str]]) -> None:
        user = self._user
        row = sspr_row(activity, result, reason, service=service, details=details)
        row |= {
            "correlationId": self._correlation_id,
            "initiatedBy": {"user": self._initiator(), "app": None},
            "targetResources": [
                {
                    "id": user.entra_id,
                    "displayName": user.display_name,
                    "type": "User",
                    "userPrincipalName": user.user_principal_name,
                    "groupType": None,
                    "modifiedProperties": [],
                }
            ],
        }
        self._store.append_log("directoryAudits", row)

    def _initiator(self) -> dict[str, Any]:
        user = self._user
        if self._admin is None:
            return person(user.entra_id, user.display_name, user.user_principal_name)
        admin = next(iter(self._store.find_by("user", "userPrincipalName", self._admin)), None)
        return person(admin or str(uuid.uuid5(uuid.NAMESPACE_DNS, self._admin)), None, self._admin)


def person(object_id: str, name: str | None, user_principal_name: str) -> dict[str, Any]:
    """A user as `initiatedBy` names one."""
    return {
        "id": object_id,
        "displayName": name,
        "userPrincipalName": user_principal_name,
        "ipAddress": "198.51.100.23",
        "userType": None,
        "homeTenantId": None,
        "homeTenantName": None,
    }


def sspr_row(
    activity: str,
    result: str,
    reason: str,
    *,
    category: str = "UserManagement",
    service: str = _SERVICE,
    details: list[dict[str, str]] | None = None,
) -> dict[str, Any]:
    """The part of a row that does not depend on whom it is about."""
    prefix = "SSPR" if service == _SERVICE else "Directory"
    return {
        "id": f"{prefix}_{uuid.uuid4()}_LAB01_{next(_SERIALS)}",
        "category": category,
        "result": result,
        "resultReason": reason,
        "activityDisplayName": activity,
        "loggedByService": service,
        "operationType": "Update",
        "userAgent": None,
        "additionalDetails": details or [],
    }
