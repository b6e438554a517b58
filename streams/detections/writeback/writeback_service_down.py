"""The password writeback service of a Connect server does not work: stopped, cut off, or silent.

Source: Microsoft, "Troubleshoot self-service password reset writeback": 31015, 31016, 31019 (heartbeat, every five
minutes), 31034, 31044, 32001 to 32010. The page has no levels. A stop (31016) means that every request fails, whatever
it is logged as; an error of a connection that the log itself calls information is no fault while heartbeats come.
"""

from __future__ import annotations

from streams.contracts.events import Event
from streams.contracts.finding import Severity
from streams.contracts.times import rfc3339
from streams.detections.detection import Alert, Context, Detection, Verdict
from streams.views.installation.runs import ended_cycle, is_staged
from streams.views.installation.server_view import ServerView

MISSED_HEARTBEATS = 3
RESTART_MS = 2 * 60_000

_LOG = "passwordresetservice"
_STARTED, _STOPPED, _HEARTBEAT = f"{_LOG}/31015", f"{_LOG}/31016", f"{_LOG}/31019"
_SWITCHED_OFF = f"{_LOG}/31013"
_BROKEN = tuple(f"{_LOG}/{number}" for number in (31034, 31044, 32001, 32002, 32004, 32005, 32010))

DETECTION = Detection(
    id="writeback.writeback_service_down",
    views=(ServerView,),
    title="Password writeback service is down",
    severity=Severity.CRITICAL,
    remediation=(
        "On the server that the evidence names: restart the ADSync service, then wait for event 31019 in the "
        "Application log. If it does not come, open TCP 443 to *.servicebus.windows.net and "
        "*.passwordreset.microsoftonline.com; for 32004 and 32010 switch password writeback off and on in the wizard."
    ),
    references=("https://learn.microsoft.com/entra/identity/authentication/troubleshoot-sspr-writeback",),
    alert=Alert(for_s=60),
    false_positives=("A server put into staging mode, if the log of the one that took over is not shipped.",),
    known_gaps=(
        "A server that logs nothing at all is not judged: silence of the log shipper is not the service's.",
        "Seven days after the last heartbeat the server is taken for one that does not write passwords.",
    ),
)


def evaluate(view: ServerView, context: Context, now_ms: int) -> Verdict | None:
    """Fires for what no sign of life followed, and for three missed heartbeats. Quiet where there never was one.

    A stop that is logged as information is high, not critical; of other events only those count that are none.
    """
    alive = view.latest(_STARTED, _HEARTBEAT)
    silent_ms = MISSED_HEARTBEATS * context.thresholds.writeback_heartbeat_ms
    if alive is None or view.seen_ms is None or _meant(view, alive, silent_ms):
        return None
    stopped = view.latest(_STOPPED)
    broken = next((event for event in reversed(view.of(*_BROKEN)) if not _is_remark(event)), None)
    missed = view.seen_ms - alive.ts_ms >= silent_ms
    if stopped is not None and stopped.ts_ms > alive.ts_ms:
        return _verdict(view, "stopped", stopped, alive, stopped.ts_ms + RESTART_MS, missed=missed)
    if broken is not None and broken.ts_ms > alive.ts_ms:
        # The next heartbeat may tell that it was nothing; an error that comes again and again restarts no patience.
        next_ms = context.thresholds.writeback_heartbeat_ms * 6 // 5
        return _verdict(
            view, "broken", broken, alive, min(broken.ts_ms + next_ms, alive.ts_ms + 2 * next_ms), missed=missed
        )
    if missed:
        return _verdict(view, "silent", None, alive, 0, missed=True, since_ms=alive.ts_ms + silent_ms)
    return None


def _is_remark(event: Event) -> bool:
    """Whether the log itself does not call it a fault: then its id alone proves none."""
    return event.details.get("level") in ("information", "verbose")


def _meant(view: ServerView, alive: Event, silent_ms: int) -> bool:
    """Writeback was switched off here, or the server became one that exports nothing, or another one took over."""
    if view.written_ms > alive.ts_ms:
        return True
    switched_off = view.latest(_SWITCHED_OFF)
    if switched_off is not None and switched_off.ts_ms > alive.ts_ms:
        return True
    last = ended_cycle(view.events)
    if last is None or last.begun_ms <= alive.ts_ms or last.ended_ms - alive.ts_ms < silent_ms:
        return False
    return is_staged(view.events, last.begun_ms)


def _verdict(
    view: ServerView,
    state: str,
    event: Event | None,
    alive: Event,
    open_at_ms: int,
    *,
    missed: bool,
    since_ms: int | None = None,
) -> Verdict:
    told = {
        "event": int(event.name.rpartition("/")[2]),
        "at": rfc3339(event.ts_ms),
        **({"reason": event.reason[:300]} if event.reason else {}),
    } if event is not None else {}  # fmt: skip
    return Verdict(
        summary=f"Password writeback on {view.name} is {state}",
        since_ms=event.ts_ms if event is not None else since_ms or alive.ts_ms,
        open_at_ms=open_at_ms,
        # An event of information is critical only where heartbeats are missing as well.
        severity=None if missed or event is None or not _is_remark(event) else Severity.HIGH,
        subject=view.subject(),
        evidence={"state": state, "last_sign_of_life": rfc3339(alive.ts_ms), **told},
    )
