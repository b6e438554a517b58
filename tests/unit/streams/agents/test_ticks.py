"""Ticks go on whatever is done to the clock."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from streams.agents import ticks
from streams.agents.ticks import Ticker


class _Producer:
    def __init__(self) -> None:
        self.sent = 0

    async def send(self, *_: Any, **__: Any) -> asyncio.Future[None]:
        self.sent += 1
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


async def test_a_clock_that_was_an_hour_ahead_ends_no_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    wall_ms, elapsed_s = 1_790_000_000_000, 0.0
    monkeypatch.setattr(ticks, "now_ms", lambda: wall_ms)
    monkeypatch.setattr(ticks.time, "monotonic", lambda: elapsed_s)
    producer, views = _Producer(), SimpleNamespace(ticked_ms=0)
    ticker = Ticker(producer)  # type: ignore[arg-type]
    wall_ms += 3_600_000
    await ticker.tick({0: views})  # type: ignore[dict-item]
    assert producer.sent == 1
    await ticker.tick({0: views})  # type: ignore[dict-item]
    assert producer.sent == 1, "one at a time"
    wall_ms -= 3_600_000
    elapsed_s += 11  # and the last one never came back
    await ticker.tick({0: views})  # type: ignore[dict-item]
    assert producer.sent == 2


async def test_what_came_back_makes_room_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    wall_ms = 1_790_000_000_000
    monkeypatch.setattr(ticks, "now_ms", lambda: wall_ms)
    monkeypatch.setattr(ticks.time, "monotonic", lambda: 0.0)
    producer, views = _Producer(), SimpleNamespace(ticked_ms=0)
    ticker = Ticker(producer)  # type: ignore[arg-type]
    for _ in range(3):
        await ticker.tick({0: views})  # type: ignore[dict-item]
        views.ticked_ms = wall_ms
        wall_ms -= 1000  # set back a little each time
    assert producer.sent == 3
