"""What Entra's audit log says of a sync engine's writes: one row of Core Directory for each.

Source: Microsoft, "Microsoft Entra audit log categories and activities"; "Authenticate to Microsoft Entra ID by using
application identity" (the initiator of Connect 2.5.76 and later), before that the account Sync_<server>_<12 hex>.
"""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, Literal

from deploy.lab.entra.schema import Kind
from deploy.lab.entra.tenant import TenantStore

Operation = Literal["Add", "Update", "Delete", "Restore"]
_CATEGORY: Final[Mapping[Kind, str]] = {
    "user": "UserManagement",
    "group": "GroupManagement",
    "contact": "Contact",
    "device": "Device",
}
# Our namespace: the same server has the same initiator in every run of the lab.
_NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "connect.lab.example")
# Of a write's properties, what the audit log shows and how it calls them.
_SHOWN: Final[Mapping[str, str]] = {
    "accountEnabled": "AccountEnabled",
    "department": "Department",
    "deviceId": "DeviceId",
    "displayName": "DisplayName",
    "mail": "Mail",
    "onPremisesImmutableId": "SourceAnchor",
    "proxyAddresses": "ProxyAddresses",
    "trustType": "DeviceTrustType",
    "userPrincipalName": "UserPrincipalName",
}


class AuditTrail:
    """The rows of every server that writes into one tenant.

    servers: names of the active servers; rows take turns among them.
    legacy:  rows name the synchronization account instead of the application.
    muted:   nothing is written down: the first full cycle of a large organisation would be all the log holds.
    """

    def __init__(self, store: TenantStore, server: str = "AADC01", *, legacy: bool = False) -> None:
        self._store = store
        self.servers = [server]
        self.legacy = legacy
        self.muted = False
        self._rows = itertools.count()

    @contextmanager
    def silence(self, silent: bool) -> Iterator[None]:
        """Write nothing down during the body if `silent`."""
        before, self.muted = self.muted, silent or self.muted
        try:
            yield
        finally:
            self.muted = before

    def wrote(
        self,
        kind: Kind,
        operation: Operation,
        object_id: str,
        *,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Record that the engine wrote an object; `before` and `after`: its properties, as far as they are known."""
        if self.muted:
            return
        before, after = before or {}, after or {}
        shown = {**before, **after}
        self.row(
            f"{operation} {kind}",
            category=_CATEGORY[kind],
            operation=operation,
            target={
                "id": object_id,
                "displayName": shown.get("displayName") if kind != "user" else None,
                "type": kind.capitalize(),
                "userPrincipalName": shown.get("userPrincipalName"),
                "groupType": "azureAD" if kind == "group" else None,
                "modifiedProperties": _modified(before, after),
            },
            details=[{"key": "UserType", "value": "Member"}] if kind == "user" else [],
        )

    def row(
        self,
        activity: str,
        *,
        category: str,
        operation: str,
        target: Mapping[str, Any],
        details: list[dict[str, str]] | None = None,
        service: str = "Core Directory",
    ) -> None:
        """Append one row initiated by the engine."""
        if self.muted:
            return
        self._store.append_log(
            "directoryAudits",
            audit_row(
                activity,
                category=category,
                operation=operation,
                by=self.initiator(self.servers[next(self._rows) % len(self.servers)]),
                target=target,
                details=details,
                service=service,
            ),
        )

    def initiator(self, server: str) -> dict[str, Any]:
        """Who a write of this server is initiated by: an application, or an account if `legacy`."""
        own = uuid.uuid5(_NAMESPACE, server)
        suffix = own.hex[-12:]
        if self.legacy:
            user = {
                "id": str(own),
                "displayName": "On-Premises Directory Synchronization Service Account",
                "userPrincipalName": f"Sync_{server}_{suffix}@{self._store.initial_domain}",
                "ipAddress": None,
                "userType": None,
                "homeTenantId": None,
                "homeTenantName": None,
            }
            return {"user": user, "app": None}
        app = {
            "appId": str(uuid.uuid5(own, "application")),
            "displayName": f"ConnectSyncProvisioning_{server}_{suffix}",
            "servicePrincipalId": str(uuid.uuid5(own, "service principal")),
            "servicePrincipalName": None,
        }
        return {"user": None, "app": app}


def audit_row(
    activity: str,
    *,
    category: str,
    operation: str,
    by: Mapping[str, Any],
    target: Mapping[str, Any],
    details: list[dict[str, str]] | None = None,
    service: str = "Core Directory",
) -> dict[str, Any]:
    """A row of the audit log about something that went well; `by`: initiatedBy, `target`: the target resource."""
    return {
        "category": category,
        "correlationId": str(uuid.uuid4()),
        "result": "success",
        "resultReason": "",
        "activityDisplayName": activity,
        "loggedByService": service,
        "operationType": operation,
        "userAgent": None,
        "initiatedBy": dict(by),
        "targetResources": [dict(target)],
        "additionalDetails": details or [],
    }


def _modified(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The changed properties as the log writes them: JSON arrays in strings, then their names in a summary row."""
    changed = [name for name in _SHOWN if name in after and after[name] != before.get(name)]
    if not changed:
        return []
    rows = [
        {"displayName": _SHOWN[name], "oldValue": _json(before.get(name)), "newValue": _json(after[name])}
        for name in changed
    ]
    summary = json.dumps(", ".join(_SHOWN[name] for name in changed))
    return [*rows, {"displayName": "Included Updated Properties", "oldValue": None, "newValue": summary}]


def _json(value: Any) -> str:
    values = [] if value is None else value if isinstance(value, list) else [value]
    return json.dumps(values, ensure_ascii=False)
