"""A Cloud Sync job fails run after run, does not run, or has dropped objects, and is not in quarantine yet.

Source: Microsoft Graph, synchronizationStatus: countSuccessiveCompleteFailures, escrowsPruned. Quarantine is weighed
from 5,000 failures on only, so a job may fail for weeks without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.contracts.finding import Severity
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.engine._jobs import is_quarantined, said_of, time_of
from streams.directory.engines import in_use
from streams.reference_data.product_names import ADMIN_CENTRE
from streams.views.installation.tenant_view import TenantView

# A cycle is two minutes: three failures in a row are no hiccup of one.
FAILURES = 3
_BEHIND_MS = 3_600_000

DETECTION = Detection(
    id="engine.cloud_sync_job_failing",
    views=(TenantView,),
    title="A Cloud Sync job fails again and again",
    severity=Severity.HIGH,
    remediation=(
        f"Look at the configuration's provisioning log in the {ADMIN_CENTRE} and at the agents: is one active, does "
        "its service run, does it reach the domain controllers? With escrows pruned, errors of single objects were "
        "thrown away: repair the cause and restart the job with a full cycle."
    ),
    references=(
        "https://learn.microsoft.com/graph/api/resources/synchronization-synchronizationstatus",
        "https://learn.microsoft.com/entra/identity/hybrid/cloud-sync/how-to-troubleshoot",
    ),
    false_positives=("An update of all agents at once.",),
    known_gaps=("Silent where the application may not read synchronization jobs.",),
)


def evaluate(view: TenantView, context: Context, now_ms: int) -> Verdict | None:
    """Fires from three complete failures in a row on, an hour without a run or success, or once escrows were pruned."""
    jobs = [job for job in view.jobs or () if not is_quarantined(job) and (_fails(job) or _rests(job, view))]
    if not jobs:
        return None
    kinds = sorted({str(job.get("kind") or job.get("id")) for job in jobs})
    succeeded = [ts_ms for ts_ms in (time_of(job, "last_success") for job in jobs) if ts_ms is not None]
    says = "fails" if any(map(_fails, jobs)) else "does not run"
    return Verdict(
        summary=f"Cloud Sync {says}: {', '.join(kinds)}",
        since_ms=min(succeeded, default=view.since_ms),
        open_at_ms=0,
        subject=view.subject(),
        evidence={"jobs": said_of(jobs)},
    )


def _rests(job: Mapping[str, Any], view: TenantView) -> bool:
    """Whether a job from AD that ought to run every two minutes had not for an hour when it was read.

    Where nothing else synchronises the tenant either, engine.sync_stopped tells it.
    """
    ran_ms, read_ms = time_of(job, "last_run"), view.read_ms
    if ran_ms is None or read_ms is None or view.last_sync_ms is None or not in_use(job):
        return False
    return read_ms - ran_ms >= _BEHIND_MS > read_ms - view.last_sync_ms


def _fails(job: Mapping[str, Any]) -> bool:
    failures = job.get("failures")
    failures = failures if isinstance(failures, int) else 0
    ran_ms, succeeded_ms = time_of(job, "last_run"), time_of(job, "last_success")
    behind = ran_ms is not None and succeeded_ms is not None and ran_ms - succeeded_ms >= _BEHIND_MS
    return failures >= FAILURES or (failures > 0 and behind) or job.get("escrowed") is True
