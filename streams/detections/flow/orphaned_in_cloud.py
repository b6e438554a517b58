"""An object left Active Directory, or the scope of synchronisation, and Entra ID still has it two cycles later.

Sources: Microsoft, "Prevent accidental deletes" (an export that stops before its deletions leaves all of them in the
cloud); "Troubleshoot an object that is not synchronizing with Microsoft Entra ID".
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.flow._lateness import CYCLES
from streams.reference_data.export_errors import CONFLICTS
from streams.views.directory_object import ContactView, GroupView, ObjectView, UserView
from streams.views.refusals import standing_refusal

DETECTION = Detection(
    id="flow.orphaned_in_cloud",
    views=(UserView, GroupView, ContactView),
    title="Gone from AD, still in Entra ID",
    severity=Severity.HIGH,
    remediation=(
        "A leaver whose account lives on in the cloud can still sign in. See whether the export is stopped by the "
        "deletion threshold, then look for the pending deletion and its error in the Synchronization Service Manager. "
        "Block the sign-in meanwhile."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-feature-prevent-accidental-deletes",
        "https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-object-not-syncing",
    ),
    suppressed_by=(
        "engine.long_cycle",
        "engine.sync_stopped",
        "engine.deletion_threshold_reached",
        "engine.mass_deletion_forecast",
        "engine.bulk_change",
    ),
    explained_by=("flow.export_error",),
    false_positives=("include_ous or exclude_ous here that are narrower than the engine's own scope.",),
    known_gaps=(
        "An object deleted before our first reading of AD, or more than 30 days ago, is not known to have existed.",
    ),
)


def evaluate(view: ObjectView, context: Context, now_ms: int) -> Verdict | None:
    """Fires two cycles after the last AD object behind a synchronised one was deleted or left the scope."""
    synced = [side for side in view.entra if side.party.synced is True]
    left = view.ad or view.gone
    if not synced or not left or any(side.party.in_scope for side in view.ad):
        return None
    reason = "left the scope" if view.ad else "was deleted"
    since_ms = max(side.changed_ms for side in left)
    first = left[0]
    refusal = standing_refusal(view)
    refused_with = refusal.details.get("error_name") if refusal is not None else None
    return Verdict(
        summary=f"{first.party.name} {reason} in Active Directory and is still in Entra ID",
        since_ms=since_ms,
        open_at_ms=since_ms + CYCLES * context.cycle_ms,
        keep_open=True,
        subject=synced[0].party.subject(view.key),
        forest=first.party.forest,
        evidence={
            "reason": first.party.out_of_scope if view.ad else "deleted",
            "enabled": synced[0].attributes.get("accountEnabled"),
        },
        counterparts=(
            *(side.party.holder("left") for side in left),
            *(side.party.holder("orphaned") for side in synced),
        ),
        explained_by=() if refused_with in CONFLICTS else None,  # a value that somebody else has keeps no deletion back
    )
