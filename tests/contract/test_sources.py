"""The law of every source: kill it at any step and start it again, and it repeats but never skips.

Each world is a directory that changes by a seed while its source is read, killed and restored through the real
runner and a stand-in for Kafka. In the end the facts, folded in order, must say what the directory says.
A new source joins by adding its world to WORLDS.
"""

from __future__ import annotations

import contextlib
import random
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Protocol

import pytest
from structlog.testing import capture_logs

from deploy.lab.entra.delta_pages import PageLimits
from deploy.lab.entra.faults import Fault
from deploy.lab.entra.generate import fill
from producers.runner import Runner
from producers.source import Batch, Source
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.errors import RetriableError
from streams.contracts.facts import Fact, ObjectKind, Operation
from streams.contracts.orders import Order
from tests.integration.ad.conftest import folded, forest_of, lab_dc
from tests.integration.ad.test_property import RandomWork, comparable, state_of
from tests.support.fake_kafka import FakeKafka, FakePublisher, Killed
from tests.support.graph_lab import GraphLab, Mirror, certificates_in, expected, graph_lab, without_empty


class World(Protocol):
    """A directory with its source."""

    def source(self) -> Source: ...

    def change(self, chance: random.Random) -> None: ...

    def agrees(self, facts: list[Fact]) -> None:
        """Fails unless `facts` in order say what the directory says."""
        ...


class GraphWorld:
    """The lab's Graph, whose delta tokens now and then are refused and whose answers may be partial.

    What a partial round leaves out does not change meanwhile: that a service keeps a change to itself for
    good, nobody can see from outside.
    """

    def __init__(self, lab: GraphLab) -> None:
        self.lab = lab
        self._stack = contextlib.ExitStack()
        fill(lab.tenant, 120)
        self._hidden = frozenset(lab.tenant.ids("user")[:25])

    def source(self) -> Source:
        self.lab.later(2000)
        return self._stack.enter_context(self.lab.source())

    def change(self, chance: random.Random) -> None:
        self.lab.later(2000)
        tenant = self.lab.tenant
        for _ in range(chance.randint(1, 12)):
            kind = chance.choice(["user", "user", "user", "group", "contact"])
            one = chance.choice([name for name in tenant.ids(kind) if name not in self._hidden] or [""])
            what = chance.randint(0, 7)
            if what == 0 or not one:
                tenant.upsert(kind, None, {"displayName": f"New {chance.random()}"})
            elif what == 1:
                tenant.delete(kind, one)
            elif what == 2 and kind == "group":
                tenant.set_members(one, chance.sample(tenant.ids("user"), min(30, len(tenant.ids("user")))))
            elif what == 3 and tenant.collections["user"].deleted_ms:
                tenant.restore("user", chance.choice(list(tenant.collections["user"].deleted_ms)))
            elif what == 4:
                tenant.set_provisioning_errors(kind, one, [{"propertyCausingError": "ProxyAddresses", "value": "x"}])
            else:
                tenant.upsert(kind, one, {"displayName": f"Name {chance.random()}", "mail": None})
        if chance.random() < 0.3:
            path = chance.choice(["/users/delta", "/groups/delta", "/contacts/delta"])
            self.lab.faults.add(Fault(chance.choice(["gone", "sync_state_not_found", "page_token_expired"]), path))
        if chance.random() < 0.3:
            self.lab.faults.add(Fault("partial", "/users/delta", ids=self._hidden))
        if chance.random() < 0.2:
            self.lab.faults.add(Fault(chance.choice(["cut", "server_error", "empty_page"]), times=2))

    def agrees(self, facts: list[Fact]) -> None:
        mirror = Mirror()
        mirror.apply(facts)
        assert without_empty(mirror.objects) == expected(self.lab.tenant)
        for group in self.lab.tenant.ids("group"):
            assert mirror.members.get(group, set()) == set(self.lab.tenant.members.of(group))


class DirectoryWorld:
    """The lab's directory, read by DirSync."""

    def __init__(self, dc: Any, seed: int) -> None:
        self.dc, self._work = dc, RandomWork(dc, seed)

    def source(self) -> Source:
        from producers.ad.source import ActiveDirectorySource

        return ActiveDirectorySource(forest_of(self.dc))

    def change(self, chance: random.Random) -> None:
        for _ in range(chance.randint(1, 8)):
            self._work.step()

    def agrees(self, facts: list[Fact]) -> None:
        repeated = {fact.seq: fact for fact in facts}  # a batch that was sent again repeats its numbers
        assert all(repeated[fact.seq] == fact for fact in facts)
        assert comparable(folded(repeated.values())) == state_of(self.dc)


@contextlib.contextmanager
def graph_world(directory: Path, seed: int) -> Iterator[World]:
    with graph_lab(certificates_in(directory), PageLimits(objects=15, members=9)) as lab:
        yield GraphWorld(lab)


@contextlib.contextmanager
def directory_world(directory: Path, seed: int) -> Iterator[World]:
    with lab_dc(directory) as dc:
        yield DirectoryWorld(dc, seed)


WORLDS: dict[str, Callable[[Path, int], contextlib.AbstractContextManager[World]]] = {
    "graph": graph_world,
    "ad": directory_world,
}


