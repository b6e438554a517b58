"""ADSync: how the run of a management agent ended. A run that ended well logs nothing; only a cycle's end tells (904).

Details: "connector", "run_profile"; the counters of 6050 and 6100 ("export_errors" …, numbers); "run_status", by the
names of the Operations page, which the texts do not have: what each id says, and of 6100 what its counters count.

Sources: Microsoft, "Size limit exceeded" (6050 and its counters), "Domain-based filtering fails to sync" (6020);
TechNet wiki 17550 (6152, of FIM, the same engine); EvotecIT, PSWinReportingV2 (the strings of 6100 and their order);
Microsoft, "Microsoft Entra Connect Sync: Operations tab" (run status). 6126 and 6127 are warnings of a good run.
"""

from __future__ import annotations

import re

from producers.eventlog.text import present
from producers.eventlog.windows import INFORMATION, VERBOSE, WindowsEvent
from producers.eventlog.wire import Statement
from streams.contracts.events import Result
from streams.reference_data.run_statuses import BY_COUNTER, BY_EVENT

_WITH_ERRORS, _CONNECTIVITY = 6100, 6050
_WARNINGS = frozenset({6126, 6127})
TAKEN = frozenset({_WITH_ERRORS, *BY_EVENT, *_WARNINGS})

_COUNTERS = ("discovery_errors", "synchronization_errors", "metaverse_retry_errors", "export_errors", "warnings")
# Names stand in quotes, "double" in some texts and 'single' in others.
_SENTENCE = re.compile(
    r"\AThe management agent ([\"'])([^\n]{1,255}?)\1 [^\n\"']{0,60}\brun profile ([\"'])([^\n]{1,100}?)\3",
    re.IGNORECASE,
)
_COUNTER = re.compile(
    r"^[ \t]*(Discovery Errors|Synchronization Errors|Metaverse Retry Errors|Export Errors|Warnings)"
    r"[ \t]{0,40}:[ \t]{0,10}[\"']?(\d{1,9})[\"']?[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)


def read(event: WindowsEvent) -> list[Statement]:
    """What one of these events says of its run."""
    connector, profile = _names(event)
    counters = _counters(event) if event.id in (_WITH_ERRORS, _CONNECTIVITY) else {}
    status = _status(event, counters)
    details = {"connector": connector, "run_profile": profile, "run_status": status, **counters}
    result = Result.FAILURE if status is not None and not status.endswith("-warnings") else None
    return [Statement(result=result, reason=event.reason, details=present(details))]


def _names(event: WindowsEvent) -> tuple[str | None, str | None]:
    """Connector and run profile: the first two strings, else what the sentence has in quotes."""
    if len(event.parameters) >= 2 and all(event.parameters[:2]):
        return event.parameters[0], event.parameters[1]
    found = _SENTENCE.match(event.message or event.text)
    return (found[2], found[4]) if found is not None else (None, None)


def _counters(event: WindowsEvent) -> dict[str, int]:
    figures = event.parameters[2:7]
    if len(figures) == len(_COUNTERS) and all(value.isascii() and value.isdigit() for value in figures):
        return dict(zip(_COUNTERS, map(int, figures), strict=True))
    found = _COUNTER.findall(event.message or event.text)
    return {name.lower().replace(" ", "_"): int(number) for name, number in found}


def _status(event: WindowsEvent, counters: dict[str, int]) -> str | None:
    """None for warnings, and for what the log itself does not call a fault."""
    if event.id in _WARNINGS or event.level in (INFORMATION, VERBOSE):
        return None
    if event.id != _WITH_ERRORS:
        return BY_EVENT[event.id]
    return next((status for name, status in BY_COUNTER.items() if counters.get(name)), "completed-errors")
