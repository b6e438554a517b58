"""The scheduler: cycles and sweeps at their lab times, held where asked, never caught up."""

from __future__ import annotations

import asyncio
import contextlib
from typing import cast

import pytest

from deploy.lab.sync.clock import LabClock
from deploy.lab.sync.engine import Parts, SyncEngine, finish
from deploy.lab.sync.report import CycleReport
from deploy.lab.sync.schedule import PARTS, Schedule, every


class Engine:
    """Counts what it is asked for."""

    def __init__(self) -> None:
        self.log: list[str] = []
        self.slow_by_s = 0.0

    def cycle(self) -> CycleReport:
        return finish(self.parts(1))

    def parts(self, number: int) -> Parts:
        for _ in range(number - 1):
            self.log.append("part")
            yield
        self.log.append("cycle")
        return CycleReport(number=len(self.log), full=False)

    def sweep(self) -> list[str]:
        self.log.append("sweep")
        return []


async def until(condition) -> None:
    async with asyncio.timeout(120):
        while not condition():
            await asyncio.sleep(0.001)


@contextlib.asynccontextmanager
async def running(engine: Engine, clock: LabClock):
    schedule = Schedule(cast(SyncEngine, engine), clock)
    task = asyncio.create_task(schedule.run())
    yield schedule
    task.cancel()


async def test_two_cycles_to_a_sweep() -> None:
    engine = Engine()
    async with running(engine, LabClock(speed=100_000)):  # a lab hour in 36 ms
        await until(lambda: engine.log.count("sweep") >= 3)
    assert engine.log[:6] in (
        ["cycle", "cycle", "sweep", "cycle", "cycle", "sweep"],
        ["cycle", "sweep", "cycle", "cycle", "sweep", "cycle"],
    )


async def test_held_it_runs_no_cycle_and_released_it_runs_the_late_one_and_skips_what_was_missed() -> None:
    now = [0.0]
    engine = Engine()
    clock = LabClock(speed=18_000, monotonic=lambda: now[0])  # a cycle takes 0.1 s; the clock stands until it is moved
    schedule = Schedule(cast(SyncEngine, engine), clock, sweep_s=1e12)
    schedule.hold()
    task = asyncio.create_task(schedule.run())
    await asyncio.sleep(0.2)
    assert engine.log == []
    now[0] = 9_000 / 18_000  # lab second 9000: five cycles are due
    schedule.release()
    await until(lambda: bool(engine.log))
    task.cancel()
    assert engine.log == ["cycle"]
    assert schedule.next_cycle_s == 9_000 + 1_800


async def test_a_slow_cycle_ends_late_and_the_next_one_is_due_after_it() -> None:
    engine = Engine()
    engine.slow_by_s = 3_600
    async with running(engine, LabClock(speed=100_000)):
        await until(lambda: engine.log.count("cycle") >= 2)
    assert engine.log.count("cycle") <= engine.log.count("sweep") + 1, "a slow cycle skips what it overlaps"
    ended = engine.log.index("cycle")
    assert engine.log[:ended].count("part") == PARTS - 1


async def test_small_work_runs_at_its_own_interval() -> None:
    done: list[int] = []
    task = asyncio.create_task(every(LabClock(speed=100_000), 300, lambda: done.append(1)))
    await until(lambda: len(done) >= 3)
    task.cancel()


def test_a_clock_must_run_forward() -> None:
    with pytest.raises(ValueError, match="above 0"):
        LabClock(speed=0)
