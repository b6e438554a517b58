"""ADSync: the synchronization engine's own events.

Details: "hresult" ("0x8023…"), "connector", "distinguished_name". Ends of runs are in engine_runs, refused objects in
export_error. 6311 and 6401 always follow an error of a synchronization step and say nothing themselves (Microsoft,
"Microsoft Entra Connect FAQ"); of 6110, 6301, 6309, 6801 and 6803 id, level and text are kept.

Source: Microsoft, "Troubleshoot self-service password reset writeback" (6329, 6800), "Microsoft Entra Connect
Health: sync errors" (6949), "Configure source of authority" (6956).
"""

from __future__ import annotations

from producers.eventlog import engine_runs, export_error, password_hash, password_set
from producers.eventlog.text import connector, distinguished_name, hresult, present, source_anchor
from producers.eventlog.windows import WindowsEvent
from producers.eventlog.wire import Said
from streams.contracts.events import Result

_PASSWORD_SET = 6329
_PASSWORD_CHANGE = 6900  # the notification of a changed password: an error of password hash synchronisation
_FAILED = frozenset({6800})
_ABOUT_AN_OBJECT = frozenset({6949, 6956})


def read(event: WindowsEvent) -> list[Said]:
    """What an event of the engine says: of a run, an object or the writeback."""
    event_id, text = event.id, event.text
    if event_id in engine_runs.TAKEN:
        return engine_runs.read(event)
    if event_id in export_error.TAKEN:
        return export_error.read(event)
    if event_id == _PASSWORD_SET:
        return [password_set.read(event)]
    if event_id == _PASSWORD_CHANGE:
        return password_hash.read(event)
    about_an_object = event_id in _ABOUT_AN_OBJECT
    return [
        Said(
            result=Result.FAILURE if event_id in _FAILED else None,
            reason=event.reason,
            source_anchor=source_anchor(text) if about_an_object else None,
            details=present(
                {
                    "hresult": hresult(text),
                    "connector": connector(text),
                    "distinguished_name": distinguished_name(text) if about_an_object else None,
                }
            ),
        )
    ]
