"""What happens to an organisation, step by step, and who tells of it: a source for AD, for Entra, and for logs."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from msgspec.structs import replace

from producers.sequence import last_number
from producers.source import STREAMING, WATERMARK_S, Batch, Progress
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.events import Event, Log
from streams.contracts.facts import Domain, Fact, Origin, TenantState, Watermark
from streams.directory.scope import Scope
from streams.evaluation.oracle import OracleObject
from streams.runtime.clock import HybridClock, now_ms
from tests.support.cases import AD2, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT
from tests.support.random_directory import RandomDirectories
from tests.support.random_fleet import RandomFleet
from tests.support.random_operations import RandomOperations

LOGS = Origin(name="eventlog/servers", side="entra", tenant=TENANT)
ORIGINS = {
    "directories": (AD, AD2, ENTRA, LOGS),
    "groups": (AD, AD2, ENTRA, LOGS),
    "fleet": (AD, ENTRA, LOGS),
    "operations": (AD, ENTRA, LOGS),
}
Word = Fact | Event | TenantState
_NAMES = [f"n{number}" for number in range(6)]
SCOPES = {
    "directories": Scope(exclude_ous=["OU=Out,DC=corp,DC=local"]),
    "groups": Scope(exclude_ous=["OU=Out,DC=corp,DC=local"]),
    "fleet": Scope(exclude_ous=["OU=Out,DC=corp,DC=local"], hybrid_join=True),
    "operations": Scope(exclude_ous=["OU=Out,DC=corp"]),
}


class State(NamedTuple):
    """Everything that is true after a step: objects by their source, and what logs and readings have told."""

    objects: dict[str, list[OracleObject]]
    events: list[Event]
    tenant: TenantState | None


@dataclass
class History:
    """One organisation's life. `told[source]`: (step, word) in order. `states[step]`: what was true then.

    forgotten: ids of objects that no source finds any more.
    """

    kind: str
    seed: int
    told: dict[str, list[tuple[int, Word]]] = field(default_factory=dict)
    states: list[State] = field(default_factory=list)
    forgotten: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.origins = ORIGINS[self.kind]
        self.told = {origin.name: [] for origin in self.origins}
        self._heard = 0
        self._heard_events = 0
        if self.kind in ("directories", "groups"):
            self._world: Any = RandomDirectories(self.seed, groups=self.kind == "groups", in_time=True)
        elif self.kind == "fleet":
            self._world = RandomFleet(self.seed)
        else:
            self._world = RandomOperations(self.seed)
        self.scopes = {"corp": SCOPES[self.kind]}
        self._tenant: TenantState | None = None

    @property
    def now_ms(self) -> int:
        """When the latest step was over."""
        return int(self._world.now_ms)

    def step(self, at_ms: int, steps: int = 1) -> None:
        """Something happens, at this time."""
        world = self._world
        world.now_ms = max(world.now_ms, at_ms)
        world.run(steps)
        words: list[Any] = world.told[self._heard :] if self.kind == "operations" else world.facts[self._heard :]
        self._heard += len(words)
        if self.kind == "fleet":
            news = world.events[self._heard_events :]
            self._heard_events += len(news)
            words = [*words, *news]
        if not self.states and self.kind != "operations":
            domains = [Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")]
            state = TenantState(
                tenant=TENANT, seq=1, ts_ms=at_ms, domains=domains, features={}, collected=True,
                devices_collected=self.kind == "fleet",
            )  # fmt: skip
            words.append(state)
        events = list(self.states[-1].events) if self.states else []
        number = len(self.states)
        for word in words:
            if isinstance(word, TenantState):
                self._tenant = word
                self.told[ENTRA.name].append((number, word))
            elif isinstance(word, Event):
                events.append(word)
                self.told[LOGS.name if word.log is Log.WINDOWS else ENTRA.name].append((number, word))
            else:
                origin, fact = word
                self.told[origin.name].append((number, fact))
        objects: dict[str, list[OracleObject]] = {origin.name: [] for origin in self.origins}
        for item in copy.deepcopy(world.final()):
            objects[next(each.name for each in self.origins if each.forest == item.state.forest)].append(item)
        self.states.append(State(objects, events, self._tenant))

    def forget_the_dead(self) -> list[str]:
        """The ids of all objects that are nowhere alive: from here on nothing is known of them."""
        state = self.states[-1]
        everything = [item.state for objects in state.objects.values() for item in objects]
        dead = {each.object_id for each in everything} - {each.object_id for each in everything if each.alive}
        self.forgotten = frozenset(dead)
        ends = dead | {sid_of(name) for name in _NAMES if guid_of(name) in dead}
        objects = {
            origin: [_without_links(item, ends) for item in items if item.state.object_id not in dead]
            for origin, items in state.objects.items()
        }
        self.states.append(State(objects, state.events, state.tenant))
        return sorted(dead)


def _without_links(item: OracleObject, ends: set[str]) -> OracleObject:
    left_ms = {link: at_ms for link, at_ms in item.left_ms.items() if link[1] not in ends}
    links = frozenset(link for link in item.links if link[1] not in ends)
    return OracleObject(item.state, links, item.link_ms, left_ms)


class Teller:
    """A source (producers.source.Source) over a history. After a restart it repeats what came after its position."""

    def __init__(self, origin: Origin, history: History, chance: random.Random) -> None:
        self.origin = origin
        self.progress = Progress()
        self.step = -1
        """The latest step of which everything has been read."""
        self.began = 0
        """The first step of which the latest reading told."""
        self._history = history
        self._chance = chance
        self._next = 0
        self._sequence = HybridClock()
        self._marked_s = -WATERMARK_S

    def restore(self, checkpoints: Iterable[Checkpoint], claimed_ms: int | None = None) -> None:
        saved = list(checkpoints)
        self._sequence = HybridClock(last_number(saved, claimed_ms))
        self._next = max((int(part.position["next"]) for part in saved), default=0)

    def again(self) -> None:
        """Read everything in full once more."""
        self._next = 0
        self.progress.phase = "resync"

    @property
    def collections(self) -> Sequence[str]:
        return ()

    def resync(self, collection: str) -> Sequence[Checkpoint]:
        """Everything is told again from the beginning; the position says so, lest a kill forget it."""
        self.again()
        return [self._position()]

    def resyncing(self, collection: str) -> bool:
        return self.progress.phase != STREAMING

    def read(self) -> Batch:
        words = self._history.told[self.origin.name]
        first = self.progress.phase != STREAMING
        until = len(words) if first or self._chance.random() < 0.7 else self._chance.randint(self._next, len(words))
        while 0 < until < len(words) and words[until][0] == words[until - 1][0]:
            until += 1  # nobody can say what ought to be known of half a step
        batch = words[self._next : until]
        self.began = batch[0][0] if batch else len(self._history.states)
        self._next = until
        self.step = words[until][0] - 1 if until < len(words) else len(self._history.states) - 1
        self.progress.phase = STREAMING
        gone = self._history.forgotten
        said = [word for _, word in batch if not (isinstance(word, Fact) and word.object_id in gone)]
        marks = []
        # A tenant counts as read when its own state has been told, too.
        whole = self.origin.side == "ad" or any(isinstance(word, TenantState) for _, word in words[:until])
        if self.origin is not LOGS and whole and (said or time.monotonic() >= self._marked_s + WATERMARK_S):
            self._marked_s = time.monotonic()
            marks = [Watermark(origin=self.origin, read_ms=now_ms())]
            if self.origin is ENTRA and self._history.kind == "fleet":
                marks.append(Watermark(origin=self.origin, read_ms=now_ms(), part="devices"))
        return Batch(
            facts=[replace(word, seq=self._sequence.next()) for word in said if isinstance(word, Fact)],
            events=[word for word in said if isinstance(word, Event)],
            tenants=[replace(word, seq=self._sequence.next()) for word in said if isinstance(word, TenantState)],
            watermarks=marks,
            checkpoints=[self._position()] if said else [],
        )

    def _position(self) -> Checkpoint:
        return Checkpoint(
            source=self.origin.name, seq=self._sequence.last, ts_ms=now_ms(), position={"next": self._next}
        )

    def wait(self, timeout_s: float) -> None:
        pass

    def wake(self) -> None:
        pass

    def close(self) -> None:
        pass