class UntilIdle:
    """The source, except that its first quiet moment stops the runner."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.origin, self.progress = source.origin, source.progress
        self.stop: Callable[[], None] = lambda: None
        self.restore, self.close, self.wake = source.restore, source.close, source.wake
        self.collections, self.resync, self.resyncing = source.collections, source.resync, source.resyncing

    def read(self) -> Batch:
        batch = self._source.read()
        numbers = [fact.seq for fact in batch.facts]
        assert numbers == sorted(set(numbers)), "sequence numbers rise within a batch"
        return batch

    def wait(self, timeout_s: float) -> None:
        self.stop()


def run_until_idle(world: World, kafka: FakeKafka, before: Callable[[str], None] = lambda step: None) -> bool:
    """One life of a producer process; False if it was killed."""
    time.sleep(0.002)  # no process starts within the millisecond in which another one died
    source = UntilIdle(world.source())
    runner = Runner(source, FakePublisher(kafka, before), kafka.ledger())
    source.stop = runner.stop
    try:
        runner.run()
    except Killed:
        return False
    return True


@pytest.fixture(autouse=True)
def no_waiting_and_no_logs(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr("streams.runtime.backoff.wait_s", lambda *_, **__: 0.0)
    with capture_logs():
        yield


def dies(chance: random.Random) -> Callable[[str], None]:
    """Die after so many steps; on the way some acknowledgements fail as well."""
    left = chance.randint(1, 400)

    def before(step: str) -> None:
        nonlocal left
        left -= 1
        if left <= 0:
            raise Killed(step)
        if step == "arrive" and chance.random() < 0.02:
            raise RetriableError("Kafka is away")

    return before


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("world_name", WORLDS)
def test_kills_at_any_step_repeat_and_never_skip(world_name: str, seed: int, tmp_path: Path) -> None:
    chance, kafka = random.Random(seed), FakeKafka()
    with WORLDS[world_name](tmp_path, seed) as world:
        for _ in range(12):
            run_until_idle(world, kafka, dies(chance))
            world.change(chance)
        # Faults that are still armed may cost a round each; quiet lives end them.
        for _ in range(12):
            assert run_until_idle(world, kafka)
        world.agrees(kafka.facts)
        assert not kafka.letters


def hides_a_deletion(facts: list[Fact], cut: int, world_name: str) -> bool:
    """Whether the facts from `cut` on end what is alive before, and no list of the directory tells of it.

    Entra ID lists deleted users and groups; nobody lists deleted contacts.
    """
    kinds = (ObjectKind.CONTACT,) if world_name == "graph" else tuple(ObjectKind)
    gone = {fact.object_id for fact in facts[cut:] if fact.op is Operation.DELETED}
    gone -= {fact.object_id for fact in facts[cut:] if fact.op is not Operation.DELETED}
    return any(fact.object_id in gone and fact.kind in kinds for fact in facts[:cut])


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("world_name", WORLDS)
def test_what_was_lost_is_told_again_as_ordered(world_name: str, seed: int, tmp_path: Path) -> None:
    """A range of the topic is deleted unread: changes, deletions, whatever it was. Kills and changes go on."""
    chance, kafka = random.Random(seed), FakeKafka()
    with WORLDS[world_name](tmp_path, seed) as world:
        cuts: list[int] = []
        while not cuts:
            assert run_until_idle(world, kafka)
            world.change(chance)
            assert run_until_idle(world, kafka)
            cuts = [cut for cut in range(1, len(kafka.facts)) if hides_a_deletion(kafka.facts, cut, world_name)]
        source = world.source()
        source.close()
        del kafka.facts[chance.choice(cuts) :]
        kafka.orders.append(Order(source.origin.name, "lost", "a worker", "deleted unread", 1))
        for _ in range(6):
            run_until_idle(world, kafka, dies(chance))
            world.change(chance)
        for _ in range(12):
            assert run_until_idle(world, kafka)
        world.agrees(kafka.facts)
        assert [answer.state for answer in kafka.answers] == ["begun", "done"]


@pytest.mark.parametrize("world_name", WORLDS)
def test_sequence_numbers_never_fall_behind_over_restarts(world_name: str, tmp_path: Path) -> None:
    chance, kafka = random.Random(9), FakeKafka()
    with WORLDS[world_name](tmp_path, 9) as world:
        for _ in range(4):
            assert run_until_idle(world, kafka)
            world.change(chance)
    numbers = [fact.seq for fact in kafka.facts]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("world_name", WORLDS)
def test_nothing_new_is_nothing_said(world_name: str, tmp_path: Path) -> None:
    kafka = FakeKafka()
    with WORLDS[world_name](tmp_path, 1) as world:
        assert run_until_idle(world, kafka)
        said, saved = len(kafka.facts), [part for part in kafka.load() if part.source]
        assert said and saved
        assert run_until_idle(world, kafka)
        assert len(kafka.facts) == said


@pytest.mark.parametrize("world_name", WORLDS)
def test_parts_belong_to_their_source(world_name: str, tmp_path: Path) -> None:
    kafka = FakeKafka()
    with WORLDS[world_name](tmp_path, 1) as world:
        assert run_until_idle(world, kafka)
        source = world.source()
        name = source.origin.name
        source.close()
    saved: Iterable[Checkpoint] = kafka.load()
    assert {part.source for part in saved} == {name}
