"""Words between views count in the order in which their causes came, whatever the clocks of their tellers say."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from streams.agents import evaluate
from streams.agents.deadletters import Fuse
from streams.agents.delivery.lanes import Record
from streams.agents.delivery.outbox import Outbox
from streams.agents.evaluate import EvaluatePartition
from streams.contracts.codec import decode, encode
from streams.contracts.views import Contribution, ContributionChunk, Tick
from streams.evaluation.outcome import Outcome
from streams.runtime import clock
from tests.support.words import body_of

NOW = 1_790_000_000_000
WORD = Contribution(view="user/t/a", contributor="link/x", seq=1, changed_ms=1, body=body_of({}))


class _Producer:
    def __init__(self) -> None:
        self.words: list[int] = []

    async def send(self, topic: str, value: bytes, **_: Any) -> asyncio.Future[None]:
        self.words += [item.seq for item in decode(value, ContributionChunk).items]
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


class _Views:
    """Tells the same word at every record."""

    now_ms = 0
    is_behind = False

    def apply(self, part: Tick, _rows: object) -> Outcome:
        self.now_ms = max(self.now_ms, part.now_ms)
        return Outcome(contributions=[WORD])

    def restore(self, *_: object, **__: object) -> None:
        pass

    def row_keys(self, _part: object) -> list[str]:
        return []


async def _flush() -> None:
    pass


async def _owner(monkeypatch: pytest.MonkeyPatch, wall_ms: int, arrived_ms: int | None) -> tuple[int, int]:
    """(number of its word, the partition's time) of an owner whose clock says `wall_ms`, after one tick of its own."""
    monkeypatch.setattr(evaluate, "now_ms", lambda: wall_ms)
    monkeypatch.setattr(clock, "now_ms", lambda: wall_ms)
    producer, views = _Producer(), _Views()
    rows = SimpleNamespace(prefetch=list, keep=lambda: None, drop=lambda: None, flush=_flush)
    handler = EvaluatePartition(
        views, rows, lambda stage, record: Outbox(producer, lambda: None, 1, stage, record), Fuse("evaluate")  # type: ignore[arg-type]
    )  # fmt: skip
    await handler([Record("synchealth.views.v1", 0, 0, b"tick", encode(Tick(now_ms=wall_ms)), 1, arrived_ms)])
    assert handler.ticked_ms == wall_ms, "its own tick is recognised by what it said"
    return producer.words[0], views.now_ms


@pytest.mark.parametrize("skew_ms", [86_400_000, -86_400_000, 3_600_000, 0])
async def test_a_successor_is_heard_whatever_its_predecessor_took_for_the_time(
    monkeypatch: pytest.MonkeyPatch, skew_ms: int
) -> None:
    before, _ = await _owner(monkeypatch, NOW + skew_ms, NOW)
    after, _ = await _owner(monkeypatch, NOW + 1000, NOW + 1000)
    again, _ = await _owner(monkeypatch, NOW - skew_ms, NOW + 2000)
    assert before < after < again


async def test_a_partition_keeps_the_brokers_time_where_a_clock_was_set_back(monkeypatch: pytest.MonkeyPatch) -> None:
    _, time_ms = await _owner(monkeypatch, NOW - 86_400_000, NOW)
    assert time_ms == NOW
    _, time_ms = await _owner(monkeypatch, NOW - 60_000, NOW)
    assert time_ms == NOW - 60_000, "within what clocks may differ, the sender is believed"


async def test_without_the_brokers_time_the_clock_is_all_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    number, time_ms = await _owner(monkeypatch, NOW - 86_400_000, None)
    assert number >> 12 == time_ms == NOW - 86_400_000
