"""The runs and cycles of a Connect server, as its log tells: what went wrong, and which later cycle did not.

The engine logs the end of a run only where it went wrong (ADSync 6100, 6050, 6020, 6152). That a cycle began and ended
is told by Directory Synchronization 904; so a fault of a run is over once a cycle that began after it has ended
without telling of it again. A server in staging mode runs cycles as well, and exports nothing.

Source: Microsoft, "Microsoft Entra Connect Sync: Synchronization Service Manager Operations", "Prevent accidental
deletes" (116, of every cycle that is held back); EvotecIT, EventViewerX, AADSyncCycleStage (904).
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Self

import msgspec

from streams.contracts.events import Event, Result
from streams.directory.event_slots import HELD_BACK_EVENT
from streams.views.installation.export_steps import finished_step, is_cloud, is_cloud_export

CYCLE_EVENT = "directory synchronization/904"
BROKEN_OFF = ("stopped-", "no-start-", "aborted-", "missing-")
# Both are written by the synchronisation service itself, while it runs a profile too.
_HEARTBEATS = frozenset({"passwordresetservice/31019", "directory synchronization/654"})
_ALIVE_STEP_MS = 600_000


class Cycle(msgspec.Struct, frozen=True):
    """A cycle that has ended (ms)."""

    begun_ms: int
    ended_ms: int


class ServerRuns(msgspec.Struct, frozen=True):
    """What a tenant hears of the runs of one server (times in ms, 0: never, as far as is remembered).

    begun_ms, ended_ms: when its newest cycle began, and when one last ended.
    full:       whether its newest cycle is an initial one.
    last_cycle_ms: how long the last one that has ended took.
    exported_ms: when a cycle that exported to Entra ID last ended: with an export among its steps, or without any step
                told; not where the run broke off.
    exports_ms: when exports to Entra ID ended in the last day, as steps tell, ascending: proof that it is active.
    stages:     whether its steps are told and hold no export, so that it is in staging mode.
    failed:     the newest run that stopped or never started, unless a later cycle went well.
    held_back:  the newest event 116: more deletions wait than the threshold lets through.
    held_back_over: a cycle that began after it exported, and told of it no more.
    alive_ms:   while a cycle goes on: when the service last gave a sign of life (in steps of ten minutes, so that a
                heartbeat is not news to the tenant each time); else 0.
    """

    begun_ms: int = 0
    ended_ms: int = 0
    full: bool = False
    last_cycle_ms: int = 0
    exported_ms: int = 0
    exports_ms: tuple[int, ...] = ()
    stages: bool = False
    failed: Event | None = None
    held_back: Event | None = None
    held_back_over: bool = False
    alive_ms: int = 0

    @classmethod
    def of(cls, events: Iterable[Event]) -> Self:
        """Of what the server's view remembers, the oldest first."""
        known = tuple(events)
        begun = started_ms(known)
        ended = [event.ts_ms for event in known if event.details.get("cycle") == "completed"]
        last = ended_cycle(known)
        failed = next((run for run in reversed(standing_faults(known)) if is_broken_off(run)), None)
        held_back = next((event for event in reversed(known) if is_held_back(event)), None)
        newest = next((event for event in reversed(known) if event.details.get("cycle") == "started"), None)
        exported = exporting_cycle(known)
        return cls(
            begun_ms=begun[-1] if begun else 0,
            ended_ms=ended[-1] if ended else 0,
            full=newest is not None and newest.details.get("cycle_kind") != "delta",
            last_cycle_ms=last.ended_ms - last.begun_ms if last is not None else 0,
            exported_ms=exported.ended_ms if exported is not None else 0,
            exports_ms=tuple(event.ts_ms for event in known if is_cloud_export(event)),
            stages=last is not None and is_staged(known, last.begun_ms),
            failed=failed,
            held_back=held_back,
            held_back_over=held_back is not None and exported is not None and exported.begun_ms > held_back.ts_ms,
            alive_ms=_alive_ms(begun, ended, known),
        )

    @classmethod
    def read(cls, body: msgspec.Raw) -> Self:
        """As `told` says it."""
        return msgspec.json.decode(body, type=cls)

    @property
    def body(self) -> dict[str, Any]:
        """What a contribution says, without the log's own texts; empty if there is nothing to tell."""
        body: dict[str, Any] = {name: getattr(self, name) for name in self.__struct_fields__}
        body["failed"], body["held_back"] = _bare(self.failed), _bare(self.held_back)
        return {name: value for name, value in body.items() if value}

    @property
    def is_running(self) -> bool:
        """Whether a cycle has begun and not ended."""
        return self.begun_ms > self.ended_ms


def started_ms(events: Iterable[Event]) -> list[int]:
    """When the remembered cycles began, ascending."""
    return sorted({event.ts_ms for event in events if event.details.get("cycle") == "started"})


