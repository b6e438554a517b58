"""The limits hold over any ten seconds and say when to come back."""

from __future__ import annotations

import pytest

from deploy.lab.entra.throttling import Throttling, resource_units


class Stopwatch:
    """A monotonic clock under the test's hand."""

    def __init__(self) -> None:
        self.s = 0.0

    def __call__(self) -> float:
        return self.s


def test_reports_allow_five_requests_then_say_when_to_return() -> None:
    watch = Stopwatch()
    limits = Throttling(1.0, watch)
    answers = [limits.charge("reports", 1, "app", "tenant", 10) for _ in range(6)]
    assert [a.retry_after_s for a in answers[:5]] == [None] * 5
    assert answers[5].retry_after_s == 2
    watch.s += 2
    assert limits.charge("reports", 1, "app", "tenant", 10).retry_after_s is None


def test_callers_and_workloads_do_not_share_a_bucket() -> None:
    limits = Throttling(1.0, Stopwatch())
    for _ in range(5):
        limits.charge("reports", 1, "app", "tenant", 10)
    assert limits.charge("reports", 1, "other", "tenant", 10).retry_after_s is None
    assert limits.charge("reports", 1, "app", "other", 10).retry_after_s is None
    assert limits.charge("identity", 1, "app", "tenant", 10).retry_after_s is None


@pytest.mark.parametrize(("users", "limit"), [(49, 3500), (50, 5000), (500, 5000), (501, 8000)])
def test_identity_limit_grows_with_the_tenant(users: int, limit: int) -> None:
    limits = Throttling(1.0, Stopwatch())
    assert limits.charge("identity", limit, "app", "tenant", users).retry_after_s is None
    assert limits.charge("identity", 1, "app", "tenant", users).retry_after_s is not None


@pytest.mark.parametrize(
    ("base", "options", "cost"),
    [(2, {}, 2), (2, {"select": "id"}, 1), (1, {"select": "id", "top": "5"}, 1), (3, {"expand": "x"}, 4)],
)
def test_cost_of_a_call(base: int, options: dict[str, str], cost: int) -> None:
    assert resource_units(base, options) == cost


def test_no_scale_means_no_limit() -> None:
    limits = Throttling(None, Stopwatch())
    assert all(limits.charge("reports", 1, "a", "t", 1).retry_after_s is None for _ in range(100))
