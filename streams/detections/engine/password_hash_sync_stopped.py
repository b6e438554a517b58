"""Password hash synchronisation does not run: its heartbeat is missing, a failure stands, or the cloud hears nothing.

Source: Microsoft, "How to troubleshoot password synchronization when using Microsoft Entra Connect": events 654
(heartbeat, every 30 minutes and forest), 611, 652, 655, 607, 609, 667, 6900. Microsoft's own alert comes after 120
minutes. Graph beta, organization.onPremisesLastPasswordSyncDateTime. Codes: reference_data.
"""

from __future__ import annotations

from streams.contracts.events import Event, Result
from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Context, Detection, Verdict
from streams.views.installation.runs import ended_cycle, is_staged
from streams.views.installation.server_view import ServerView
from streams.views.installation.tenant_view import TenantView
from streams.views.password.hash_sync import LOG, UNNAMED, forest_of_domain, lives_ms
from streams.views.password.hash_sync_codes import ADVICE, HashError, hash_error, is_busy, meaning_of

SILENT_MS = 65 * 60_000
TENANT_SILENT_MS = 72 * 3_600_000
# Where the switch is not readable, a time older than this is taken for the day it was switched off.
_SWITCHED_OFF_MS = 30 * 86_400_000

_FAILURES = (*(f"{LOG}/{number}" for number in (607, 609, 611, 652, 655, 662, 667, 6900)), "adsync/6900")
# The manager was stopped, or did not start: on a server that never synchronised passwords nobody misses it.
_OF_THE_MANAGER = frozenset({f"{LOG}/607", f"{LOG}/609"})
# 601, 663: the manager has started, is alive; what ends 609, the manager has stopped.
_RUNS_AGAIN = (f"{LOG}/601", f"{LOG}/663")
_STOPPED = f"{LOG}/609"

