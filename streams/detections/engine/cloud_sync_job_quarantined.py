"""A Cloud Sync job is in quarantine: it runs once a day at most, and is switched off after four weeks.

Source: Microsoft, "Application provisioning in quarantine status"; Microsoft Graph, synchronizationQuarantine.
"""

from __future__ import annotations

from streams.contracts.finding import Severity
from streams.detections.detection import Alert, Context, Detection, Verdict
from streams.detections.engine._jobs import is_quarantined, said_of, time_of
from streams.reference_data.product_names import ADMIN_CENTRE
from streams.views.installation.tenant_view import TenantView

# Somebody has to decide before anything goes on, or to repair credentials.
_CRITICAL = frozenset({"toomanydeletes", "encounteredquarantineexception"})

DETECTION = Detection(
    id="engine.cloud_sync_job_quarantined",
    views=(TenantView,),
    title="A Cloud Sync job is in quarantine",
    severity=Severity.HIGH,
    remediation=(
        f"Open the configuration in the {ADMIN_CENTRE}, Cloud sync. TooManyDeletes: look at the staged deletions, "
        "then allow them, or correct the scope and restart. EncounteredQuarantineException: the credentials or the "
        "agent. Thresholds of failures: repair what the provisioning log names, then restart the job."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/app-provisioning/application-provisioning-quarantine-status",
        "https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationquarantine",
    ),
    alert=Alert(for_s=300),
    false_positives=("A job that was put into quarantine on demand, for a test.",),
    known_gaps=("Silent where the application may not read synchronization jobs.",),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while any job's status is Quarantine."""
    jobs = [job for job in view.jobs or () if is_quarantined(job)]
    if not jobs:
        return None
    reasons = sorted({str(job.get("quarantine_reason") or "Unknown") for job in jobs})
    began = [time_of(job, "quarantine_since") for job in jobs]
    return Verdict(
        summary=f"{len(jobs)} Cloud Sync job{'s' * (len(jobs) > 1)} in quarantine: {', '.join(reasons)}",
        since_ms=min((ts_ms for ts_ms in began if ts_ms is not None), default=view.since_ms),
        open_at_ms=0,
        severity=Severity.CRITICAL if _CRITICAL.intersection(map(str.lower, reasons)) else Severity.HIGH,
        subject=view.subject(),
        evidence={"reasons": reasons, "jobs": said_of(jobs)},
    )
