"""The export is held back: more deletions wait than the accidental deletion prevention lets through.

Source: Microsoft, "Microsoft Entra Connect Sync: Prevent accidental deletes": event 116 of Directory Synchronization
names the pending deletions and the threshold; the run ends with stopped-deletion-threshold-exceeded.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Alert, Context, Detection, Verdict
from streams.detections.engine._runs import HELD_BACK, connector_of, is_cloud, is_export, latest_runs, status_of
from streams.views.server import ServerView

_HELD_BACK_EVENT = "directory synchronization/116"

DETECTION = Detection(
    id="engine.deletion_threshold_reached",
    views=(ServerView,),
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
    false_positives=("A planned clean-up of more objects than the threshold.",),
    known_gaps=(
        "Where the ends of runs are not shipped, it stands until seven days after the last event 116.",
        "Cloud Sync is held back by quarantine: engine.cloud_sync_job_quarantined.",
    ),
)


def evaluate(view: ServerView, context: Context, now_ms: int) -> Verdict | None:
    """Fires from event 116, or a run that ended so, until an export to Entra ID ends otherwise."""
    told = view.latest(_HELD_BACK_EVENT)
    exports = [run for run in latest_runs(view) if is_export(run)]
    stopped = [run for run in exports if status_of(run) == HELD_BACK]
    since_ms = max([run.ts_ms for run in stopped] + ([told.ts_ms] if told is not None else []), default=None)
    if since_ms is None:
        return None
    # Exports to Active Directory follow in the same cycle and say nothing of this one.
    named = [run for run in exports if is_cloud(connector_of(run))]
    if any(run.ts_ms > since_ms and status_of(run).startswith(("success", "completed-")) for run in named or exports):
        return None
    details = told.details if told is not None else {}
    pending, threshold = details.get("pending_deletes"), details.get("threshold")
    how_many = f"{pending:,} deletions" if isinstance(pending, int) else "Deletions"
    return Verdict(
        summary=f"{how_many} wait on {view.name}, more than the threshold lets through: nothing is exported",
        since_ms=since_ms,
        open_at_ms=0,
        subject=view.subject(),
        evidence={"pending_deletes": pending, "threshold": threshold, "last_held_back": rfc3339(since_ms)},
    )
