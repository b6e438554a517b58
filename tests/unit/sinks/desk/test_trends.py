"""Weeks without a gap, and what stood at the end of each."""

from __future__ import annotations

from sinks.desk.trends import MOST_WEEKS, WEEK_MS, chart, weeks_of

MONDAY = 1_789_948_800_000  # 2026-09-21


def test_weeks_have_no_gap_and_what_stood_is_added_up() -> None:
    found = weeks_of({MONDAY: 5, MONDAY + 2 * WEEK_MS: 1}, {MONDAY: 1, MONDAY + 2 * WEEK_MS: 3}, MONDAY + 3 * WEEK_MS)
    assert [(each.monday, each.opened, each.resolved, each.standing) for each in found] == [
        ("2026-09-21", 5, 1, 4), ("2026-09-28", 0, 0, 4), ("2026-10-05", 1, 3, 2), ("2026-10-12", 0, 0, 2),
    ]  # fmt: skip


def test_what_stood_before_the_first_week_that_is_shown_counts() -> None:
    found = weeks_of({MONDAY - 60 * WEEK_MS: 7}, {}, MONDAY)
    assert len(found) == MOST_WEEKS
    assert found[0].standing == found[-1].standing == 7


def test_nothing_is_one_empty_week() -> None:
    (week,) = weeks_of({}, {}, MONDAY)
    assert (week.opened, week.resolved, week.standing) == (0, 0, 0)
    assert [bar.height for bar in chart([week]).bars] == [0, 0]


def test_the_highest_value_fills_the_drawing() -> None:
    drawn = chart(weeks_of({MONDAY: 10, MONDAY + WEEK_MS: 5}, {MONDAY + WEEK_MS: 10}, MONDAY + WEEK_MS))
    assert drawn.scale == 10
    assert [(bar.kind, bar.height, bar.y) for bar in drawn.bars] == [
        ("opened", 196.0, 0.0), ("resolved", 0.0, 196.0), ("opened", 98.0, 98.0), ("resolved", 196.0, 0.0),
    ]  # fmt: skip
