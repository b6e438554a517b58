from __future__ import annotations

import pytest

from producers.sequence import last_number
from streams.agents.plausible import fact_in_time
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.facts import Fact, Operation
from streams.runtime.clock import CLOCK_SKEW_MS, HybridClock, now_ms


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
    assert HybridClock(last_number([position])).next() > unsaved


@pytest.mark.parametrize("ahead_ms", [-86_400_000, -20_000, 0, 200_000, CLOCK_SKEW_MS, 3_600_000, 3 * 86_400_000])
@pytest.mark.parametrize("then_ahead_ms", [-86_400_000, -10_800_000, -20_000, 0, 250_000, 3_600_000])
@pytest.mark.parametrize("saved_before", [True, False])
def test_whatever_clocks_did_what_follows_a_claim_counts_above_what_arrived_before_it(
    monkeypatch: pytest.MonkeyPatch, ahead_ms: int, then_ahead_ms: int, saved_before: bool
) -> None:
    """The clock is wrong, facts arrive, the process is killed before it saves, and begins anew by another clock."""
    true_ms = now_ms()
    wall = [true_ms + ahead_ms]
    for module in ("producers.sequence", "streams.runtime.clock"):
        monkeypatch.setattr(f"{module}.now_ms", lambda: wall[0])
    position = saved((true_ms + ahead_ms + 3_600_000) << 12, true_ms + ahead_ms)

    def counted(numbers: HybridClock, arrived_ms: int) -> int:
        told = Fact(op=Operation.READ, object_id="a", seq=numbers.next(), ts_ms=arrived_ms)
        return fact_in_time(told, arrived_ms, by_broker=True).seq

    earlier = counted(HybridClock(), true_ms)
    wall[0] = true_ms + then_ahead_ms
    again = HybridClock(last_number([position] if saved_before else [], true_ms + 1))
    later = [counted(again, true_ms + 2 + at) for at in range(3)]
    assert earlier < later[0] < later[1] < later[2]


def test_without_the_brokers_time_a_number_of_the_future_gives_way_to_the_highest_that_counted() -> None:
    assert last_number([saved(4_070_908_800_000 << 12, 1)]) >= now_ms() + CLOCK_SKEW_MS - 60_000 << 12


@pytest.mark.parametrize("ts_ms", [7_331_840_000_000_000, 2**63 - 1, 2**200, -(2**70)])
def test_a_position_of_a_year_that_no_calendar_has_is_read(ts_ms: int) -> None:
    saved = Checkpoint(source="ad/corp", seq=1 << 12, ts_ms=ts_ms, position={"a": 1})
    assert last_number([saved]) >= 1 << 12
