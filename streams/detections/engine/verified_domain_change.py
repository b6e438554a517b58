"""A domain was verified or removed: user principal names are rewritten in bulk, and that explains a burst of changes.

Source: Microsoft, "Microsoft Entra UserPrincipalName population" (a verified suffix changes the names that were
rewritten for want of it); audit activities "Verify domain" and "Remove verified domain".
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.engine._audits import lately, said_of
from streams.views.installation.tenant_view import TenantView

_ACTIVITIES = ("verify domain", "remove verified domain")

DETECTION = Detection(
    id="engine.verified_domain_change",
    views=(TenantView,),
    title="The verified domains of the tenant have changed",
    severity=Severity.LOW,
    remediation=(
        "If it was planned, wait two cycles: findings that it explains come back if they outlive it. If not, ask the "
        "person that the evidence names; names in a removed domain fall back to the initial domain."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/plan-connect-userprincipalname",),
    alert=None,
    tenant_wide=True,
    false_positives=("A planned change. It clears by itself after two cycles.",),
    known_gaps=("The latest change of each activity is shown, not every one.",),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires for two cycles after such a change."""
    within_ms = context.patience_ms
    changes = lately(view, _ACTIVITIES, within_ms, now_ms)
    if not changes:
        return None
    return Verdict(
        summary="; ".join(f"{event.name} {event.details.get('target_name') or ''}".strip() for event in changes),
        since_ms=changes[0].ts_ms,
        open_at_ms=0,
        recheck_at_ms=changes[0].ts_ms + within_ms,
        subject=view.subject(),
        evidence={"changes": [said_of(event) for event in changes]},
    )
