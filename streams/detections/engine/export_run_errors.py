"""The latest run of a connector did not end well: objects with errors, or a run that stopped or never started.

Source: Microsoft, "Microsoft Entra Connect Sync: Synchronization Service Manager Operations", run status.
"""

from __future__ import annotations

from streams.contracts.events import Event
from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.views.runs import BROKEN_OFF, HELD_BACK, connector_of, latest_runs, profile_of, status_of
from streams.views.server import ServerView

_WORST = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM)
_CRITICAL = frozenset({"stopped-error-limit", "no-start-credentials"})

DETECTION = Detection(
    id="engine.export_run_errors",
    views=(ServerView,),
    title="A run of the sync engine ended with errors",
    severity=Severity.HIGH,
    remediation=(
        "Open Synchronization Service Manager, Operations, the run that the evidence names. completed-…-errors: the "
        "export errors name each object; findings of the conflict and hygiene families explain most of them. "
        "stopped-… and no-start-…: the connected directory, its account or the network; the run did not do its work."
    ),
    references=("https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-service-manager-ui-operations",),
    false_positives=("A run that somebody stopped by hand.",),
    known_gaps=("Needs the Application log of the Connect server with the ends of its runs.",),
)


def evaluate(view: ServerView, context: Context, now_ms: int) -> Verdict | None:
    """Fires while the latest run of a connector and profile ended with errors; the next good run of it clears it."""
    bad = [(severity, run) for run in latest_runs(view.events) if (severity := _severity(status_of(run))) is not None]
    if not bad:
        return None
    worst = min((severity for severity, _ in bad), key=_WORST.index)
    first = next(run for severity, run in bad if severity is worst)
    return Verdict(
        summary=f"{profile_of(first)} of {connector_of(first) or 'a connector'} on {view.name}: {status_of(first)}",
        since_ms=min(run.ts_ms for _, run in bad),
        open_at_ms=0,
        severity=worst,
        subject=view.subject(),
        evidence={"runs": [_said(run) for _, run in bad]},
    )


def _severity(status: str) -> Severity | None:
    """None where the run is no fault, or is engine.deletion_threshold_reached's."""
    if status == HELD_BACK:
        return None
    if status in _CRITICAL:
        return Severity.CRITICAL
    if status.startswith(BROKEN_OFF):
        return Severity.HIGH
    return Severity.MEDIUM if status.startswith("completed-") and status.endswith("-errors") else None


def _said(run: Event) -> dict[str, str]:
    return {
        "connector": connector_of(run),
        "run_profile": profile_of(run),
        "status": status_of(run),
        "at": rfc3339(run.ts_ms),
    }
