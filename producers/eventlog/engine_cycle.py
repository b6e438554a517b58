"""Directory Synchronization: cycles of the engine, and what stops an export.

Details: 904 "cycle" ("started", "completed") and "cycle_kind" ("delta", "initial"), or "step" ("started", "finished")
and "step_name" (what follows, mostly connector and run profile); 116 "pending_deletes" and "threshold" (numbers).

Only the words of 904 that are known to stand there are read; its other texts (scheduler, settings, purges) are kept
and claim nothing. 116 exists twice: as a warning it is the deletion threshold, as information it only shows the
settings. 115 is logged as information beside the error 106, whose text nobody has published: both are kept.

Sources: Microsoft, "Prevent accidental deletes" (116), "Troubleshoot password hash synchronization" (115); the 904 of
EvotecIT's EventViewerX and of monitoring scripts; identitydude.com, "Azure AD Connect event ids" (levels).
"""

from __future__ import annotations

import re

from producers.eventlog.text import present
from producers.eventlog.windows import INFORMATION, VERBOSE, WindowsEvent
from producers.eventlog.wire import Statement
from streams.contracts.events import Result

_THRESHOLD, _CYCLE = 116, 904
TAKEN = frozenset({104, 105, 106, 107, 114, 115, _THRESHOLD, 117, 132, 133, 134, _CYCLE, 906})

_NUMBER = r"(\d{1,3}(?:[,.]\d{3})+|\d{1,9})(?!\d)"
_HELD_BACK = re.compile(
    rf"\bnumber of deletions\b[^\d\n]{{0,60}}\({_NUMBER} pending deletes?\)"
    rf"[^\d\n]{{0,60}}\bthreshold of {_NUMBER} objects",
    re.IGNORECASE,
)
_WHOLE_CYCLE = re.compile(r"\AImport/Sync/Export cycle (started|completed) \((\w{1,20})\)\.?\Z", re.IGNORECASE)
_STEP = re.compile(
    r"\A(Starting:|Before Execute RunProfile|Finished:|After Execute RunProfile)[ \t:]*([^\n]{0,300})", re.IGNORECASE
)
_BEGINS = frozenset({"starting:", "before execute runprofile"})


def read(event: WindowsEvent) -> list[Statement]:
    """What an event says of a cycle, or of the export that is held back; else its text."""
    details: dict[str, str | int] = {}
    result = None
    if event.id == _CYCLE:
        details = _cycle(event.text)
    elif event.id == _THRESHOLD and event.level not in (INFORMATION, VERBOSE):
        found = _HELD_BACK.search(event.text)
        # A text in other words at the level of a fault is the threshold too, without its numbers.
        if found is not None or event.is_bad:
            result = Result.FAILURE
        if found is not None:
            details = {"pending_deletes": _number(found[1]), "threshold": _number(found[2])}
    return [Statement(result=result, reason=event.reason, details=present(details))]


def _cycle(text: str) -> dict[str, str | int]:
    whole = _WHOLE_CYCLE.match(text)
    if whole is not None:
        return {"cycle": whole[1].lower(), "cycle_kind": whole[2].lower()}
    step = _STEP.match(text)
    if step is None:
        return {}
    name = step[2].strip().rstrip(".")
    details = {"step": "started" if step[1].lower() in _BEGINS else "finished"}
    return {**details, "step_name": name} if name else {**details}


def _number(text: str) -> int:
    return int(text.replace(",", "").replace(".", ""))
