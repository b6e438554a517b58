"""User Device Registration: how a computer's hybrid join went.

Details: "phase" (pre-check, discover, auth, join), "client_error" ("0x801c03f2"), "server_error" (the service's word
for it and its sentence), "computer".

Source: Microsoft, "Troubleshoot Microsoft Entra hybrid joined devices": event ids, phases and texts.
"""

from __future__ import annotations

import re

from producers.eventlog.text import first, present
from producers.eventlog.windows import WindowsEvent
from producers.eventlog.wire import Said
from streams.contracts.events import Result

JOINED = 306
# The log also holds Windows Hello and much that every logon repeats.
TAKEN = frozenset({201, 204, 220, 304, 305, 306, 307})
_OTHER_WORDS = {"authentication": "auth", "discovery": "discover", "precheck": "pre-check"}
_PHASE_OF_ID = {201: "discover", 204: "join", 305: "auth", 307: "discover"}
_LONGEST_ERROR = 300

_PHASE = re.compile(r"\bat (?:the )?([a-z-]{1,30}) phase", re.IGNORECASE)
_PHASE_FIELD = re.compile(r"\bphase[ \t]{0,5}:[ \t]{0,5}([a-z-]{1,30})", re.IGNORECASE)
_EXIT_CODE = re.compile(r"\b(?:exit|error) ?code[^\n]{0,80}?(0x[0-9a-f]{8})\b", re.IGNORECASE)
_ANY_CODE = re.compile(r"\b(0x[0-9a-f]{8})\b", re.IGNORECASE)
_SERVER = re.compile(r"\bserver error[ \t]{0,5}:[ \t]{0,5}([^\n]+)", re.IGNORECASE)
_ERROR_TYPE = re.compile(r"\"(?:error ?type|code)\"[ \t]{0,5}:[ \t]{0,5}\"([^\"\n]{1,200})\"", re.IGNORECASE)
_MESSAGE = re.compile(r"\"message\"[ \t]{0,5}:[ \t]{0,5}\"([^\"\n]{1,1000})\"", re.IGNORECASE)


def read(event: WindowsEvent) -> list[Said]:
    """What an event of a computer's registration says; nothing for ids that are not about a join."""
    event_id, text = event.id, event.message or event.text
    if event_id not in TAKEN:
        return []
    failed = event_id != JOINED
    code = (first(_EXIT_CODE, text) or first(_ANY_CODE, text)) if failed else None
    details = {
        "phase": _phase(event_id, text),
        "client_error": code.lower() if code else None,
        "server_error": _server_error(text) if failed else None,
        "computer": event.server,
    }
    result = Result.FAILURE if failed else Result.SUCCESS
    return [Said(result=result, reason=event.reason, details=present(details))]


def _phase(event_id: int, text: str) -> str | None:
    named = first(_PHASE, text) or first(_PHASE_FIELD, text)
    if named is None:
        return _PHASE_OF_ID.get(event_id)
    return _OTHER_WORDS.get(named.lower(), named.lower())


def _server_error(text: str) -> str | None:
    words = [word for word in (first(_ERROR_TYPE, text), first(_MESSAGE, text)) if word]
    found = ": ".join(words) if words else first(_SERVER, text)
    return found[:_LONGEST_ERROR] if found else None
