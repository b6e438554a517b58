"""The export is held back: more deletions wait than the accidental deletion prevention lets through.

Source: Microsoft, "Microsoft Entra Connect Sync: Prevent accidental deletes": event 116 of Directory Synchronization
names the pending deletions and the threshold, in every cycle that is held back.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Alert, Context, Detection, Verdict
from streams.detections.engine._deletions import leaving_of
from streams.views.installation.runs import ServerRuns
from streams.views.installation.tenant_view import TenantView

# Every cycle tells of it anew: when the tenant was synchronised so many cycles after the last word, it is over.
SILENT_CYCLES = 3

DETECTION = Detection(
    id="engine.deletion_threshold_reached",
    views=(TenantView,),
    title="The export is held back by the deletion threshold",
    severity=Severity.CRITICAL,
    remediation=(
        "Look at what would be deleted (Synchronization Service Manager, connector space of Entra ID, Pending Export, "
        "Delete) before anything else. An accident: put the organisational unit or filter back and synchronise. "
        "Meant so: Disable-ADSyncExportDeletionThreshold, one export, Enable-ADSyncExportDeletionThreshold."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-feature-prevent-accidental-deletes",
    ),
    alert=Alert(for_s=60),
    tenant_wide=True,
    false_positives=("A planned clean-up of more objects than the threshold.",),
    known_gaps=(
        "Where event 904 is not shipped, it ends with a synchronisation three cycles after the last event 116.",
        "Cloud Sync is held back by quarantine: engine.cloud_sync_job_quarantined.",
    ),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires from event 116 until a cycle of that server that began later has exported and told of it no more."""
    found = [(since_ms, server) for server, runs in view.runs.items() if (since_ms := _held_back_ms(runs)) is not None]
    if not found:
        return None
    since_ms, server = max(found)
    if view.last_sync_ms is not None and view.last_sync_ms > since_ms + SILENT_CYCLES * context.cycle_ms:
        return None
    told = view.runs[server].held_back
    details = told.details if told is not None else {}
    pending, threshold = details.get("pending_deletes"), details.get("threshold")
    how_many = f"{pending:,} deletions" if isinstance(pending, int) else "Deletions"
    return Verdict(
        summary=f"{how_many} wait on {server}, more than the threshold lets through: nothing is exported",
        since_ms=since_ms,
        open_at_ms=0,
        subject=view.subject(),
        evidence={
            "server": server,
            "pending_deletes": pending,
            "threshold": threshold,
            "last_held_back": rfc3339(since_ms),
            "forests": leaving_of(view, context),
        },
    )


def _held_back_ms(runs: ServerRuns) -> int | None:
    """When this server last held its export back; None where it never did, or has exported since."""
    return runs.held_back.ts_ms if runs.held_back is not None and not runs.held_back_over else None
