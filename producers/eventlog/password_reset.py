"""PasswordResetService: password writeback, step by step.

Details: "tracking_id" (one operation), "error_code" ("33008"), "hresult" ("0x80230619").

Source: Microsoft, "Troubleshoot self-service password reset writeback": event ids and their texts.
"""

from __future__ import annotations

import re

from producers.eventlog.text import GUID, first, hresult, present, source_anchor
from producers.eventlog.windows import WindowsEvent
from producers.eventlog.wire import Said
from streams.contracts.events import Result

_SUCCEEDED = frozenset({31002, 31005, 31007, 31010, 31013})
_FAILED = frozenset({31003, 31008, 31011, 31014, 31034, 31044})
# Error codes have ids of their own; a failed operation's own event names its cause in words.
_ERRORS = range(32000, 34000)
# It tries again by itself and says so.
_WARNING = 32014
_NAMES = {
    "adunknownerror": 33001,
    "adusernotfounderror": 33002,
    "admutlimatcherror": 33003,  # the service's own spelling
    "admultimatcherror": 33003,
    "adpermissionserror": 33004,
    "aduseraccountdisabled": 33005,
    "aduseraccountlockedout": 33006,
    "aduserincorrectpassword": 33007,
    "adpasswordpolicyerror": 33008,
    "adconfigurationerror": 33009,
}
_CODE = re.compile(r"(?<![\w-])(3[23]0\d\d)(?![\w-])")
_NAME = re.compile(rf"\b({'|'.join(_NAMES)})\b", re.IGNORECASE)
_TRACKING = re.compile(rf"\btracking ?id[ \t]{{0,5}}[:=][ \t]{{0,5}}({GUID})", re.IGNORECASE)
_CLOUD_ANCHOR = re.compile(rf"\bcloud ?anchor[ \t]{{0,5}}[:=][ \t]{{0,5}}(?:User_)?({GUID})", re.IGNORECASE)
_UPN = re.compile(r"\buser ?principal ?name[ \t]{0,5}[:=][ \t]{0,5}([^\s,;]+@[^\s,;]+)", re.IGNORECASE)


def read(event: WindowsEvent) -> list[Said]:
    """What an event of the service says: one thing, mostly about one user."""
    event_id, text = event.id, event.text
    tracking_id, entra_id = first(_TRACKING, text), first(_CLOUD_ANCHOR, text)
    return [
        Said(
            result=_result(event_id),
            reason=event.reason,
            entra_id=entra_id.lower() if entra_id else None,
            source_anchor=source_anchor(text),
            user_principal_name=first(_UPN, text),
            details=present(
                {
                    "tracking_id": tracking_id.lower() if tracking_id else None,
                    "error_code": _error_code(event_id, text),
                    "hresult": hresult(text),
                }
            ),
        )
    ]


def _result(event_id: int) -> Result | None:
    if event_id in _SUCCEEDED:
        return Result.SUCCESS
    if event_id in _FAILED or (event_id in _ERRORS and event_id != _WARNING):
        return Result.FAILURE
    return None


def _error_code(event_id: int, text: str) -> str | None:
    if event_id in _ERRORS:
        return str(event_id)
    code = first(_CODE, text)
    if code is not None:
        return code
    name = first(_NAME, text)
    return str(_NAMES[name.lower()]) if name else None
