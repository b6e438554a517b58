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


@pytest.mark.parametrize("ts_ms", [7_331_840_000_000_000, 2**63 - 1, 2**200, -(2**70)])
def test_a_position_of_a_year_that_no_calendar_has_is_read(ts_ms: int) -> None:
    saved = Checkpoint(source="ad/corp", seq=1 << 12, ts_ms=ts_ms, position={"a": 1})
    assert last_number([saved]) >= 1 << 12
