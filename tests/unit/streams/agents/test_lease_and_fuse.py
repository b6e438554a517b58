"""When a worker must stop: a lost lease, a broken version, a partition that sleeps."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
from aiokafka import TopicPartition

from streams.agents.deadletters import Fuse
from streams.agents.delivery import watchdog as watchdog_module
from streams.agents.delivery.lanes import Handler, Record, TopicLanes
from streams.agents.delivery.watchdog import Watchdog
from streams.contracts.errors import FatalError


def test_the_fuse_blows_when_most_of_a_full_window_failed() -> None:
    fuse = Fuse("project", window=10, limit=0.5)
    for _ in range(5):
        fuse.bad(ValueError("x"))
    fuse.good(5)
    fuse.bad(ValueError("x"))  # five of ten again: one old failure left the window
    fuse.good(20)
    for _ in range(5):
        fuse.bad(ValueError("x"))
    with pytest.raises(FatalError, match="6 of the latest 10 items failed, the last with ValueError: bug"):
        fuse.bad(ValueError("bug"))


def test_a_young_fuse_waits_for_a_full_window() -> None:
    fuse = Fuse("project", window=10)
    for _ in range(9):
        fuse.bad(ValueError("x"))
    with pytest.raises(FatalError):
        fuse.bad(ValueError("x"))


class Ends:
    """A reader that knows where topics end."""

    def __init__(self, end: int) -> None:
        self.end = end

    async def end_offsets(self, parts: list[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(parts, self.end)


class Log:
    def __init__(self) -> None:
        self.rewound: list[int] = []

    async def committed(self, topic: str, partitions: set[int]) -> dict[int, int]:
        return {0: 5}

    async def first_available(self, topic: str, offsets: dict[int, int]) -> dict[int, int]:
        return offsets

    async def order_again(self, topic: str, partition: int, first: int, records: int) -> None: ...

    async def rewind(self, topic: str, partition: int, offset: int) -> None:
        self.rewound.append(offset)


async def _done(_: Sequence[Record]) -> None:
    return None


async def _stage(log: Log) -> TopicLanes:
    async def opened(_: set[int]) -> dict[int, Handler]:
        return {0: _done}

    stage = TopicLanes("t", opened, log)  # type: ignore[arg-type]
    stage.open({0}, 1, lambda _: None)
    while not stage.ready:
        await asyncio.sleep(0)
    return stage


async def test_a_partition_with_lag_that_does_not_move_is_read_again_and_then_ends_the_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = [100.0]
    monkeypatch.setattr(watchdog_module, "time", SimpleNamespace(monotonic=lambda: now_s[0]))
    log = Log()
    stage = await _stage(log)
    watchdog = Watchdog(Ends(9), lambda *_: 10, stuck_s=30.0, rewind_s=3.0)
    await watchdog.look({"t": stage})
    stage.lanes[0].next_offset = 7
    now_s[0] += 10
    await watchdog.look({"t": stage})
    assert log.rewound == []
    now_s[0] += 10
    await watchdog.look({"t": stage})
    assert log.rewound == [5]
    now_s[0] += 30
    with pytest.raises(FatalError, match=r"t/0 has not moved .* with 3 records to read"):
        await watchdog.look({"t": stage})
    await stage.close(1)


async def test_a_partition_without_lag_may_sleep_for_ever() -> None:
    log = Log()
    stage = await _stage(log)
    watchdog = Watchdog(Ends(5), lambda *_: None, stuck_s=0.0)
    for _ in range(3):
        await watchdog.look({"t": stage})
        await asyncio.sleep(0.01)
    assert log.rewound == []
    await stage.close(1)