def ended_cycle(events: Iterable[Event]) -> Cycle | None:
    """The newest cycle that has ended and whose beginning is remembered."""
    known = tuple(events)
    ended = max((event.ts_ms for event in known if event.details.get("cycle") == "completed"), default=None)
    if ended is None:
        return None
    begun = [ms for ms in started_ms(known) if ms <= ended]
    return Cycle(begun[-1], ended) if begun else None


def exporting_cycle(events: Iterable[Event]) -> Cycle | None:
    """The newest ended cycle that exported to Entra ID: its run there did not break off.

    Where the steps of cycles are understood, an export to Entra ID must be among them; else every cycle exports.
    """
    known = tuple(events)
    exports = _cloud_exports(known)
    if exports is not None and not exports:
        return None
    bad = [run.ts_ms for run in known if is_broken_off(run) and is_export(run) and _may_be_cloud(run)]
    for cycle in reversed(_cycles(known)):
        exported = exports is None or cycle.begun_ms <= exports[-1]
        if exported and not any(cycle.begun_ms <= ms <= cycle.ended_ms for ms in bad):
            return cycle
    return None


def is_staged(events: Iterable[Event], since_ms: int) -> bool:
    """Whether the server has run cycles since then, told their steps, and exported nothing to Entra ID."""
    lately = [event for event in events if event.ts_ms >= since_ms]
    exports = _cloud_exports(lately)
    return exports is not None and not exports


def _cycles(events: tuple[Event, ...]) -> list[Cycle]:
    """Those that have ended, ascending: the scheduler begins none before the one before it is over."""
    last = ended_cycle(events)
    if last is None:
        return []
    begun = [ms for ms in started_ms(events) if ms <= last.begun_ms]
    return [Cycle(first, then) for first, then in pairwise(begun)] + [last]


def _cloud_exports(events: Iterable[Event]) -> list[int] | None:
    """When exports to Entra ID ended (ms), ascending, as steps tell; None where no step is understood.

    Where no connector bears the cloud's name, every export counts.
    """
    steps = [(*step, event.ts_ms) for event in events if (step := finished_step(event)) is not None]
    if not steps:
        return None
    exports = [(is_cloud(connector), ms) for connector, kind, ms in steps if kind == "export"]
    clouds = any(is_cloud(connector) for connector, _, _ in steps)
    return sorted(ms for cloud, ms in exports if cloud or not clouds)


def standing_faults(events: Iterable[Event]) -> list[Event]:
    """The newest fault of each connector and run profile that no later cycle has shown to be over, the oldest first."""
    known = tuple(events)
    latest: dict[tuple[str, str], Event] = {}
    for event in known:
        if status_of(event):
            latest[connector_of(event), profile_of(event)] = event
    last, exported = ended_cycle(known), exporting_cycle(known)
    begun = last.begun_ms if last is not None else 0
    exported_ms = exported.begun_ms if exported is not None else 0
    return [
        run
        for run in sorted(latest.values(), key=lambda event: (event.ts_ms, event.id))
        if run.ts_ms >= (exported_ms if is_export(run) and _may_be_cloud(run) else begun)
    ]


def connector_of(run: Event) -> str:
    """The connector of a run; "" where the log does not tell."""
    return str(run.details.get("connector") or "")


def profile_of(run: Event) -> str:
    """The run profile; "" where the log does not tell."""
    return str(run.details.get("run_profile") or "")


def status_of(run: Event) -> str:
    """How it ended, e.g. "completed-export-errors"; "" where the event is not about a run that went wrong."""
    return str(run.details.get("run_status") or "")


def is_broken_off(run: Event) -> bool:
    """Whether the run did not do its work."""
    return status_of(run).startswith(BROKEN_OFF)


def is_export(run: Event) -> bool:
    """Whether this run writes to a directory."""
    return "export" in profile_of(run).lower()


def is_held_back(event: Event) -> bool:
    """Whether this says that the deletion threshold stops the export."""
    return event.name == HELD_BACK_EVENT and event.result is Result.FAILURE


def _may_be_cloud(run: Event) -> bool:
    return not connector_of(run) or is_cloud(connector_of(run))


def _alive_ms(begun: list[int], ended: list[int], events: Iterable[Event]) -> int:
    if not begun or (ended and ended[-1] >= begun[-1]):
        return 0
    beats = [
        event.ts_ms
        for event in events
        if event.ts_ms > begun[-1] and (event.name in _HEARTBEATS or event.name == CYCLE_EVENT or status_of(event))
    ]
    return max(beats, default=0) // _ALIVE_STEP_MS * _ALIVE_STEP_MS


def _bare(event: Event | None) -> dict[str, Any] | None:
    return msgspec.to_builtins(msgspec.structs.replace(event, reason=None)) if event is not None else None
