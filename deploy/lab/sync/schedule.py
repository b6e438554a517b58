"""Runs the engine: a cycle every 30 lab minutes, the cloud's sweeper every lab hour."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from deploy.lab.sync.clock import CYCLE_S, SWEEP_S, LabClock
from deploy.lab.sync.engine import SyncEngine
from deploy.lab.sync.report import CycleReport

OnCycle = Callable[[CycleReport], None]
OnSweep = Callable[[list[str]], None]


async def run_engine(
    engine: SyncEngine,
    clock: LabClock,
    *,
    on_cycle: OnCycle = lambda _: None,
    on_sweep: OnSweep = lambda _: None,
    cycle_s: float = CYCLE_S,
    sweep_s: float = SWEEP_S,
) -> None:
    """Run cycles and sweeps at their lab times until cancelled; a late one is run once, not caught up.

    `cycle_s` and `sweep_s` are intervals in lab seconds.
    """
    next_cycle, next_sweep = clock.now_s() + cycle_s, clock.now_s() + sweep_s
    while True:
        await asyncio.sleep(clock.real_s(max(0.0, min(next_cycle, next_sweep) - clock.now_s())))
        now = clock.now_s()
        if now >= next_cycle:
            on_cycle(engine.cycle())
            next_cycle = max(next_cycle + cycle_s, now)
        if now >= next_sweep:
            on_sweep(engine.sweep())
            next_sweep = max(next_sweep + sweep_s, now)
