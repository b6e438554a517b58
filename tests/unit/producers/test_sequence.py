from __future__ import annotations

import pytest

from producers.sequence import last_number
from streams.contracts.checkpoint import Checkpoint
from streams.runtime.clock import Sequence, now_ms


def saved(seq: int, ts_ms: int) -> Checkpoint:
    return Checkpoint(source="entra/t", seq=seq, ts_ms=ts_ms, position={"at": 1})


def test_it_goes_on_above_every_part() -> None:
    assert last_number([]) == 0
    assert last_number([saved(7, 1), saved(9, 1), saved(8, 1)]) == 9


def test_a_clock_that_was_set_back_leaves_room_for_facts_nobody_remembers(monkeypatch: pytest.MonkeyPatch) -> None:
    position = saved(now_ms() << 12, now_ms())
    unsaved = (now_ms() + 60_000) << 12  # published a minute later, then killed
    for module in ("producers.sequence", "streams.runtime.clock"):
        monkeypatch.setattr(f"{module}.now_ms", lambda: position.ts_ms - 300_000)
    assert Sequence(last_number([position])).next() > unsaved
