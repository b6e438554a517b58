"""The tenant comes near its limit of directory objects: beyond it, nothing new is synchronised.

Source: Microsoft, "Microsoft Entra service limits"; Graph beta organization.directorySizeQuota {used, total}.
"""

from __future__ import annotations

from streams.contracts.finding import Severity, Subject
from streams.detections.detection import Context, Detection, Verdict
from streams.views.installation.tenant_view import TenantView

WARN_PERCENT, HIGH_PERCENT, CRITICAL_PERCENT = 80, 90, 97

DETECTION = Detection(
    id="capacity.directory_quota",
    views=(TenantView,),
    title="Directory object quota nearly used up",
    severity=Severity.MEDIUM,
    remediation=(
        "Purge deleted objects that nobody will restore (they count one each for 30 days), remove stale devices and "
        "guests, or ask Microsoft support for a larger quota: it is raised on request with paid licences."
    ),
    references=("https://learn.microsoft.com/entra/identity/users/directory-service-limits-restrictions",),
    known_gaps=("The quota is in the beta of Microsoft Graph only; silent where that is not readable.",),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires from 80 % on; severe from 90 %, critical from 97 %."""
    if view.quota_used is None or not view.quota_total:
        return None
    percent = 100 * view.quota_used / view.quota_total
    if percent < WARN_PERCENT:
        return None
    severity = Severity.CRITICAL if percent >= CRITICAL_PERCENT else Severity.HIGH if percent >= HIGH_PERCENT else None
    return Verdict(
        summary=f"{view.quota_used:,} of {view.quota_total:,} directory objects are used ({percent:.0f} %)",
        since_ms=view.changed_ms,
        open_at_ms=0,
        severity=severity,
        subject=Subject(kind="tenant", key=view.key, display_name=view.display_name or view.tenant),
        evidence={
            "used": view.quota_used,
            "total": view.quota_total,
            # Whole steps, so that each new user is not a new revision of the finding.
            "percent": int(percent),
        },
    )
