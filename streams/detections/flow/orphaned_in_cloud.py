"""An object left Active Directory, or the scope of synchronisation, and Entra ID still has it two cycles later.

Sources: Microsoft, "Prevent accidental deletes" (an export that stops before its deletions leaves all of them in the
cloud); "Troubleshoot an object that is not synchronizing with Microsoft Entra ID".
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.gates import in_cloud
from streams.reference_data.export_errors import CONFLICTS
from streams.views.identity.object_view import ContactView, GroupView, ObjectView, UserView, is_orphan
from streams.views.identity.refusals import standing_refusal

BULK = "engine.orphans_in_bulk"
_SCOPE = "engine.scope_shrink"
_CAUSES_OF_WAITING = (
    "engine.long_cycle",
    "engine.sync_stopped",
    "engine.deletion_threshold_reached",
    "engine.mass_deletion_forecast",
    "engine.bulk_change",
    "engine.scope_unknown",
)

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
    suppressed_by=(*_CAUSES_OF_WAITING, _SCOPE, BULK),
    explained_by=("flow.export_error",),
    false_positives=("include_ous or exclude_ous here that are narrower than the engine's own scope.",),
    known_gaps=(
        "Objects that no forest has, and none had lately, are told once every [[forest]] of the tenant was read whole.",
        "A contact whose address anybody in AD has is not told: it may stand there under another primary address.",
    ),
    only_if=in_cloud,
)


def evaluate(view: ObjectView, context: Context, now_ms: int) -> Verdict | None:
    """Fires two cycles after the last AD object behind a synchronised one was deleted or left the scope."""
    if is_orphan(view):
        return _without_any(view, context)
    synced = [side for side in view.entra if side.party.synced is True]
    left = view.ad or view.gone
    if not synced or not left or any(side.party.may_be_in_scope for side in view.ad):
        return None
    reason = "left the scope" if view.ad else "was deleted"
    since_ms = max(side.changed_ms for side in left)
    first = left[0]
    refusal = standing_refusal(view)
    refused_with = refusal.details.get("error_name") if refusal is not None else None
    return Verdict(
        summary=f"{first.party.name} {reason} in Active Directory and is still in Entra ID",
        since_ms=since_ms,
        open_at_ms=since_ms + context.patience_ms,
        keep_open=True,
        suppressed_by=(*_CAUSES_OF_WAITING, _SCOPE) if view.ad else _CAUSES_OF_WAITING,
        subject=synced[0].party.subject(view.key),
        forest=first.party.forest,
        evidence={
            "reason": first.party.out_of_scope if view.ad else "deleted",
            "enabled": synced[0].attributes.get("accountEnabled"),
            "last_synced": synced[0].attributes.get("onPremisesLastSyncDateTime"),
        },
        counterparts=(
            *(side.party.holder("left") for side in left),
            *(side.party.holder("orphaned") for side in synced),
        ),
        explained_by=() if refused_with in CONFLICTS else None,  # a value that somebody else has keeps no deletion back
    )


def _without_any(view: ObjectView, context: Context) -> Verdict | None:
    """No forest has it, and we never saw one that had, or not lately: left behind before we came, perhaps years ago."""
    if not context.collected or not context.forests_read:
        return None
    orphans = [side for side in view.entra if side.party.synced is True]
    first = orphans[0]
    since_ms = max([view.unclaimed_ms or 0, *(side.first_ms or side.changed_ms for side in orphans)])
    return Verdict(
        summary=f"{first.party.name} is synchronised in Entra ID, and no forest has it",
        since_ms=since_ms,
        open_at_ms=since_ms + context.patience_ms,
        keep_open=True,
        severity=Severity.MEDIUM,
        suppressed_by=(BULK,),
        subject=first.party.subject(view.key),
        evidence={
            "reason": "no_ad_side",
            "enabled": first.attributes.get("accountEnabled"),
            "domain": first.attributes.get("onPremisesDomainName"),
            "created": first.attributes.get("createdDateTime"),
            "last_synced": first.attributes.get("onPremisesLastSyncDateTime"),
        },
        counterparts=tuple(side.party.holder("orphaned") for side in orphans),
    )
