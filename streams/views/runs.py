"""The runs of a Connect server, as its log tells: how they ended, and what its tenant hears of them.

The event id depends on how a run ended, so the latest run is sought by connector and profile, over all ids.

Source: Microsoft, "Microsoft Entra Connect Sync: Synchronization Service Manager Operations"; "Prevent accidental
deletes" (event 116 of Directory Synchronization, run status stopped-deletion-threshold-exceeded).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

import msgspec

from streams.contracts.events import Event

HELD_BACK = "stopped-deletion-threshold-exceeded"
HELD_BACK_EVENT = "directory synchronization/116"
BROKEN_OFF = ("stopped-", "no-start-", "aborted-")
_RUNNING = "in-progress"
# Both are written by the synchronisation service itself, while it runs a profile too.
_HEARTBEATS = frozenset({"passwordresetservice/31019", "directory synchronization/654"})
_ALIVE_STEP_MS = 600_000


@dataclass(frozen=True, slots=True)
class ServerRuns:
    """What a tenant hears of the runs of one server.

    latest:    the newest run, one in progress included.
    exports:   the newest finished export of each connector, the oldest first.
    failed:    the newest run that stopped or never started.
    held_back: the newest event 116: more deletions wait than the threshold lets through.
    alive_ms:  after a run that may take hours: when the service last gave a sign of life (ms, in steps of ten
               minutes, so that a heartbeat is not news to the tenant each time); else 0.
    """

    latest: Event | None
    exports: tuple[Event, ...]
    failed: Event | None
    held_back: Event | None
    alive_ms: int = 0

    @classmethod
    def of(cls, events: Iterable[Event]) -> Self:
        """Of what the server's view remembers, the oldest first."""
        known = tuple(events)
        latest = next((event for event in reversed(known) if status_of(event)), None)
        return cls(
            latest=latest,
            exports=tuple(run for run in latest_runs(known) if is_export(run)),
            failed=next((event for event in reversed(known) if status_of(event).startswith(BROKEN_OFF)), None),
            held_back=next((event for event in reversed(known) if event.name == HELD_BACK_EVENT), None),
            alive_ms=_alive_ms(latest, known),
        )

    @classmethod
    def read(cls, body: Mapping[str, Any]) -> Self:
        """As `told` writes it."""
        latest, exports, failed, held_back = msgspec.convert(
            [body.get("latest"), body.get("exports", ()), body.get("failed"), body.get("held_back")],
            tuple[Event | None, tuple[Event, ...], Event | None, Event | None],
        )
        return cls(latest, exports, failed, held_back, int(body.get("alive_ms", 0)))

    @property
    def told(self) -> dict[str, Any]:
        """The body of a contribution, without the log's own texts; empty if there is nothing to tell."""
        said = {
            "latest": _bare(self.latest),
            "exports": [_bare(run) for run in self.exports],
            "failed": _bare(self.failed),
            "held_back": _bare(self.held_back),
            "alive_ms": self.alive_ms,
        }
        return {name: value for name, value in said.items() if value}

    @property
    def cloud_exports(self) -> tuple[Event, ...]:
        """The exports to Entra ID; every export where none is known by name.

        Exports to Active Directory follow in the same cycle and say nothing of this one.
        """
        named = tuple(run for run in self.exports if is_cloud(connector_of(run)))
        return named or self.exports


def latest_runs(events: Iterable[Event]) -> list[Event]:
    """The latest finished run of each connector and profile, the oldest first; of `events`, the oldest first."""
    latest: dict[tuple[str, str], Event] = {}
    for event in events:
        if status_of(event) not in ("", _RUNNING):
            latest[connector_of(event), profile_of(event)] = event
    return sorted(latest.values(), key=lambda event: (event.ts_ms, event.id))


def connector_of(run: Event) -> str:
    """The connector of a run; "" where the log does not tell."""
    return str(run.details.get("connector") or "")


def profile_of(run: Event) -> str:
    """The run profile; "" where the log does not tell."""
    return str(run.details.get("run_profile") or "")


def status_of(run: Event) -> str:
    """How it ended, e.g. "completed-export-errors"; "" where the event is not about a run."""
    return str(run.details.get("run_status") or "")


def is_running(run: Event) -> bool:
    """Whether the run has only begun."""
    return status_of(run) == _RUNNING


def is_full(run: Event) -> bool:
    """Whether the run reads or synchronises everything, which may take hours."""
    return profile_of(run).lower().startswith("full")


def is_export(run: Event) -> bool:
    """Whether this run writes to a directory."""
    return "export" in profile_of(run).lower()


def is_cloud(connector: str) -> bool:
    """Whether the connector is Entra ID's: setup names it "<tenant>.onmicrosoft.com - AAD"."""
    name = connector.lower()
    return name.endswith(("- aad", "- entra id")) or "onmicrosoft." in name


def _alive_ms(run: Event | None, events: Iterable[Event]) -> int:
    if run is None or not (is_running(run) or is_full(run)):
        return 0
    beats = [event.ts_ms for event in events if event.name in _HEARTBEATS and event.ts_ms > run.ts_ms]
    return max(beats, default=0) // _ALIVE_STEP_MS * _ALIVE_STEP_MS


def _bare(event: Event | None) -> dict[str, Any] | None:
    return msgspec.to_builtins(msgspec.structs.replace(event, reason=None)) if event is not None else None
