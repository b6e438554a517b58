"""Graph refuses to let us read a part of the tenant: everything that rests on it is silent, and that is not health.

Source: Microsoft Graph permissions reference; each part is probed by producers.graph.tenant.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.views.installation.tenant_view import TenantView

PERMISSIONS = {
    "organization": "Organization.Read.All",
    "domains": "Domain.Read.All",
    "features": "OnPremDirectorySynchronization.Read.All",
    "synchronization": "OnPremDirectorySynchronization.Read.All",
    "privileged_ids": "RoleManagement.Read.Directory",
    "jobs": "Synchronization.Read.All",
    "service_principals": "Application.Read.All",
    "directoryAudits": "AuditLog.Read.All",
    "signIns": "AuditLog.Read.All",
    "provisioning": "ProvisioningLog.Read.All",
    "users": "User.Read.All",
    "groups": "Group.Read.All",
    "contacts": "OrgContact.Read.All",
    "devices": "Device.Read.All",
    "deleted_users": "User.Read.All",
    "deleted_groups": "Group.Read.All",
    "deleted_devices": "Device.Read.All",
}
# Most tenants refuse these to every application: there is no permission of that kind yet.
_OFTEN_REFUSED = frozenset({"features", "synchronization"})
# What was deleted before our first reading, and until when it can be restored: findings say less without.
_DETAILS = frozenset({"deleted_users", "deleted_groups", "deleted_devices"})

DETECTION = Detection(
    id="engine.source_refused",
    views=(TenantView,),
    title="A part of the tenant may not be read",
    severity=Severity.MEDIUM,
    remediation=(
        "Grant the application registration the permissions that the evidence names, with the consent of an "
        "administrator; it takes effect with the next token, within the hour. Where the part is not wanted, leave it: "
        "the detections that need it stay silent."
    ),
    references=("https://learn.microsoft.com/graph/permissions-reference",),
    false_positives=("A part that is left out on purpose, to keep the permissions few.",),
    known_gaps=("Low where only settings that most tenants refuse, or lists of deleted items, are refused.",),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while any part is refused."""
    if not view.refused:
        return None
    parts = sorted(view.refused)
    return Verdict(
        summary=f"Microsoft Graph does not let us read {', '.join(parts)}",
        since_ms=view.since_ms,
        open_at_ms=0,
        severity=Severity.LOW if (_OFTEN_REFUSED | _DETAILS).issuperset(parts) else Severity.MEDIUM,
        subject=view.subject(),
        evidence={
            "refused": {part: view.refused[part] for part in parts},
            "permissions": sorted({PERMISSIONS[part] for part in parts if part in PERMISSIONS}),
        },
    )
