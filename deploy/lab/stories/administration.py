"""What administrators do in Entra, as its audit log tells: the rows that are not the sync engine's."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any

from deploy.lab.entra.tenant import TenantStore
from deploy.lab.sync.audit import audit_row

_ADMIN = "omar.farouk@contoso.com"


def audited(
    tenant: TenantStore,
    activity: str,
    *,
    category: str = "DirectoryManagement",
    service: str = "Core Directory",
    target: Mapping[str, Any] | None = None,
    by: str = _ADMIN,
) -> None:
    """Append a row: `by` did it, successfully. `target`: id, type, displayName of what it was done to."""
    user = {"id": str(uuid.uuid5(uuid.NAMESPACE_DNS, by)), "userPrincipalName": by, "displayName": None}
    row = audit_row(
        activity,
        category=category,
        operation="Update",
        by={"user": user, "app": None},
        target={"modifiedProperties": [], **(target or {})},
        service=service,
    )
    tenant.append_log("directoryAudits", row)
