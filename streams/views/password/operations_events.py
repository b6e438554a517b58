"""Single events of password operations: which ones count, what step each is, and why it failed.

Source: Microsoft, "Audit activities"; "Troubleshoot self-service password reset writeback" (event ids).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from streams.contracts.events import Event, Log, Result
from streams.reference_data.writeback_errors import ErrorClass
from streams.views.password.errors import classify, detail_of, normalised

UNLOCK, ADMIN_RESET = "unlock", "admin_reset"

_AUDITS = {
    "reset password (self-service)": "reset",
    "change password (self-service)": "change",
    "reset password (by admin)": ADMIN_RESET,
    "unlock user account (self-service)": UNLOCK,
}
_PROGRESS = "passwordresetflowactivityprogress"
_SERVICE = "passwordresetservice/"
_STEPS = {
    "31001": "reset", "31002": "reset", "31003": "reset", "31006": "change", "31007": "change", "31008": "change",
    "31009": ADMIN_RESET, "31010": ADMIN_RESET, "31011": ADMIN_RESET,
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


def is_start(event: Event) -> bool:
    """The server has begun: of the user it tells the UPN alone."""
    return event.log is Log.WINDOWS and event.name.startswith(_SERVICE) and _number(event) in _STARTS


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
    kinds = (
        _AUDITS.get(event.name) or _STEPS.get(_number(event)) or event.details.get("operation") for event in events
    )
    return {kind for kind in kinds if kind is not None}


def class_of(event: Event) -> ErrorClass:
    """The class of the failure that one event tells of."""
    code = event.details.get("error_code") or (_number(event) if event.name.startswith(_SERVICE) else None)
    return classify(code, event.details.get("hresult"), _words(event))


def is_split(event: Event) -> bool:
    """The cloud's row that AD has the password and the cloud has not; logged as a success (entra-docs, issue 694)."""
    return event.log is Log.AUDIT and class_of(event) is ErrorClass.SPLIT


def why(refusals: Sequence[Event], audit: Event | None, progress: Sequence[Event]) -> tuple[ErrorClass, str | None]:
    """The class of the failure and what exactly: the server knows best, then the final row, then the flow's steps.

    refusals: what the server says, the most telling first; progress: oldest first.
    """
    words = [*refusals, *([audit] if audit is not None and (is_failure(audit) or is_split(audit)) else ())]
    if words:
        words += [event for event in reversed(progress) if is_failure(event)]
    error = next((kind for event in words if (kind := class_of(event)) is not ErrorClass.OTHER), ErrorClass.OTHER)
    return error, next((detail for event in words if (detail := _detail(error, event)) is not None), None)


def _detail(error: ErrorClass, event: Event) -> str | None:
    """What exactly one event says of a failure of this class."""
    cause = event.details.get("cause")
    return str(cause) if cause else detail_of(error, _words(event), event.details.get("hresult"))


def _words(event: Event) -> str | None:
    """The sentence on the failure; of a text without one all of it."""
    message = event.details.get("message")
    return str(message) if message is not None else event.reason


def _number(event: Event) -> str:
    return event.name.rpartition("/")[2]
