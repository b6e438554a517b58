"""Single events of password operations: which ones count, what step each is, and why it failed.

Source: Microsoft, "Audit activities"; "Troubleshoot self-service password reset writeback" (event ids).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.contracts.events import Event, Log, Result
from streams.views.writeback_errors import ErrorClass, classify, detail_of, normalised

UNLOCK = "unlock"

_AUDITS = {
    "reset password (self-service)": "reset",
    "change password (self-service)": "change",
    "reset password (by admin)": "admin_reset",
    "unlock user account (self-service)": UNLOCK,
}
_PROGRESS = "passwordresetflowactivityprogress"
_SERVICE = "passwordresetservice/"
_STEPS = {
    "31001": "reset", "31002": "reset", "31003": "reset", "31006": "change", "31007": "change", "31008": "change",
    "31009": "admin_reset", "31010": "admin_reset", "31011": "admin_reset",
}  # fmt: skip
_STARTS, _DONE, _REFUSED = ("31001", "31006", "31009"), ("31002", "31007", "31010"), ("31003", "31008", "31011")
_ENGINE_ERROR = "adsync/6329"


def is_audit(event: Event) -> bool:
    """A row of the cloud's log on a password operation."""
    return event.log is Log.AUDIT and (event.name in _AUDITS or is_progress(event))


def is_final(event: Event) -> bool:
    """The row that says how the whole operation went, as the cloud sees it."""
    return event.name in _AUDITS


def is_progress(event: Event) -> bool:
    """A row on one step of the flow; its name is spelt in several ways."""
    return _PROGRESS in normalised(event.name)


def is_server(event: Event) -> bool:
    """An event of the Connect server on a password operation."""
    number = _number(event)
    return event.log is Log.WINDOWS and (
        event.name == _ENGINE_ERROR
        or (event.name.startswith(_SERVICE) and (number in _STEPS or number.startswith("330")))
    )


def begins(event: Event) -> bool:
    """Whether an operation begins with it, as its own log tells the story."""
    return _number(event) in _STARTS or is_final(event)


def is_done(event: Event) -> bool:
    """The server has written the password."""
    return _number(event) in _DONE


def is_outcome(event: Event) -> bool:
    """The server's last word on an operation."""
    return _number(event) in (*_DONE, *_REFUSED)


def is_refusal(event: Event) -> bool:
    """An event of the server that tells of a failure, or why."""
    return _number(event) in _REFUSED or not _number(event).startswith("310")


def is_failure(event: Event) -> bool:
    """Its own result says so."""
    return event.result is Result.FAILURE


def kinds_of(events: Iterable[Event]) -> set[str]:
    """Which operations these events name: reset, change, admin_reset, unlock."""
    told = (_AUDITS.get(event.name) or _STEPS.get(_number(event)) for event in events)
    return {kind for kind in told if kind is not None}


def class_of(event: Event) -> ErrorClass:
    """The class of the failure that one event tells of."""
    code = event.details.get("error_code") or (_number(event) if event.name.startswith(_SERVICE) else None)
    return classify(code, event.details.get("hresult"), event.reason)


def why(refusals: Sequence[Event], audit: Event | None, progress: Sequence[Event]) -> tuple[ErrorClass, str | None]:
    """The class of the failure and what exactly: the server knows best, then the final row, then the flow's steps.

    refusals: what the server says, the most telling first; progress: oldest first.
    """
    words = [*refusals, *([audit] if audit is not None and is_failure(audit) else ())]
    if words:
        words += [event for event in reversed(progress) if is_failure(event)]
    for event in words:
        error = class_of(event)
        if error is not ErrorClass.OTHER:
            details = (detail_of(error, each.reason) for each in words)
            return error, next((detail for detail in details if detail is not None), None)
    return ErrorClass.OTHER, None


def _number(event: Event) -> str:
    return event.name.rpartition("/")[2]
