"""The lab as its clients see it: LDAPS, Graph over HTTPS, and a sync engine at work, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any, TypeVar

from deploy.lab.certificates import Certificates, issue
from deploy.lab.directory.server import DirectoryServer
from deploy.lab.entra.server import EntraServer
from deploy.lab.hybrid import HybridOrganisation
from deploy.lab.sync.clock import PASSWORDS_S, WRITEBACK_S, LabClock
from deploy.lab.sync.schedule import OnCycle, OnSweep, Schedule, every

T = TypeVar("T")
_PATIENCE_S = 30.0


class LabServices:
    """What runs; all of it in one event loop, so that stores need no locks among each other.

    >>> with services(build(500), Path("/tmp/lab"), speed=60) as lab:  # doctest: +SKIP
    ...     print(lab.entra.url)
    """

    def __init__(self, organisation: HybridOrganisation, certificates: Certificates, clock: LabClock) -> None:
        self.organisation, self.certificates, self.clock = organisation, certificates, clock
        self.directories = {
            forest.name: DirectoryServer(forest.store, certificates=certificates, accounts=forest.accounts)
            for forest in organisation.forests
        }
        self.entra = EntraServer([organisation.tenant], certificates=certificates)
        self.schedule: Schedule
        self._loop = asyncio.new_event_loop()
        self._tasks: set[asyncio.Task[Any]] = set()

    def run(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Run a coroutine in the lab's event loop; the future can be awaited or cancelled from outside."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def call(self, act: Any, *arguments: Any) -> None:
        """Run a plain function in the lab's event loop, soon."""
        self._loop.call_soon_threadsafe(act, *arguments)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """No cycle of the sync engine runs during the body, which may change both directories from another thread.

        Two at once would export the same objects twice.
        """

        async def hold() -> None:  # in the loop, so that none is under way
            self.schedule.hold()

        self.run(hold()).result()
        try:
            yield
        finally:
            self.call(self.schedule.release)

    async def _start(self, on_cycle: OnCycle, on_sweep: OnSweep) -> None:
        for directory in self.directories.values():
            await directory.start()
        await self.entra.start()
        self.schedule = Schedule(self.organisation.engine, self.clock, on_cycle=on_cycle, on_sweep=on_sweep)
        self._tasks.add(asyncio.ensure_future(self.schedule.run()))
        for interval_s, act in (
            (PASSWORDS_S, self.organisation.engine.password_sync),
            (WRITEBACK_S, self.organisation.writeback.heartbeat),
        ):
            self._tasks.add(asyncio.ensure_future(every(self.clock, interval_s, act)))

    async def _stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.entra.stop()
        for directory in self.directories.values():
            await directory.stop()

    @contextlib.contextmanager
    def running(self, on_cycle: OnCycle, on_sweep: OnSweep) -> Iterator[None]:
        """Serve for the body. Raises what a server raises that cannot listen."""
        thread = threading.Thread(target=self._loop.run_forever, name="lab", daemon=True)
        thread.start()
        try:
            self.run(self._start(on_cycle, on_sweep)).result(_PATIENCE_S)
            try:
                yield
            finally:
                self.run(self._stop()).result(_PATIENCE_S)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join(_PATIENCE_S)
            self._loop.close()


@contextlib.contextmanager
def services(
    organisation: HybridOrganisation,
    directory: Path,
    *,
    speed: float = 1.0,
    on_cycle: OnCycle = lambda _: None,
    on_sweep: OnSweep = lambda _: None,
) -> Iterator[LabServices]:
    """Serve `organisation` on free ports of the loopback address for the body.

    directory: where the lab's certificates live (made if absent); speed: lab seconds per second.
    """
    names = [f"dc1.{forest.name}" for forest in organisation.forests]
    lab = LabServices(organisation, issue(directory, ["localhost", "127.0.0.1", *names]), LabClock(speed))
    with lab.running(on_cycle, on_sweep):
        yield lab