DETECTION = Detection(
    id="engine.password_hash_sync_stopped",
    views=(TenantView, ServerView),
    title="Password hash synchronisation has stopped",
    severity=Severity.CRITICAL,
    remediation=(
        "Do what evidence.advice says of the error that the evidence names. Else, on the active Connect server, read "
        "the Application log, source Directory Synchronization; check that the connector account may replicate "
        "directory changes (both rights), that domain controllers are reachable by RPC, and restart the ADSync "
        "service. It resumes where it stopped."
    ),
    references=(
        "https://learn.microsoft.com/entra/identity/hybrid/connect/tshoot-connect-password-hash-synchronization",
    ),
    suppressed_by=("engine.sync_stopped",),
    false_positives=(
        "A server put into staging mode while the log of the one that took over is not shipped.",
        "A connector that was removed: its last heartbeat is remembered for seven days.",
    ),
    known_gaps=(
        "A server that logs nothing at all is not judged: silence of the log shipper is not the engine's.",
        "Seven days after its last word of them the server is taken for one that does not synchronise passwords.",
        "Signs of life that name no forest count only where the server has one.",
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
    if view.seen_ms is None:
        return None
    lives = lives_ms(view.events)
    silent = {
        forest: at_ms
        for forest, at_ms in lives.items()
        if view.seen_ms - at_ms >= SILENT_MS and view.served_elsewhere_ms(forest, len(lives)) <= at_ms
    }
    if silent and _is_staged(view, min(silent.values())):
        silent = {}
    failures = [event for event in view.of(*_FAILURES) if _stands(event, view, lives, retry_ms)]
    failures += _busy_since_ever(view, lives)
    if not silent and not failures:
        return None
    error = next((kind for event in reversed(failures) if (kind := hash_error(event)) is not HashError.OTHER), None)
    busy = bool(failures) and not silent and all(hash_error(event) is HashError.BUSY for event in failures)
    configured = bool(failures) and all(hash_error(event) is HashError.NOT_ACTIVATED for event in failures)
    names = sorted({*silent, *map(_domain, failures)} - {UNNAMED})
    return Verdict(
        summary=f"Password hash synchronisation {'is not activated for' if configured else 'does not run on'} "
        f"{view.name}{': ' if names else ''}{', '.join(names)}{_why(failures)}",
        since_ms=min([*(silent or lives).values(), *([] if lives else [event.ts_ms for event in failures])]),
        open_at_ms=0,
        severity=Severity.HIGH if configured or busy or not (silent or any(map(_is_called_fault, failures))) else None,
        subject=view.subject(),
        evidence={
            "last_heartbeat": {forest: rfc3339(at_ms) for forest, at_ms in sorted(silent.items())},
            # Without its time: a failure repeats every two minutes, and is the same one.
            "failures": [
                {
                    "event": int(event.name.rpartition("/")[2]),
                    "connector": _domain(event),
                    "error_code": event.details.get("error_code"),
                }
                for event in failures
            ],
            **({"class": str(error), "advice": ADVICE[error]} if error is not None else {}),
        },
    )


def _why(failures: list[Event]) -> str:
    """The newest failure's code and what it means."""
    coded = next((event for event in reversed(failures) if event.details.get("error_code")), None)
    if coded is None:
        return ""
    meaning = meaning_of(coded)
    return f" (error {coded.details['error_code']}{': ' if meaning else ''}{meaning or ''})"


def _stands(failure: Event, view: ServerView, lives: dict[str, int], retry_ms: int) -> bool:
    """Whether a failure is one that lasts; an id that is also logged as a remark, or a busy service, is none."""
    if failure.result is not Result.FAILURE or hash_error(failure) is HashError.BUSY:
        return False
    if not lives and failure.name in _OF_THE_MANAGER:
        return False
    return not _is_over(failure, view, lives, retry_ms)


def _busy_since_ever(view: ServerView, lives: dict[str, int]) -> list[Event]:
    """The newest of tries that have found the service busy for longer than a heartbeat may lack, with none ever."""
    tries = sorted((event for event in view.of(*_FAILURES) if is_busy(event)), key=lambda event: event.ts_ms)
    if lives or not tries or (view.seen_ms or 0) - tries[-1].ts_ms >= SILENT_MS:
        return []
    since_ms = tries[-1].ts_ms
    for event in reversed(tries):
        if since_ms - event.ts_ms >= SILENT_MS:
            break
        since_ms = event.ts_ms
    return [tries[-1]] if tries[-1].ts_ms - since_ms >= SILENT_MS else []


def _is_over(failure: Event, view: ServerView, lives: dict[str, int], retry_ms: int) -> bool:
    """Not repeated for a few tries, and a sign of life since; a manager that starts again ends its stop.

    The forest of a domain that no forest's name tells may be any, or one that never lived: more than tries must pass.
    """
    if failure.name == _STOPPED and any(event.ts_ms > failure.ts_ms for event in view.of(*_RUNS_AGAIN)):
        return True
    domain = _domain(failure)
    forest = forest_of_domain(domain, lives) if domain else None
    if forest is None and len(lives) == 1 and (UNNAMED in lives or not domain):
        (forest,) = lives
    signs = {forest: lives[forest]} if forest is not None else lives
    alive_ms = [max(at_ms, view.served_elsewhere_ms(each, len(lives))) for each, at_ms in signs.items()]
    if not lives and domain:
        alive_ms.append(view.served_elsewhere_ms(domain, 1))
    patience_ms = SILENT_MS if domain and forest is None else retry_ms
    repeated_no_more = (view.seen_ms or 0) - failure.ts_ms >= patience_ms
    return repeated_no_more and any(at_ms > failure.ts_ms for at_ms in alive_ms)


def _is_staged(view: ServerView, since_ms: int) -> bool:
    """A staging server imports and synchronises, exports nothing, and has no heartbeat."""
    last = ended_cycle(view.events)
    return last is not None and last.begun_ms > since_ms and is_staged(view.events, last.begun_ms)


def _is_called_fault(event: Event) -> bool:
    """Whether the log does not call it mere information: an id alone is never critical."""
    return event.details.get("level") not in ("information", "verbose")


def _domain(event: Event) -> str:
    return str(event.details.get("domain") or event.details.get("partition") or event.details.get("connector") or "")
