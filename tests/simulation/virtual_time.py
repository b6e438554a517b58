"""An event loop that waits for nothing: when nobody can go on, it is later. And the clocks of the world, bent."""

from __future__ import annotations

import asyncio
import contextlib
import random
import selectors
import time
import uuid
from collections.abc import Iterator
from typing import Any
from unittest import mock

from tests.support.cases import START_MS


class _NoWait(selectors.SelectSelector):
    """Nothing arrives from outside; the time that would be slept passes at once."""

    loop: VirtualLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        if timeout is None:
            raise RuntimeError("everybody waits for somebody else")
        self.loop.elapsed_s += timeout
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time is a number. `skew_ms`: how far the machines' clocks are off; the broker's never is."""

    def __init__(self) -> None:
        self.elapsed_s = 0.0
        self.skew_ms = 0
        selector = _NoWait()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.elapsed_s

    @property
    def true_ms(self) -> int:
        """What time it is."""
        return START_MS + round(self.elapsed_s * 1000)

    @property
    def wall_ms(self) -> int:
        """What the machines take it for."""
        return self.true_ms + self.skew_ms


@contextlib.contextmanager
def bent_clocks(loop: VirtualLoop, chance: random.Random) -> Iterator[None]:
    """Whoever asks the operating system for the time, or for an id, is answered by the simulation."""
    with (
        mock.patch.object(time, "time_ns", lambda: loop.wall_ms * 1_000_000),
        mock.patch.object(time, "time", lambda: loop.wall_ms / 1000),
        mock.patch.object(time, "monotonic", lambda: loop.elapsed_s),
        mock.patch.object(uuid, "uuid4", lambda: uuid.UUID(int=chance.getrandbits(128), version=4)),
    ):
        yield
