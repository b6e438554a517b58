"""The two directories every test here runs against: a Samba domain controller and the lab's directory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deploy.lab.certificates import issue
from deploy.lab.directory.server import DirectoryServer, ThreadedDirectory, in_thread
from deploy.lab.directory.store import DirectoryStore
from producers.ad.source import ActiveDirectorySource
from producers.source import Batch
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.deadletter import DeadLetter
from streams.contracts.facts import Fact, Operation
from streams.runtime.settings import ForestSettings
from tests.support.samba import DEFAULT_REALM, SambaDC, samba_dc


@dataclass
class LabDC(SambaDC):
    """The lab's directory behind the same test interface; only what is not LDAP differs."""

    store: DirectoryStore = field(default_factory=DirectoryStore)
    running: ThreadedDirectory | None = None

    def start(self) -> None:
        assert self.running is not None
        self.running.come_up()

    def stop(self) -> None:
        if self._connection is not None:
            self._connection.unbind()
            self._connection = None
        assert self.running is not None
        self.running.go_down()


@contextmanager
def lab_dc(
    directory: Path, *, realm: str = DEFAULT_REALM, recycle_bin: bool = False, **options: Any
) -> Iterator[LabDC]:
    """A lab directory on free ports. `options`: for DirectoryServer (limits, faults)."""
    store = DirectoryStore(realm, recycle_bin=recycle_bin)
    certificates = issue(directory, ["127.0.0.1", "dc1.corp.contoso.local"])
    server = DirectoryServer(store, certificates=certificates, **options)
    with in_thread(server) as running:
        dc = LabDC(
            "127.0.0.1",
            directory,
            ca_file=certificates.ca_file,
            ldap_port=server.port,
            ldaps_port=server.ldaps_port,
            realm=realm,
            store=store,
            running=running,
        )
        try:
            yield dc
        finally:
            if dc._connection is not None:
                dc._connection.unbind()


@pytest.fixture(scope="module", params=["samba", "lab"])
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SambaDC]:
    """A running directory, shared by the tests of a module: name your objects after your test."""
    if request.param == "lab":
        with lab_dc(tmp_path_factory.mktemp("lab")) as lab:
            yield lab
    else:
        with samba_dc() as samba:
            yield samba


@pytest.fixture(params=["samba", "lab"])
def own_directory(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SambaDC]:
    """A running directory of the test's own, to be stopped, broken and restored."""
    if request.param == "lab":
        with lab_dc(tmp_path) as lab:
            yield lab
    else:
        with samba_dc() as samba:
            yield samba


def forest_of(dc: SambaDC, **changes: Any) -> ForestSettings:
    """Settings to read `dc` as its administrator unless told otherwise."""
    settings: dict[str, Any] = {
        "name": dc.realm,
        "tenant": "contoso",
        "servers": [dc.ldaps_url],
        "bind_user": dc.admin_user,
        "bind_password": dc.admin_password,
        "ca_file": dc.ca_file,
        "poll_interval_s": 0.05,
    }
    return ForestSettings(**settings | changes)


class Reading:
    """A source under test with what it has said so far: facts, dead letters, saved checkpoints."""

    def __init__(self, forest: ForestSettings) -> None:
        self.forest = forest
        self.saved: dict[str, Checkpoint] = {}
        self.facts: list[Fact] = []
        self.rejected: list[DeadLetter] = []
        self.source = ActiveDirectorySource(forest)
        self.source.restore([])

    def step(self) -> Batch:
        """One batch, kept."""
        batch = self.source.read()
        self.facts += batch.facts
        self.rejected += batch.rejected
        for checkpoint in batch.checkpoints:
            if checkpoint.position:
                self.saved[checkpoint.part] = checkpoint
            else:
                self.saved.pop(checkpoint.part, None)
        return batch

    def drain(self) -> list[Fact]:
        """Everything that is to be read now."""
        before = len(self.facts)
        while self.step().more:
            pass
        return self.facts[before:]

    def restart(self, change: Callable[[dict[str, Any]], None] | None = None, **forest: Any) -> None:
        """A new process with the saved position, which `change` may tamper with."""
        self.source.close()
        saved: Iterable[Checkpoint] = list(self.saved.values())
        if change is not None:
            for checkpoint in saved:
                if checkpoint.part.startswith("position/"):
                    change(checkpoint.position)
        self.forest = self.forest.model_copy(update=forest)
        self.source = ActiveDirectorySource(self.forest)
        self.source.restore(saved)


@pytest.fixture
def reading() -> Iterator[Callable[..., Reading]]:
    """A factory of sources that are closed at the end: reading(dc, **forest_settings)."""
    made: list[Reading] = []

    def make(dc: SambaDC, **changes: Any) -> Reading:
        made.append(Reading(forest_of(dc, **changes)))
        return made[-1]

    yield make
    for each in made:
        each.source.close()


def folded(facts: Iterable[Fact]) -> dict[str, dict[str, Any]]:
    """object id -> attributes of the objects that live after `facts`, links as sets of ids under their names.

    Facts are folded in the order of their sequence numbers; the death or return of an object ends every link to it.
    """
    state: dict[str, dict[str, Any]] = {}
    ordered = sorted(facts, key=lambda fact: fact.seq)
    assert len({fact.seq for fact in ordered}) == len(ordered), "no two facts share a sequence number"
    for fact in ordered:
        if fact.op in {Operation.DELETED, Operation.RESTORED}:
            for attributes in state.values():
                for far_ends in attributes.values():
                    if isinstance(far_ends, set):
                        far_ends.discard(fact.object_id)
        if fact.op is Operation.DELETED:
            state.pop(fact.object_id, None)
            continue
        known = state.setdefault(fact.object_id, {})
        if fact.full:
            known.clear()
        for name, value in fact.attributes.items():
            if value is None:
                known.pop(name, None)
            else:
                known[name] = value
        for name, change in fact.links.items():
            links = set() if change.complete else known.get(name, set())
            known[name] = (links | {link.id for link in change.added}) - {link.id for link in change.removed}
    return state
