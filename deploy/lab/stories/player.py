"""Plays a story: runs each step at its time, and keeps the times of faults, repairs and findings."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from deploy.lab.stories.story import Expectation, Step, Story
from deploy.lab.sync.clock import LabClock

_POLL_S = 0.05


class Scheduler(Protocol):
    """What the player needs of the sync engine's schedule."""

    def hold(self) -> None: ...
    def release(self) -> None: ...


@dataclass(slots=True)
class Progress:
    """One expected finding: wall-clock times in ms since the epoch, None until it happened.

    faulty_ms: the fault stood in the directories; opened_ms: the finding was seen;
    repaired_ms: the fault was gone; resolved_ms: the finding was seen resolved.
    """

    expectation: Expectation
    step: str
    faulty_ms: int | None = None
    opened_ms: int | None = None
    repaired_ms: int | None = None
    resolved_ms: int | None = None

    @property
    def open_latency_ms(self) -> int | None:
        """From the fault to the finding."""
        return _between(self.faulty_ms, self.opened_ms)

    @property
    def resolve_latency_ms(self) -> int | None:
        """From the repair to the resolution."""
        return _between(self.repaired_ms, self.resolved_ms)

    @property
    def done(self) -> bool:
        return (self.opened_ms if self.expectation.outlives else self.resolved_ms) is not None


class Player:
    """One performance. `on_step` is told of every step when it has run; `saw` may be called from another thread."""

    def __init__(
        self,
        story: Story,
        clock: LabClock,
        scheduler: Scheduler,
        *,
        on_step: Callable[[Step], None] = lambda _: None,
        now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self.story = story
        self.progress = {each.finding: Progress(each, step.name) for step in story.steps for each in step.opens}
        self._clock, self._scheduler, self._on_step, self._now_ms = clock, scheduler, on_step, now_ms
        self._run: set[str] = set()
        self._repaired: set[str] = set()

    def saw(self, finding: str, *, is_open: bool, at_ms: int | None = None) -> Progress | None:
        """Take note of a finding's transition; return its progress if the story expects it."""
        found = self.progress.get(finding)
        if found is None:
            return None
        at_ms = self._now_ms() if at_ms is None else at_ms
        condition = found.expectation.condition
        if is_open and found.faulty_ms is None and condition is not None and found.step in self._run and condition():
            found.faulty_ms = at_ms  # the pipeline was faster than our next look
        if is_open:
            found.opened_ms = found.opened_ms or at_ms
            found.resolved_ms = None
        elif found.opened_ms is not None:
            found.resolved_ms = at_ms
        return found

    def look(self) -> None:
        """Compare the directories with what is expected; call it after every change of either."""
        now_ms = self._now_ms()
        for found in self.progress.values():
            if found.step not in self._run:
                continue
            condition = found.expectation.condition
            stands = condition() if condition is not None else found.step not in self._repaired
            if stands:
                found.faulty_ms = found.faulty_ms or now_ms
                found.repaired_ms = None
            elif found.faulty_ms is not None:
                found.repaired_ms = found.repaired_ms or now_ms

    def run_step(self, step: Step) -> None:
        """Run one step now and tell of it."""
        self._run.add(step.name)
        self._repaired.update(step.repairs)
        self._mark(step)
        step.act()
        self.look()
        self._on_step(step)

    async def play(self) -> None:
        """Run every step, then wait until every expected finding has resolved. Ends by itself or by cancellation.

        The story's time stands still while it waits: for the very first finding, which shows that the pipeline is up,
        and before each repair for what it repairs.
        """
        start_s = self._clock.now_s()
        first = next(iter(self.progress.values()))
        for number, step in enumerate(self.story.steps):
            due_s = start_s + step.at_min * 60
            await asyncio.sleep(self._clock.real_s(max(0.0, due_s - self._clock.now_s())))
            await self._seen(
                found
                for found in self.progress.values()
                if found.step in step.repairs or (number > 0 and found is first)
            )
            start_s += max(0.0, self._clock.now_s() - due_s)
            if step.holds_sync:
                self._scheduler.hold()
            self.run_step(step)
            if step.holds_sync:
                await self._seen(found for found in self.progress.values() if found.step == step.name)
                self._scheduler.release()
        while not all(found.done for found in self.progress.values()):
            await asyncio.sleep(_POLL_S)

    def _mark(self, step: Step) -> None:
        """The fault begins with the write, not after it: the pipeline may be faster than `act` returns."""
        now_ms = self._now_ms()
        for found in self.progress.values():
            if found.expectation.condition is None:
                if found.step == step.name:
                    found.faulty_ms = now_ms
                elif found.step in step.repairs:
                    found.repaired_ms = now_ms

    async def _seen(self, awaited: Iterable[Progress]) -> None:
        waiting = list(awaited)
        while any(found.opened_ms is None for found in waiting):
            await asyncio.sleep(_POLL_S)


def _between(start_ms: int | None, end_ms: int | None) -> int | None:
    return max(0, end_ms - start_ms) if start_ms is not None and end_ms is not None else None
