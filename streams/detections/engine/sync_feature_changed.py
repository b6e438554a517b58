"""Somebody changed how the tenant is synchronised: a feature, the switch itself, or the deletion threshold.

Source: Microsoft, "Microsoft Entra audit log categories and activities", Core Directory, DirectoryManagement.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.engine._audits import lately, said_of
from streams.views.installation.tenant_view import TenantView

WITHIN_MS = 86_400_000
_FEATURE, _SWITCH, _THRESHOLD = "set dirsync feature", "set dirsyncenabled flag", "set accidental deletion threshold"

DETECTION = Detection(
    id="engine.sync_feature_changed",
    views=(TenantView,),
    title="The synchronisation settings of the tenant were changed",
    severity=Severity.LOW,
    remediation=(
        "Ask the person or application that the evidence names whether it was meant. The switch that turns directory "
        "synchronisation off makes every object cloud-only and takes up to 72 hours to reverse; a higher deletion "
        "threshold takes a safety net away."
    ),
    references=("https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities",),
    alert=None,
    false_positives=("A planned change. It clears by itself after a day.",),
    known_gaps=("The latest change of each activity is shown, not every one.",),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires for a day after such a change; medium for the switch and the threshold."""
    changes = lately(view, (_FEATURE, _SWITCH, _THRESHOLD), WITHIN_MS, now_ms)
    if not changes:
        return None
    heavy = any(event.name in (_SWITCH, _THRESHOLD) for event in changes)
    by = sorted({event.initiator for event in changes if event.initiator})
    return Verdict(
        summary=f"{', '.join(event.name for event in changes)} by {', '.join(by) or 'somebody unnamed'}",
        since_ms=changes[0].ts_ms,
        open_at_ms=0,
        recheck_at_ms=changes[0].ts_ms + WITHIN_MS,
        severity=Severity.MEDIUM if heavy else Severity.LOW,
        subject=view.subject(),
        evidence={"changes": [said_of(event) for event in changes]},
    )
