"""When the engine runs: a cycle every 30 lab minutes, the cloud's sweeper every lab hour."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from deploy.lab.sync.clock import CYCLE_S, SWEEP_S, LabClock
from deploy.lab.sync.engine import SyncEngine
from deploy.lab.sync.report import CycleReport

OnCycle = Callable[[CycleReport], None]
OnSweep = Callable[[list[str]], None]
PARTS = 8
"""Of a slow cycle."""


class Schedule:
    """The scheduler of one engine; `cycle_s` and `sweep_s` are intervals in lab seconds."""

    def __init__(
        self,
        engine: SyncEngine,
        clock: LabClock,
        *,
        on_cycle: OnCycle = lambda _: None,
        on_sweep: OnSweep = lambda _: None,
        cycle_s: float = CYCLE_S,
        sweep_s: float = SWEEP_S,
    ) -> None:
        self._engine, self._clock = engine, clock
        self._on_cycle, self._on_sweep = on_cycle, on_sweep
        self._cycle_s, self._sweep_s = cycle_s, sweep_s
        self._enabled = asyncio.Event()
        self._enabled.set()
        self.next_cycle_s = self.next_sweep_s = 0.0

    def hold(self) -> None:
        """Start no cycle until `release`, as `Set-ADSyncScheduler -SyncCycleEnabled $false` does."""
        self._enabled.clear()

    def release(self) -> None:
        """Let cycles run again; one that fell due meanwhile runs at once."""
        self._enabled.set()

    async def run(self) -> None:
        """Run cycles and sweeps at their lab times until cancelled; a late one is run once, not caught up."""
        now = self._clock.now_s()
        self.next_cycle_s, self.next_sweep_s = now + self._cycle_s, now + self._sweep_s
        while True:
            due = min(self.next_cycle_s, self.next_sweep_s)
            await asyncio.sleep(self._clock.real_s(max(0.0, due - self._clock.now_s())))
            if self.next_cycle_s <= self.next_sweep_s:
                await self._enabled.wait()
                self._on_cycle(await self._cycle())
                self.next_cycle_s = _after(self.next_cycle_s, self._cycle_s, self._clock.now_s())
            else:
                self._on_sweep(self._engine.sweep())
                self.next_sweep_s = _after(self.next_sweep_s, self._sweep_s, self._clock.now_s())

    async def _cycle(self) -> CycleReport:
        """One cycle; a slow one in parts, so that its writes show while it goes on."""
        slow_s = self._engine.slow_by_s
        if not slow_s:
            return self._engine.cycle()
        parts = self._engine.parts(PARTS)
        try:
            while True:
                next(parts)
                await asyncio.sleep(self._clock.real_s(slow_s / PARTS))
        except StopIteration as over:
            report: CycleReport = over.value
            return report


async def every(clock: LabClock, interval_s: float, act: Callable[[], object]) -> None:
    """Do something every `interval_s` lab seconds until cancelled: passwords, heartbeats."""
    while True:
        await asyncio.sleep(clock.real_s(interval_s))
        act()


def _after(due_s: float, interval_s: float, now_s: float) -> float:
    """The next time of a series; what was missed is skipped."""
    return due_s + interval_s if due_s + interval_s > now_s else now_s + interval_s
