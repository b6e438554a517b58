"""ADSync: the synchronization engine's own events.

Details: "hresult" ("0x8023…"), "connector", "distinguished_name"; for the end of a run "run_profile", "connector" and
"run_status" ("completed-export-errors"), recognised by its words, because its ids depend on how the run ended.

Source: Microsoft, "Troubleshoot self-service password reset writeback" (6329, 6800), "Microsoft Entra Connect
Health: sync errors" (6949), "Configure source of authority" (6956), "Operations tab: run status".
"""

from __future__ import annotations

import re

from producers.eventlog.text import connector, distinguished_name, first, hresult, present, source_anchor
from producers.eventlog.windows import WindowsEvent
from producers.eventlog.wire import Said
from streams.contracts.events import Result

_FAILED = frozenset({6329, 6800})
_ABOUT_AN_OBJECT = frozenset({6329, 6949, 6956})
_PROFILE = re.compile(
    r"\brun profile(?:[ \t]+name)?[ \t]{0,5}"
    r"(?:[:=]?[ \t]{0,5}[\"']([^\"'\n]{1,100})[\"']|[:=][ \t]{0,5}([^\"',;.\n]{1,100}))",
    re.IGNORECASE,
)
_STATUS = re.compile(
    r"(?<![\w-])((?:completed|stopped|no-start|aborted)(?:-[a-z]{1,30}){1,6}|in-progress|success)(?![\w-])",
    re.IGNORECASE,
)


def read(event: WindowsEvent) -> list[Said]:
    """What an event of the engine says: how a run ended, or what went wrong with an object or the writeback."""
    event_id, text = event.id, event.text
    profile, status = first(_PROFILE, text), first(_STATUS, text)
    if profile is not None and status is not None:
        run_status = status.lower()
        details = {"run_profile": profile, "connector": connector(text), "run_status": run_status}
        return [Said(result=_result(run_status), reason=event.reason, details=present(details))]
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


def _result(run_status: str) -> Result | None:
    """Warnings are no failure: the run did all it had to."""
    if run_status == "in-progress":
        return None
    if run_status == "success" or run_status.endswith("-warnings"):
        return Result.SUCCESS
    return Result.FAILURE
