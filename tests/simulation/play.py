"""One seed, played."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import hashlib
import logging
import random
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from unittest import mock

import structlog

from producers.publisher import KafkaPublisher
from producers.runner import Runner
from sinks.freshness_source import WORKED_OFF
from streams.agents import topic_reader, worker
from streams.agents.tables.store import MemoryStore
from streams.contracts.codec import encode
from streams.contracts.facts import Forget
from streams.contracts.orders import RESYNC, Order
from streams.contracts.topics import AD_CHANGES, CHECKPOINTS, ENTRA_CHANGES
from streams.runtime import topic_writer as writing
from streams.runtime.settings import KafkaSettings
from tests.simulation.broker import COMPACTED, PARTITIONS, Broker, PlainProducer, Producer, Stored, reading
from tests.simulation.group import SESSION_S, Group, Member, current
from tests.simulation.history import SCOPES, History, Teller
from tests.simulation.judge import Judge
from tests.simulation.ledger import BrokerLedger
from tests.simulation.poison import poison
from tests.simulation.virtual_time import VirtualLoop, bent_clocks

PLACES = 2
_SKEWS_MS = (0, 0, -86_400_000, -3 * 3_600_000, -20_000, 20_000, 200_000, 3_600_000)
LONG_AFTER_S = 12 * 3600
_READ = {topic.name for topic in WORKED_OFF}


class ProducerDied(BaseException):
    """A producer was killed here."""


@dataclass
class Outcome:
    """How it went. digest: of everything that was written, in order."""

    seed: int
    faults: list[str]
    digest: str
    story: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)


def play(seed: int, steps: int | None = None) -> Outcome:
    """Play this seed, with so many steps of history (else the seed says how many)."""
    loop = VirtualLoop()
    chance = random.Random(seed)
    simulation = Simulation(seed, loop, chance, steps)
    with _quiet(), bent_clocks(loop, chance), simulation.in_place_of_kafka():
        gc.disable()  # what was killed before it began complains when it is collected, wherever that happens
        try:
            loop.run_until_complete(simulation.run())
        finally:
            tasks = asyncio.all_tasks(loop)
            for task in tasks:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
            loop.close()
            del tasks
            gc.collect(0)  # all of this life, and nothing of what stays
            gc.enable()
    return Outcome(seed, simulation.faults, simulation.digest.hexdigest(), simulation.lines, simulation.counts)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    before = structlog.get_config()
    warnings.filterwarnings("ignore", "coroutine .* was never awaited", RuntimeWarning)  # who is killed begins nothing
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        structlog.configure(**before)
        logging.disable(logging.NOTSET)


class Simulation:
    """The world, its sources, the broker, the workers, and bad luck."""

    def __init__(self, seed: int, loop: VirtualLoop, chance: random.Random, steps: int | None) -> None:
        self.chance = chance
        self.faults: list[str] = []
        self.lines: list[str] = []
        self.counts: dict[str, int] = {}
        self.digest = hashlib.sha256()
        self._loop = loop
        self._steps = chance.randrange(10, 50) if steps is None else steps
        self._history = History(chance.choice(list(SCOPES)), seed)
        self._broker = Broker(loop, self._write)
        self._judge = Judge(self._history, self._broker)
        self._group = Group(self._broker, self._history.origins, chance, self.story, self._restart)
        self._disks: dict[int, dict[tuple[str, int], MemoryStore]] = {place: {} for place in range(PLACES)}
        self._places: dict[int, Member] = {}
        self._tellers: dict[str, Teller] = {}
        self._runners: dict[str, Runner] = {}
        self._told = dict.fromkeys((origin.name for origin in self._history.origins), -1)
        self._refused: list[tuple[str, int, Stored]] = []
        self._orders: set[str] = set()
        """Sources that are to read everything again; an order stands until it was obeyed."""
        self._producer_left: int | None = None
        loop.set_task_factory(self._group.new_task)  # type: ignore[arg-type]

    # Telling

    def _write(self, line: str) -> None:
        self.digest.update(f"{self._loop.elapsed_s:.3f} {line}\n".encode())

    def story(self, line: str) -> None:
        """Something that a reader of the story wants to know."""
        self._write(line)
        self.lines.append(f"{self._loop.elapsed_s:10.1f} s  {line}")

    def _count(self, what: str, number: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + number

    @contextlib.contextmanager
    def in_place_of_kafka(self) -> Iterator[None]:
        """Our broker behind the clients that the pipeline brings along."""

        async def start_producer(_kafka: object, **_: object) -> Producer:
            return Producer(current.get().way)

        new_reader = reading(lambda: current.get().way)
        with (
            mock.patch.object(worker, "start_producer", start_producer),
            mock.patch.object(worker, "new_reader", new_reader),
            mock.patch.object(topic_reader, "new_reader", new_reader),
            mock.patch.object(
                writing, "KafkaProducer", lambda **_: PlainProducer(self._broker, self._producer_step)
            ),
            mock.patch.object(writing, "require_reachable", lambda _: None),
        ):
            yield

    # The sources

    def _producer_step(self, what: str) -> None:
        if self._producer_left is not None:
            self._producer_left -= 1
            if self._producer_left < 0:
                raise ProducerDied(what)

    def _start_source(self, name: str) -> None:
        origin = next(each for each in self._history.origins if each.name == name)
        self._tellers[name] = Teller(origin, self._history, self.chance)
        publisher = KafkaPublisher(
            KafkaSettings(partitions=PARTITIONS), name, chunk_facts=self.chance.choice([1, 5, 250])
        )
        ledger = BrokerLedger(self._broker, name)
        self._runners[name] = Runner(self._tellers[name], publisher, ledger)
        self._tellers[name].restore(ledger.take_over(publisher), ledger.claimed_ms)

    def _tell(self, name: str) -> None:
        """One turn of a source; it may be killed at any of its steps, and starts again."""
        self._producer_left = self.chance.randrange(12) if self.chance.random() < 0.1 * self._trouble else None
        try:
            self._obey(name)
        except ProducerDied as died:
            self._count("producer killed")
            self.story(f"{name} is killed at: {died}")
            self._producer_left = None
            self._start_source(name)
            self._obey(name)
        self._told[name] = max(self._told[name], self._tellers[name].step)
        self._judge.told(tuple(self._told.values()))
        self._judge.passed(list(self._told).index(name), self._tellers[name].began)

    def _obey(self, name: str) -> None:
        if name in self._orders:
            self._tellers[name].again()
        self._runners[name]._turn()
        self._orders.discard(name)

    # The workers

    def _restart(self, dead: Member) -> None:
        for place, member in self._places.items():
            if member is dead and dead in self._group.members:
                self._start_worker(place, instead_of=dead)
                self._count("worker back before its session ended")
                return

    def _start_worker(self, place: int, instead_of: Member | None = None) -> None:
        if self.chance.random() < 0.3:
            self._disks[place] = {}
        dies_after = self.chance.randrange(400) if self.chance.random() < 0.3 * self._trouble else None
        scopes, disk = self._history.scopes, self._disks[place]
        member = Member(f"worker-{place}", self._group, scopes, disk, dies_after, instead_of)
        self._places[place] = member
        member.spawn(member.live)
        self._count("worker started")

    def _supervise(self) -> None:
        """Start again what has died, after the group has noticed, as the session of a killed one must end."""
        for place in range(PLACES):
            member = self._places.get(place)
            if member is None or (not member.alive and member not in self._group.members):
                self._start_worker(place)

    # Bad luck

    async def _mischief(self) -> None:
        what = self.chance.choice(
            ["kill", "leave", "pause", "skew", "skew", "compact", "cut", "poison", "poison", "again", "lose", "nothing"]
        )
        members = [each for each in self._places.values() if each.alive]
        if what == "kill" and members:
            member = self.chance.choice(members)
            self.story(f"{member.name} is killed")
            member.kill()
        elif what == "leave" and members:
            self.story("the group rebalances")
            self._group.wants_rebalance()
        elif what == "pause" and members:
            member = self.chance.choice(members)
            self.story(f"{member.name} sleeps")
            member.sleep()
            self._loop.call_later(self.chance.choice([20, 1.5 * SESSION_S]), member.wake)
        elif what == "skew":
            self._loop.skew_ms = self.chance.choice(_SKEWS_MS)
            self.story(f"clocks are {self._loop.skew_ms / 1000:.0f} s ahead")
        elif what == "compact":
            for name in self._broker.logs:
                if name[0] in COMPACTED:
                    self._broker.compact(*name)
        elif what == "cut":
            for name in self._broker.logs:
                if name[0] in _READ - COMPACTED:
                    self._broker.cut(*name, self._broker.committed.get(name, 0))
        elif what == "poison":
            for topic, partition, key, value, refused in poison(self.chance, self._broker):
                offset = self._broker.append(topic, partition, key, value)
                if refused:
                    self._refused.append((topic, partition, Stored(offset, key, value, 0)))
        elif what == "again":
            name = self.chance.choice(list(self._tellers))
            if self.chance.random() < 0.5:
                self.story(f"{name} reads everything again")
                self._tellers[name].again()
            else:
                self.story(f"somebody orders to read {name} again")
                order = Order(name, f"order {self.chance.getrandbits(32)}", "ann", "a simulation", self._loop.wall_ms)
                key = f"{RESYNC}#{order.scope}".encode()
                self._broker.append(CHECKPOINTS.name, 0, key, encode(order.record()))
        elif what == "lose":
            self._lose()
        self._count(what)

    def _lose(self) -> None:
        """Retention was faster than the workers; the source whose records these were is read again in full."""
        name = self.chance.choice([AD_CHANGES.name, ENTRA_CHANGES.name])
        lost = 0
        for partition in range(PARTITIONS):
            log = self._broker.logs[name, partition]
            committed = self._broker.committed.get((name, partition), 0)
            gone = self._broker.cut(name, partition, self.chance.randint(log.start, log.end))
            lost += sum(each.offset >= committed for each in gone)
            self._refused = [
                each for each in self._refused if each[:2] != (name, partition) or each[2].offset >= log.start
            ]
        if lost:
            self.story(f"{lost} records of {name} are lost before they were read")
            self._count("lost records")
            side = "ad" if name == AD_CHANGES.name else "entra"
            self._orders |= {origin.name for origin in self._history.origins if origin.side == side}

    # The whole

    async def run(self) -> None:
        """Live, come to rest, and be judged."""
        self._trouble = 1.0
        self.story(f"{self._history.kind}, {self._steps} steps")
        for origin in self._history.origins:
            self._start_source(origin.name)
        await self._live(self.chance.randrange(1, 10))
        for place in range(PLACES):
            self._start_worker(place)
        for _ in range(self._steps):
            self._supervise()
            if self.chance.random() < 0.7:
                await self._live()
            for name in self._tellers:
                if self.chance.random() < 0.6:
                    self._tell(name)
            if self.chance.random() < 0.4:
                await self._mischief()
            await self._pass(self.chance.choice([0.05, 1.0, 10.0, 40.0, 200.0, 1200.0]))
            for name in self._tellers if self.chance.random() < 0.5 else ():
                self._tell(name)
            self._note(self._judge.look())
        await self._come_to_rest()
        self._note(self._judge.end(self._loop.true_ms))
        if self._history.kind in ("directories", "groups") and self.chance.random() < 0.5:
            await self._forget_the_dead()
        self._note(self._judge.refused(self._refused))

    async def _live(self, steps: int = 1) -> None:
        """Something happens to the organisation, which may take its time."""
        self._history.step(self._loop.true_ms, steps)
        await self._pass(max(0, self._history.now_ms - self._loop.true_ms) / 1000)

    async def _pass(self, seconds: float) -> None:
        """Time passes: the more of it, the less often anybody looks, but for its end."""
        self._group.pace = max(1.0, min(20.0, seconds / 100))
        await asyncio.sleep(max(0.0, seconds - 100))
        self._group.pace = 1.0
        await asyncio.sleep(min(seconds, 100.0))

    async def _forget_the_dead(self) -> None:
        """Whoever is dead is forgotten, as `synchealth forget` has it; a worker is killed over it."""
        ids = self._history.forget_the_dead()
        self.story(f"{len(ids)} dead objects are forgotten")
        self._supervise()
        members = [each for each in self._places.values() if each.alive]
        if members:
            self.chance.choice(members)._left = self.chance.randrange(40)
        for topic in (AD_CHANGES, ENTRA_CHANGES):
            for partition in range(PARTITIONS):
                self._broker.append(topic.name, partition, b"forget", encode(Forget(ids=ids)))
        for _ in range(6):
            self._supervise()
            await asyncio.sleep(SESSION_S)
        self._note(self._judge.end(self._loop.true_ms))
        self._count("dead forgotten", len(ids))

    def _note(self, faults: list[str]) -> None:
        for fault in faults:
            self.story(f"FAULT: {fault}")
        self.faults += faults

    async def _come_to_rest(self) -> None:
        self._trouble = 0.0
        self.story("nothing happens any more")
        for member in self._places.values():
            member._left = None
        await asyncio.sleep(3 * SESSION_S)
        for name in self._tellers:
            while self._told[name] < len(self._history.states) - 1 or name in self._orders:
                self._tell(name)
        for _ in range(6):
            self._supervise()
            await asyncio.sleep(SESSION_S)
        await self._pass(LONG_AFTER_S)
        if any(runner._ledger.unfinished() for runner in self._runners.values()):
            # A reading that had to rest: it tells the past once more, which explains things for a while (lingers_s).
            for _ in range(4):
                for name in self._tellers:
                    self._tell(name)
                await asyncio.sleep(SESSION_S)
            await self._pass(LONG_AFTER_S)
        for name in self._tellers:
            self._tell(name)
        await asyncio.sleep(2 * SESSION_S)
        waiting = self._broker.unread(_READ)
        old = [name for name, records in waiting.items() if records[0].timestamp < self._loop.true_ms - 90_000]
        if old:
            self._note([f"never worked off: {old}"])
