"""The server view: what the event logs of one Connect server or provisioning agent last said.

Key: server/<tenant>/<name>. Contributors: "latest/<provider>/<event id>[/<connector>[/<run profile>]]", the newest
event of each kind, so that heartbeats and run results are told apart by when they were last seen.

Source: Microsoft, "Troubleshoot self-service password reset writeback" and "Troubleshoot password hash
synchronization": the events of PasswordResetService, ADSync and Directory Synchronization.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Self

from streams.contracts.events import Event
from streams.contracts.finding import Subject
from streams.views.events import events_in
from streams.views.refusals import ASKS, answers
from streams.views.runs import ServerRuns, exporting_cycle
from streams.views.view import Derived, Entry, latest, tenant_of

KIND = "server"
RUNS = "runs/"


@dataclass(frozen=True, slots=True)
class ServerView:
    """One server. `events`: the newest of each kind, the oldest first; `askers`: views of objects that were refused."""

    key: str
    tenant: str
    name: str
    events: tuple[Event, ...]
    changed_ms: int
    askers: tuple[str, ...] = ()

    @staticmethod
    def contested(entries: Mapping[str, Entry]) -> bool:
        """Always: a server stands alone."""
        return True

    @classmethod
    def build(cls, key: str, entries: Mapping[str, Entry]) -> Self:
        """The view of these contributions."""
        askers = tuple(sorted(name.removeprefix(ASKS) for name in entries if name.startswith(ASKS)))
        return cls(key, tenant_of(key), key.split("/", 2)[2], events_in(entries), latest(entries), askers)

    @property
    def seen_ms(self) -> int | None:
        """When it last logged anything; None if nothing is remembered."""
        return self.events[-1].ts_ms if self.events else None

    def latest(self, *names: str) -> Event | None:
        """The newest event of these names, e.g. "passwordresetservice/31019"."""
        return next((event for event in reversed(self.events) if event.name in names), None)

    def of(self, *names: str) -> list[Event]:
        """The newest event of each connector and run profile, of these names, the oldest first."""
        return [event for event in self.events if event.name in names]

    def subject(self) -> Subject:
        """This server as a finding's subject."""
        return Subject(kind=KIND, key=self.key, display_name=self.name)

    def derived(self) -> Iterable[Derived]:
        """Its runs, to its tenant: whether a cycle is under way, and whether exports are held back.

        Objects that it was refused hear when it last exported.
        """
        told = ServerRuns.of(self.events).told
        said = [Derived(f"tenant/{self.tenant}", f"{RUNS}{self.name}", told)] if told else []
        exported = exporting_cycle(self.events) if self.askers else None
        return said + answers(self.key, self.askers, exported.begun_ms if exported is not None else 0)
