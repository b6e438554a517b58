"""What the logs tell of a computer's attempts to join: its own event log, and the audits of its devices. Pure.

The log holds every failure and every success (306) of the task Automatic-Device-Join; a view remembers the newest of
each kind and day for a week (streams.directory.event_slots), so the two 304 that Windows often writes for one try are
one. What AD FS's registration service answers (drs_instance "ent") says nothing of Entra's, and is no failure of hybrid
join.

Source: Microsoft, "Troubleshoot Microsoft Entra hybrid joined devices".
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from streams.contracts.events import Event, Log, Result
from streams.directory.event_slots import JOIN_LOG
from streams.views.device.join_errors import Course, course_of, join_error

# Event 201 names the cause of a discovery that event 304 only calls failed; both are of one run of the task.
_CAUSE = f"{JOIN_LOG}201"
_ONE_RUN_MS = 300_000
_CAUSE_ELSEWHERE = "DSREG_AUTOJOIN_DISC_FAILED"
# 335: the checks before a try found the computer joined.
_JOINED = frozenset({f"{JOIN_LOG}306", f"{JOIN_LOG}335"})
# Steps of a try; 334: no domain controller, so nothing was tried. Others tell of devices that are registered (244, 245,
# 344, 345), that leave (370), or of the computer's name (220).
_TRIES = frozenset(f"{JOIN_LOG}{number}" for number in (*range(200, 206), 304, 305, 307, 309, 334))
_WORDS = {f"{JOIN_LOG}334": "no domain controller could be located"}


class JoinFailure(msgspec.Struct, frozen=True):
    """The newest failure that no success has followed. `since_ms`: the oldest one of the same run of trouble.

    words: what its event means where it has no code.
    """

    ts_ms: int
    since_ms: int
    client_error: str | None
    server_error: str | None
    phase: str | None
    course: Course
    words: str | None = None

    @property
    def evidence(self) -> dict[str, str]:
        """As a finding shows it."""
        known = join_error(self.client_error)
        values = {
            "client_error": self.client_error,
            "client_error_symbol": known.symbol if known else None,
            "client_error_meaning": known.meaning if known else None,
            "client_error_action": known.action if known else None,
            "server_error": self.server_error,
            "phase": self.phase or (known.phase if known else None),
        }
        return {name: value for name, value in values.items() if value is not None}


def failure_of(events: Iterable[Event], registered_ms: int | None) -> JoinFailure | None:
    """The failure that stands, given the events (oldest first) and when a device of the computer was registered.

    A failure whose course is EXPECTED ends a run of trouble: whatever was wrong before it, the service answers now.
    """
    attempts = list(events)
    settled_ms = max([event.ts_ms for event in attempts if _succeeds(event)] + [registered_ms or 0])
    failures = [event for event in attempts if _fails(event) and event.ts_ms > settled_ms]
    if not failures:
        return None
    newest = _most_specific(failures)
    course = _course(newest)
    since_ms = newest.ts_ms
    for event in reversed(failures):
        if (_course(event) is Course.EXPECTED) is not (course is Course.EXPECTED):
            break
        since_ms = min(since_ms, event.ts_ms)
    details = newest.details
    return JoinFailure(
        ts_ms=failures[-1].ts_ms,
        since_ms=since_ms,
        client_error=details.get("client_error"),
        server_error=details.get("server_error"),
        phase=details.get("phase"),
        course=course,
        words=_WORDS.get(newest.name),
    )


def audit_of(events: Iterable[Event], name: str, entra_id: str) -> Event | None:
    """The newest successful audit of this activity on this device, e.g. "delete device"."""
    found = None
    for event in events:
        if event.log is Log.AUDIT and event.name == name and event.entra_id == entra_id and _well(event):
            found = event
    return found


def _most_specific(failures: list[Event]) -> Event:
    """The newest failure that has a code; the cause instead of one that only refers to it."""
    newest = next((event for event in reversed(failures) if event.details.get("client_error")), failures[-1])
    known = join_error(newest.details.get("client_error"))
    if known is None or known.symbol != _CAUSE_ELSEWHERE:
        return newest
    causes = (event for event in reversed(failures) if event.name == _CAUSE and event.details.get("client_error"))
    return next((event for event in causes if abs(newest.ts_ms - event.ts_ms) < _ONE_RUN_MS), newest)


def _course(event: Event) -> Course:
    return course_of(event.details.get("client_error"), event.details.get("server_error"))


def _fails(event: Event) -> bool:
    return event.name in _TRIES and event.result is Result.FAILURE and event.details.get("drs_instance") != "ent"


def _succeeds(event: Event) -> bool:
    return event.name in _JOINED or (event.name == "register device" and _well(event))


def _well(event: Event) -> bool:
    return event.result is not Result.FAILURE
