"""The latest run of a connector did not end well: objects with errors, or a run that stopped or never started.

Source: ADSync 6100, 6050, 6020 and 6152 (Microsoft's support articles and real logs: producers/eventlog/engine_runs);
Microsoft, "Microsoft Entra Connect Sync: Synchronization Service Manager Operations", run status.
"""

from __future__ import annotations

from streams.contracts.events import Event
from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.views.installation.runs import connector_of, is_broken_off, profile_of, standing_faults, status_of
from streams.views.installation.server_view import ServerView

_WORST = (Severity.HIGH, Severity.MEDIUM)
_COUNTERS = ("export_errors", "synchronization_errors", "discovery_errors", "metaverse_retry_errors")

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
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/how-to-connect-sync-service-manager-ui-operations",
    ),
    false_positives=("A run that somebody stopped by hand.",),
    known_gaps=(
        "Needs the Application log of the Connect server: ADSync, and Directory Synchronization 904 for its end.",
        "Where event 904 is not shipped, it ends when the log has been silent about the run for seven days.",
        "A run of one profile started by hand is judged by the next whole cycle.",
    ),
)


def evaluate(view: ServerView, context: Context, now_ms: int) -> Verdict | None:
    """Fires from a run that ended with errors until a cycle that began later has ended without telling of it again."""
    bad = [(severity, run) for run in standing_faults(view.events) if (severity := _severity(run)) is not None]
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


def _severity(run: Event) -> Severity | None:
    """None where the run did what it had to, with warnings at most."""
    if is_broken_off(run):
        return Severity.HIGH
    return Severity.MEDIUM if status_of(run).endswith("-errors") else None


def _said(run: Event) -> dict[str, str | int]:
    counted = {name: run.details[name] for name in _COUNTERS if run.details.get(name)}
    return {
        "connector": connector_of(run),
        "run_profile": profile_of(run),
        "status": status_of(run),
        "at": rfc3339(run.ts_ms),
        **counted,
    }
