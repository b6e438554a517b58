"""Password hash synchronisation does not run: its heartbeat is missing, a failure stands, or the cloud hears nothing.

Source: Microsoft, "Troubleshoot password hash synchronization with Microsoft Entra Connect Sync": events 654
(heartbeat, every 30 minutes and connector), 611, 607, 609, 115, 655, 667. Microsoft's own alert comes after 120
minutes. Graph beta, organization.onPremisesLastPasswordSyncDateTime.
"""

from __future__ import annotations

from streams.contracts.events import Event
from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.views.runs import ended_cycle, is_staged
from streams.views.server import ServerView
from streams.views.tenant import TenantView

SILENT_MS = 65 * 60_000
TENANT_SILENT_MS = 72 * 3_600_000
# Where the switch is not readable, a time older than this is taken for the day it was switched off.
_SWITCHED_OFF_MS = 30 * 86_400_000

_LOG = "directory synchronization"
_HEARTBEAT = f"{_LOG}/654"
# Who synchronises passwords is alive: the heartbeat is for idle times.
_AT_WORK = tuple(f"{_LOG}/{number}" for number in (651, 656, 657))
_FAILURES = tuple(f"{_LOG}/{number}" for number in (115, 607, 609, 611, 655, 667))
# 601, 663: the manager has started, is alive; what ends 609, the manager has stopped.
_RUNS_AGAIN = (f"{_LOG}/601", f"{_LOG}/663")
_STOPPED = f"{_LOG}/609"

DETECTION = Detection(
    id="engine.password_hash_sync_stopped",
    views=(TenantView, ServerView),
    title="Password hash synchronisation has stopped",
    severity=Severity.CRITICAL,
    remediation=(
        "On the active Connect server read the Application log, source Directory Synchronization: the event that the "
        "evidence names says why. Check that the connector account may replicate directory changes (both rights), "
        "that domain controllers are reachable by RPC, and restart the ADSync service. It resumes where it stopped."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-password-hash-synchronization",
    ),
    suppressed_by=("engine.sync_stopped",),
    false_positives=(
        "A server put into staging mode whose run results are not shipped: its heartbeats end on purpose.",
        "A connector that was removed: its last heartbeat is remembered for seven days.",
    ),
    known_gaps=(
        "A server that logs nothing at all is not judged: silence of the log shipper is not the engine's.",
        "Seven days after the last heartbeat the server is taken for one that does not synchronise passwords.",
    ),
)


def evaluate(view: TenantView | ServerView, context: Context, now_ms: int) -> Verdict | None:
    """Servers: 65 minutes without heartbeat while others are logged, or a failure that lasts."""
    return _tenant(view) if isinstance(view, TenantView) else _server(view, context.thresholds.password_retry_ms)


def _tenant(view: TenantView) -> Verdict | None:
    last_ms, switched_on = view.last_password_sync_ms, view.features.get("passwordSyncEnabled")
    if view.sync_enabled is not True or last_ms is None or view.read_ms is None or switched_on is False:
        return None
    silent_ms = view.read_ms - last_ms
    if silent_ms < TENANT_SILENT_MS or (switched_on is None and silent_ms > _SWITCHED_OFF_MS):
        return None
    return Verdict(
        summary=f"Entra ID last heard from password hash synchronisation at {rfc3339(last_ms)}",
        since_ms=last_ms,
        open_at_ms=0,
        severity=Severity.HIGH,
        subject=view.subject(),
        evidence={"last_password_sync": rfc3339(last_ms), "switched_on": switched_on},
    )


def _server(view: ServerView, retry_ms: int) -> Verdict | None:
    heartbeats = view.of(_HEARTBEAT)
    if not heartbeats or view.seen_ms is None:
        return None
    silent = [beat for beat in heartbeats if view.seen_ms - _alive_ms(beat, view, heartbeats) >= SILENT_MS]
    if silent and _is_staged(view, silent[0].ts_ms):
        silent = []
    failures = [event for event in view.of(*_FAILURES) if not _is_over(event, view, heartbeats, retry_ms)]
    if not silent and not failures:
        return None
    names = sorted({_connector(event) for event in (*silent, *failures)} - {""})
    of_whom = f": {', '.join(names)}" if names else ""
    return Verdict(
        summary=f"Password hash synchronisation does not run on {view.name}{of_whom}",
        since_ms=min(beat.ts_ms for beat in silent or heartbeats),
        open_at_ms=0,
        subject=view.subject(),
        evidence={
            "last_heartbeat": {_connector(beat): rfc3339(beat.ts_ms) for beat in silent},
            # Without its time: a failure repeats every two minutes, and is the same one.
            "failures": [
                {
                    "event": int(event.name.rpartition("/")[2]),
                    "connector": _connector(event),
                    "error_code": event.details.get("error_code"),
                }
                for event in failures
            ],
        },
    )


def _alive_ms(beat: Event, view: ServerView, heartbeats: list[Event]) -> int:
    """When the connector of a heartbeat last showed that it lives; a batch often does not tell whose it is."""
    alone = len(heartbeats) == 1
    batches = [batch for batch in view.of(*_AT_WORK) if alone or _connector(batch) == _connector(beat) != ""]
    return max(event.ts_ms for event in (beat, *batches))


def _is_over(failure: Event, view: ServerView, heartbeats: list[Event], retry_ms: int) -> bool:
    """Not repeated for a few tries, and work or a heartbeat since; a manager that starts again ends its stop."""
    if failure.name == _STOPPED and any(event.ts_ms > failure.ts_ms for event in view.of(*_RUNS_AGAIN)):
        return True
    signs = [*_heartbeats_for(_connector(failure), heartbeats), *view.of(*_AT_WORK)]
    repeated_no_more = (view.seen_ms or 0) - failure.ts_ms >= retry_ms
    return repeated_no_more and any(event.ts_ms > failure.ts_ms for event in signs)


def _heartbeats_for(domain: str, heartbeats: list[Event]) -> list[Event]:
    """Those of the forest that holds the domain, as far as its name tells; else all."""
    own = [beat for beat in heartbeats if f".{domain}".lower().endswith(f".{_connector(beat)}".lower())]
    return own or heartbeats


def _is_staged(view: ServerView, since_ms: int) -> bool:
    """A staging server imports and synchronises, exports nothing, and has no heartbeat."""
    last = ended_cycle(view.events)
    return last is not None and last.begun_ms > since_ms and is_staged(view.events, last.begun_ms)


def _connector(event: Event) -> str:
    return str(event.details.get("connector") or event.details.get("domain") or "")
