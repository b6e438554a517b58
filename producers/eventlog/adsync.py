"""ADSync: the synchronization engine's own events.

Details: "hresult" ("0x8023…"). Ends of runs are in engine_runs, refused objects in export_error. 6311 and 6401 always
follow an error of a synchronization step and say nothing themselves (Microsoft, "Microsoft Entra Connect FAQ"); of
6110, 6301, 6309, 6801 and 6803 id, level and text are kept. So it is with 6949 (a reference that could not be exported)
and 6956 (an object that the cloud manages): nobody has published their texts, so whom they are about is not read.

Source: Microsoft, "Troubleshoot self-service password reset writeback" (6329, 6800), "Microsoft Entra Connect
Health: sync errors" (6949), "Configure source of authority" (6956).
"""

from __future__ import annotations

from producers.eventlog import engine_runs, export_error, password_hash, password_set
from producers.eventlog.text import hresult, present
from producers.eventlog.windows import WindowsEvent
from producers.eventlog.wire import Statement
from streams.contracts.events import Result

_PASSWORD_SET = 6329
_PASSWORD_CHANGE = 6900  # the notification of a changed password: an error of password hash synchronisation
_FAILED = frozenset({6800})


def read(event: WindowsEvent) -> list[Statement]:
    """What an event of the engine says: of a run, an object or the writeback."""
    event_id = event.id
    if event_id in engine_runs.TAKEN:
        return engine_runs.read(event)
    if event_id in export_error.TAKEN:
        return export_error.read(event)
    if event_id == _PASSWORD_SET:
        return [password_set.read(event)]
    if event_id == _PASSWORD_CHANGE:
        return password_hash.read(event)
    result = Result.FAILURE if event_id in _FAILED else None
    return [Statement(result=result, reason=event.reason, details=present({"hresult": hresult(event.text)}))]
