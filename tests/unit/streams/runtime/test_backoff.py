from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.graph.client import retry_after_s
from streams.contracts.errors import FatalError, RetriableError
from streams.runtime.backoff import Backoff, pause_s, retrying, wait_s


@given(attempt=st.integers(1, 10_000), longest_s=st.floats(1, 600))
def test_the_wait_is_bounded_and_grows(attempt: int, longest_s: float) -> None:
    assert 0 <= wait_s(attempt, longest_s=longest_s) <= min(longest_s, 2 ** min(attempt - 1, 30))


@given(asked_s=st.floats(0, 3600), attempt=st.integers(1, 50))
def test_a_named_wait_is_never_cut_short(asked_s: float, attempt: int) -> None:
    assert asked_s <= wait_s(attempt, asked_s) <= asked_s + 1


@given(attempt=st.integers(1, 10_000))
def test_a_pause_without_chance_doubles_up_to_its_bound(attempt: int) -> None:
    assert pause_s(attempt, first_s=3.0, longest_s=100.0) == min(100.0, 3.0 * 2 ** min(attempt - 1, 30))


def test_failures_in_a_row_are_counted_until_a_success() -> None:
    backoff = Backoff(first_s=0.25, longest_s=5.0)
    assert all(backoff.failed() <= min(5.0, 0.25 * 2**number) for number in range(8))
    assert backoff.failures == 8
    assert 12 <= backoff.failed(12) <= 13
    backoff.succeeded()
    assert backoff.failures == 0 and backoff.failed() <= 0.25


def test_two_that_fail_together_do_not_come_back_together() -> None:
    assert len({wait_s(6) for _ in range(20)}) > 1


def test_only_retriable_errors_are_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.runtime.backoff.wait_s", lambda *_, **__: 0.0)
    calls = []

    def step() -> str:
        calls.append(1)
        if len(calls) < 3:
            raise RetriableError("again")
        if len(calls) == 3:
            raise FatalError("no")
        return "done"

    with pytest.raises(FatalError):
        retrying(threading.Event())(step)
    assert len(calls) == 3
    assert retrying(threading.Event())(step) == "done"


@pytest.mark.parametrize(
    ("header", "expected"),
    [("12", 12.0), ("0", 0.0), ("1.5", 1.5), ("", None), ("soon", None), ("-3", None), ("99999999", 3600.0)],
)
def test_retry_after_in_seconds(header: str, expected: float | None) -> None:
    assert retry_after_s({"Retry-After": header}) == expected


def test_retry_after_as_a_date() -> None:
    assert retry_after_s({"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}) == 0.0
    assert retry_after_s({"Retry-After": "Fri, 21 Oct 2095 07:28:00 GMT"}) == 3600.0
    assert retry_after_s({}) is None
