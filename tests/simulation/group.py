"""Workers and their consumer group: the real worker, fed, timed, rebalanced, paused and killed by the simulation."""

from __future__ import annotations

import asyncio
import contextvars
import functools
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from streams.agents.delivery.lanes import Record
from streams.agents.delivery.lease import Lease
from streams.agents.tables.store import MemoryStore
from streams.agents.worker import Worker
from streams.contracts.facts import Origin
from streams.detections.registry import all_detections
from streams.directory.scope import Scope
from streams.runtime.settings import ForestSettings, Settings, TenantSettings
from tests.simulation.broker import NUMBER, Broker, Connection
from tests.support.pipeline import TENANT

SESSION_S = 60.0
_COMMIT_S, _TICK_S, _LOOK_S = 10.0, 60.0, 20.0
current: contextvars.ContextVar[Member] = contextvars.ContextVar("current")
"""The process that is at work."""


class Died(BaseException):
    """The process ended here: nothing after this happened."""


class Member:
    """One worker process, from its start to its end.

    disk: what an earlier process of this place left there, by (topic, partition).
    dies_after: at how many of its steps (sends, arrivals, acknowledgements, reads, commits) it is killed.
    instead_of: the dead process whose place in the group it takes, if the group has not noticed yet.
    """

    def __init__(
        self,
        name: str,
        group: Group,
        scopes: Mapping[str, Scope],
        disk: dict[tuple[str, int], MemoryStore],
        dies_after: int | None,
        instead_of: Member | None = None,
    ) -> None:
        self.name = name
        self.instead_of = instead_of
        self.alive = True
        self.awake = asyncio.Event()
        self.awake.set()
        self.ready = False
        self.generation = -1
        self.tasks: list[asyncio.Task[Any]] = []
        self._group = group
        self._chance = group.chance
        self._left = dies_after
        self._at: dict[tuple[str, int], int] = {}
        self.way = Connection(group.broker, self.step, self._delay, self.awake)
        self.away_since_s: float | None = None
        """Since when its heartbeats have not been answered; None: they are, all the time."""
        self.lease = Lease(SESSION_S, now=self._unheard_s)
        settings = Settings.model_validate({"kafka": {"partitions": NUMBER["synchealth.views.v1"]}})
        # As much of an installation as orders to read again need to know.
        names = [each.forest for each in group.origins if each.side == "ad"]
        forests = [ForestSettings.model_construct(name=name, tenant=TENANT, tenants=[TENANT]) for name in names]
        settings = settings.model_copy(
            update={
                "forest": forests,
                "tenant": [TenantSettings.model_construct(id=TENANT)],
                "eventlog": [SimpleNamespace(name="servers", format="winlogbeat")],
            }
        )
        self.work = Worker(
            settings, Path("unused"), all_detections(), scopes,
            lease=self.lease, delivery=self, on_failure=self.fail,
        )  # fmt: skip
        self.work._new_store = lambda topic: lambda number: disk.setdefault((topic, number), MemoryStore())  # type: ignore[method-assign]

    # What a process does by itself

    async def live(self) -> None:
        """Start, join, and work until the end."""
        await self.work.start()
        self.ready = True
        self.spawn(self._every(_COMMIT_S, 100.0, self.work.commit))
        self.spawn(self._every(_TICK_S, 1200.0, self.work.tick))
        self.spawn(self._every(_LOOK_S, 1.5 * SESSION_S, self.work.look_at_lanes))
        for topic in self.work.topics:
            self.spawn(functools.partial(self._consume, topic))
        self._group.join(self)

    def spawn(self, work: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """A task of this process; an error in it ends the process, as it ends a worker."""

        async def guarded() -> None:
            try:
                await work()
            except Exception as error:
                self.fail(error)

        context = contextvars.copy_context()
        context.run(current.set, self)
        return self._group.broker.loop.create_task(guarded(), context=context)

    def step(self, what: str) -> None:
        """Something that the outside world could see; it may be the last."""
        if not self.alive:
            raise asyncio.CancelledError
        if self._left is not None:
            self._left -= 1
            if self._left < 0:
                self._group.story(f"{self.name} is killed at: {what}")
                self.kill()
                raise asyncio.CancelledError

    def fail(self, error: BaseException) -> None:
        """It cannot go on, and ends itself."""
        if self.alive:
            self._group.story(f"{self.name} ends itself: {type(error).__name__}: {error}")
            self._group.failures.append(error)
            self.kill()

    def kill(self) -> None:
        """SIGKILL. The group notices when the session is over, if nobody has come in its place."""
        self.alive = False
        for task in self.tasks:
            task.cancel()
        self._group.lost(self)

    def _unheard_s(self) -> float:
        return 0.0 if self.away_since_s is None else self._group.broker.loop.time() - self.away_since_s

    def sleep(self) -> None:
        """The process is stopped: the group misses its heartbeats, and gives its partitions away after a session."""
        self.awake.clear()
        self.away_since_s = self._group.broker.loop.time()
        self._group.broker.loop.call_later(SESSION_S, self._group.miss, self)

    def wake(self) -> None:
        """It goes on, and finds out whether it is still a member."""
        self.awake.set()
        if self.alive and self in self._group.members:
            self.away_since_s = None
        elif self.alive:
            self._group.members.append(self)
            self._group.wants_rebalance()

    def _delay(self) -> float:
        return self._chance.choice([0.001, 0.002, 0.01, 0.05, 0.5])

    def _every(
        self, interval_s: float, longest_s: float, work: Callable[[], Awaitable[None]]
    ) -> Callable[[], Awaitable[None]]:
        async def repeatedly() -> None:
            while True:
                rest_s = min(interval_s * self._group.pace, longest_s)
                while rest_s > 0:
                    nap_s = min(rest_s, max(interval_s, 60.0))
                    await asyncio.sleep(nap_s)
                    rest_s = rest_s - nap_s if self._group.pace > 1 else 0  # somebody may look again
                await self.awake.wait()
                await work()

        return repeatedly

    # What Faust and its consumer do for it

    def assigned(self, partitions: set[tuple[str, int]], generation: int) -> None:
        """The group has decided. The consumer may begin behind where it should, as Faust's does."""
        self.generation = generation
        self.away_since_s = None
        committed = self._group.broker.committed
        self._at = {name: committed.get(name, 0) for name in partitions}
        if self._chance.random() < 0.2:
            for name in self._at:
                self._at[name] = min(self._group.broker.logs[name].end, self._at[name] + self._chance.randrange(3))
        self.work.assigned(partitions, generation)

    async def _consume(self, topic: str) -> None:
        broker = self._group.broker
        while True:
            await self.awake.wait()
            waiting = [name for name, at in self._at.items() if name[0] == topic and at < broker.logs[name].end]
            if not waiting:
                await broker.news()
                continue
            await self._fetch(self._chance.choice(waiting))

    async def _fetch(self, name: tuple[str, int]) -> None:
        log, generation = self._group.broker.logs[name], self.generation
        self._at[name] = max(self._at[name], log.start)  # auto.offset.reset
        records = log.at(self._at[name], self._chance.choice([1, 3, 20]))
        self.step("fetch")
        mishap = self._chance.random()
        if mishap < 0.01 and len(records) > 1:
            del records[0]  # lost on the way here
        elif mishap < 0.02:
            records = records + records[:1]
        for record in records:
            self._at[name] = record.offset + 1
        if not records:
            self._at[name] = log.end
        await asyncio.sleep(self._delay() / 10)
        for record in records:
            await self.work.offer(Record(*name, record.offset, record.key, record.value, generation, record.timestamp))

    def highwater(self, topic: str, partition: int) -> int:
        """See Delivery."""
        return self._group.broker.logs[topic, partition].end

    async def commit(self, positions: Mapping[tuple[str, int], int]) -> bool:
        """See Delivery."""
        self.step("commit")
        await asyncio.sleep(self._delay())
        self.step("commit")
        return self._group.commit(self.generation, positions)

    async def committed(self, topic: str, partitions: set[int]) -> Mapping[int, int]:
        """See Delivery."""
        self.step("ask")
        found = {number: self._group.broker.committed.get((topic, number)) for number in sorted(partitions)}
        return {number: offset for number, offset in found.items() if offset is not None}

    async def rewind(self, topic: str, partition: int, offset: int) -> None:
        """See Delivery."""
        if (topic, partition) in self._at:
            self._at[topic, partition] = offset
            self._group.broker.stir()


class Group:
    """Who owns which partitions. It rebalances as Faust does: everybody gives back everything first.

    restart: starts a process in the place of one that died, as a supervisor does before the group notices.
    """

    def __init__(
        self,
        broker: Broker,
        origins: Sequence[Origin],
        chance: random.Random,
        story: Callable[[str], None],
        restart: Callable[[Member], None],
    ) -> None:
        self._restart = restart
        self.broker = broker
        self.origins = origins
        self.chance = chance
        self.story = story
        self.generation = 0
        self.pace = 1.0
        """How much slower the members' timers go while nothing happens: it saves us their work."""
        self.members: list[Member] = []
        self.failures: list[BaseException] = []
        self._shares: dict[str, set[tuple[str, int]]] = {}
        self._at_rest = True
        self._wanted = asyncio.Event()
        self._task = broker.loop.create_task(self._rebalancing())

    def new_task(self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        """The loop's task factory: every task belongs to the process that began it."""
        task = asyncio.Task(work, loop=loop, **options)
        context = options.get("context") or contextvars.copy_context()
        member = context.get(current)
        if member is not None:
            member.tasks.append(task)
        return task

    def wants_rebalance(self) -> None:
        """Somebody came, went, or was not heard of."""
        self._wanted.set()

    def lost(self, member: Member) -> None:
        """A member died: the session tells the group, later; its supervisor may be faster."""
        self.broker.loop.call_later(SESSION_S, self._drop, member)
        if self.chance.random() < 0.5:
            self.broker.loop.call_later(self.chance.choice([1.0, 3.0, SESSION_S - 1]), self._restart, member)

    def join(self, member: Member) -> None:
        """It is ready: it takes the place and partitions of a dead one, or waits for what a rebalance gives it."""
        dead, member.instead_of = member.instead_of, None
        keeps = dead in self.members and self._at_rest and not self._wanted.is_set()
        if dead in self.members:
            self.members.remove(dead)
        if member not in self.members:
            self.members.append(member)
        if dead is not None and keeps and dead.generation == self.generation:
            self.story(f"{member.name} takes its place in generation {self.generation}")
            self._give(member)
        else:
            self.wants_rebalance()

    def miss(self, member: Member) -> None:
        """A member's heartbeats did not come for a session; it may still live."""
        if member.away_since_s is not None and member.away_since_s <= self.broker.loop.time() - SESSION_S:
            self._drop(member)

    def _drop(self, member: Member) -> None:
        if member in self.members:
            self.members.remove(member)
            self.wants_rebalance()

    def commit(self, generation: int, positions: Mapping[tuple[str, int], int]) -> bool:
        """Take positions of members of this generation alone."""
        if generation != self.generation:
            return False
        self.broker.committed.update(positions)
        return True

    async def _rebalancing(self) -> None:
        while True:
            await self._wanted.wait()
            self._wanted.clear()
            self._at_rest = False
            members = [each for each in self.members if each.alive and each.ready and each.awake.is_set()]
            closing = [each.spawn(each.work.revoked) for each in members if each.generation >= 0]
            if closing:
                await asyncio.wait(closing)
            self.generation += 1
            members = [each for each in members if each.alive]
            shares = self._shares = {each.name: set() for each in members}
            for name in self.broker.logs:
                if members and name[0] in members[0].work.topics:
                    shares[self.chance.choice(members).name].add(name)
            self.story(f"generation {self.generation}: {sorted(shares)}")
            for each in members:
                self._give(each)
            self._at_rest = True

    def _give(self, member: Member) -> None:
        context = contextvars.copy_context()
        context.run(current.set, member)
        context.run(member.assigned, self._shares[member.name], self.generation)
