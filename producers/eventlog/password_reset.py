"""PasswordResetService: password writeback, step by step.

Details: "tracking_id" (one operation), "error_code" ("33008"), "hresult" ("0x80230619"), "message" (the engine's own
sentence, without what names a user), "operation" ("change", where the trace of an error shows it), "force_change"
(an administrator's reset leaves the user to change it again), "unblock" (it also unlocks).

The forms, of which a user's name is a part and no word of theirs counts:
  TrackingId: <guid>, <Name>Start, Details: <UPN>
  TrackingId: <guid>, <Name>Success, Details: Context: cloudAnchor: User_<guid>, SourceAnchorValue: <anchor>, …
  TrackingId: <guid>, Reason: … returned an error hr=<8 hex>, message=<sentence>, Context: cloudAnchor: …, Details: …

Source: Microsoft, "Troubleshoot self-service password reset writeback" (ids); jpazureid/blog "password-writeback-
overview" and Get-EntraConnectPasswordSyncEvents.ps1 (starts, successes); c7solutions.com/2015/07/password-writeback-
errors and "SelfServicePasswordReset write-back problem - error hr=80230818" (errors, as logged).
"""

from __future__ import annotations

import re
from typing import Any

from producers.eventlog.text import GUID, first, hresult, present, source_anchor
from producers.eventlog.windows import WindowsEvent
from producers.eventlog.wire import Statement
from streams.contracts.events import Result

_STARTED = frozenset({31001, 31006, 31009})
_SUCCEEDED = frozenset({31002, 31005, 31007, 31010, 31013})
_FAILED = frozenset({31003, 31008, 31011, 31014, 31034, 31044})
# Error codes have ids of their own; in which words a failed operation's own event names its cause is not published.
_ERRORS = range(32000, 34000)
# It tries again by itself and says so.
_WARNING = 32014
_LONGEST_FORM = 8_000
"""All that is read stands before the exception's trace, or at its beginning."""
_LONGEST_MESSAGE = 500

_TRACKING = re.compile(rf"\btracking ?id ?[:=] ?({GUID})", re.IGNORECASE)
_CLOUD_ANCHOR = re.compile(rf"\bcloud ?anchor ?[:=] ?(?:User_)?({GUID})", re.IGNORECASE)
_UPN = re.compile(r"\buser ?principal ?name ?[:=] ?([^\s,;@]{1,200}@[^\s,;@]{1,255})", re.IGNORECASE)
_STARTED_FOR = re.compile(r"\bdetails ?: ?([^\s,;@]{1,200}@[^\s,;@]{1,255})", re.IGNORECASE)
_ADMIN = re.compile(r"\badminupn ?[:=] ?([^\s,;@]{1,200}@[^\s,;@]{1,255})", re.IGNORECASE)
_FORCED = re.compile(r", ?forcepasswordchange ?: ?(true|false)", re.IGNORECASE)
_UNBLOCK = re.compile(r", ?unblockuser ?: ?(true|false)", re.IGNORECASE)
_MESSAGE = re.compile(r"\bmessage ?=", re.IGNORECASE)
_MESSAGE_END = re.compile(r", (?:context|details) ?:|\n", re.IGNORECASE)
_WORDS = re.compile(r"[\s,;]+")
_CHANGING = "synchronizationenginemanagedhandle.changepassword("


def read(event: WindowsEvent) -> list[Statement]:
    """What an event of the service says: one thing, mostly about one user."""
    event_id, form = event.id, event.text[:_LONGEST_FORM]
    result = _result(event_id)
    tracking_id, entra_id = first(_TRACKING, form), first(_CLOUD_ANCHOR, form)
    details: dict[str, Any] = {
        "tracking_id": tracking_id.lower() if tracking_id else None,
        "force_change": _flag(_FORCED, form),
        "unblock": _flag(_UNBLOCK, form),
    }
    if result is Result.FAILURE:
        message = _message(form)
        details |= {
            "error_code": str(event_id) if event_id in _ERRORS else None,
            "hresult": hresult(form),
            "message": message[:_LONGEST_MESSAGE] if message and message != form else None,
            "operation": "change" if _CHANGING in form.lower() else None,
        }
    return [
        Statement(
            result=result,
            reason=event.reason,
            entra_id=entra_id.lower() if entra_id else None,
            source_anchor=source_anchor(form),
            user_principal_name=first(_STARTED_FOR if event_id in _STARTED else _UPN, form) or first(_UPN, form),
            initiator=first(_ADMIN, form),
            details=present(details),
        )
    ]


def _result(event_id: int) -> Result | None:
    if event_id in _SUCCEEDED:
        return Result.SUCCESS
    if event_id in _FAILED or (event_id in _ERRORS and event_id != _WARNING):
        return Result.FAILURE
    return None


def _message(form: str) -> str:
    """The engine's sentence, which may hold commas and full stops; of another form what has no "@" and no "="."""
    begins = _MESSAGE.search(form)
    if begins is not None:
        return _MESSAGE_END.split(form[begins.end() :], maxsplit=1)[0].strip()
    return " ".join(word for word in _WORDS.split(form.partition("Context:")[0]) if "@" not in word and "=" not in word)


def _flag(pattern: re.Pattern[str], form: str) -> bool | None:
    found = first(pattern, form)
    return found.lower() == "true" if found else None
