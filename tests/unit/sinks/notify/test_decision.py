"""What is due for one finding and one channel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sinks.notify.decision import (
    HOUR_MS,
    MOST_PER_FINDING,
    FindingStatus,
    Notified,
    Notify,
    Quiet,
    Step,
    Together,
    Wait,
    next_step,
)
from sinks.notify.notice import Kind
from sinks.notify.routes import Way
from streams.contracts.finding import FindingState, Severity

AT = 1_795_000_000_000
SETTLE = 30_000
AT_ONCE, ON_CHANGE, DIGEST = Way(True), Way(True, changes=True), Way(False)


def stands(state: FindingState = FindingState.OPEN, **changes: Any) -> FindingStatus:
    said = FindingStatus(state, Severity.HIGH, AT, AT, "content", AT_ONCE)
    return replace(said, **changes)


def over(at_ms: int = AT) -> FindingStatus:
    return stands(FindingState.RESOLVED, updated_ms=at_ms)


def step(
    standing: FindingStatus | None, notified: Notified | None, *, now_ms: int = AT + SETTLE, seen_ms: int | None = None,
    blind: str | None = None, in_place: bool = False,
) -> Step:  # fmt: skip
    return next_step(
        standing, notified, blind=blind, seen_ms=now_ms if seen_ms is None else seen_ms, now_ms=now_ms,
        settle_ms=SETTLE,
        in_place=in_place,
    )  # fmt: skip


def notify(*arguments: Any, **options: Any) -> Notify:
    found = step(*arguments, **options)
    assert isinstance(found, Notify), found
    return found


def opened(**options: Any) -> Notified:
    return notify(stands(), None, now_ms=AT, **options).notified


def test_one_message_when_it_opens_and_none_after() -> None:
    first = notify(stands(), None, now_ms=AT)
    assert (first.kind, first.notified.turn, first.notified.step, first.notified.open) == (Kind.OPENED, 1, 1, True)
    assert step(stands(), first.notified) == Quiet()


def test_it_is_closed_once_it_has_been_over_for_a_while() -> None:
    assert step(over(), opened(), now_ms=AT + SETTLE - 1) == Wait(AT + SETTLE, "it has just ended", closing=True)
    closed = notify(over(), opened())
    assert (closed.kind, closed.notified.open, closed.notified.turn, closed.notified.step) == (Kind.CLOSED, False, 1, 2)
    assert step(over(), closed.notified) == Quiet()


def test_nothing_is_closed_while_we_are_blind() -> None:
    waits = step(over(), opened(), blind="ad/corp was last heard 2 h ago")
    assert isinstance(waits, Wait)
    assert waits.closing
    assert "2 h ago" in waits.why


def test_a_place_that_shows_messages_says_that_closing_waits_and_says_it_once() -> None:
    says = notify(over(), opened(in_place=True), blind="ad/corp is away", in_place=True)
    assert (says.kind, says.notified.open) == (Kind.CHANGED, True)
    assert "ad/corp is away" in says.note
    assert isinstance(step(over(), says.notified, blind="ad/corp is still away", in_place=True), Wait)
    assert notify(over(), says.notified, in_place=True).kind is Kind.CLOSED
    assert notify(stands(), says.notified, in_place=True).kind is Kind.CHANGED  # it stood all the time


def test_a_look_from_before_its_end_says_nothing_of_its_end() -> None:
    assert isinstance(step(over(AT), opened(), seen_ms=AT - 1), Wait)


def test_what_ended_and_came_back_before_that_was_told_is_the_same_message() -> None:
    notified = opened()
    assert step(stands(opened_ms=AT + 5), notified) == Quiet()


def test_what_comes_back_after_its_end_was_told_is_a_message_of_its_own() -> None:
    closed = notify(over(), opened()).notified
    again = notify(stands(), closed, now_ms=AT + 60_000)
    assert (again.kind, again.notified.turn, again.notified.step, again.notified.reference) == (Kind.OPENED, 2, 1, "")


def test_one_that_comes_and_goes_is_told_four_times_an_hour() -> None:
    notified: Notified | None = None
    now_ms, said, notes = AT, 0, []
    for _ in range(20):
        for standing in (stands(updated_ms=now_ms), over(now_ms)):
            now_ms += SETTLE
            found = step(standing, notified, now_ms=now_ms)
            if isinstance(found, Notify):
                notified, said = found.notified, said + 1
                notes.append(found.note)
    assert said == MOST_PER_FINDING
    assert "comes and goes" in notes[-1]
    assert notes[:-1] == [""] * (MOST_PER_FINDING - 1)
    assert notified is not None
    assert notify(stands(), notified, now_ms=AT + 2 * HOUR_MS).kind is Kind.OPENED


@pytest.mark.parametrize(
    "quiet", [{"state": FindingState.SUPPRESSED}, {"handled": "Accepted"}, {"way": None}, {"way": DIGEST}]
)
def test_it_is_not_told(quiet: dict[str, Any]) -> None:
    assert step(replace(stands(), **quiet), None) == Quiet()


def test_one_that_somebody_looks_after_is_not_told_again_but_its_end_is() -> None:
    notified = opened()
    assert step(stands(handled="Acknowledged by Ada", severity=Severity.CRITICAL), notified) == Quiet()
    assert notify(over(), notified).kind is Kind.CLOSED


def test_a_place_that_shows_messages_shows_who_looks_after_it_and_what_explains_it() -> None:
    notified = opened(in_place=True)
    shown = notify(stands(handled="Acknowledged by Ada"), notified, in_place=True)
    assert (shown.kind, shown.note) == (Kind.CHANGED, "Acknowledged by Ada.")
    assert step(stands(handled="Acknowledged by Ada"), shown.notified, in_place=True) == Quiet()
    explained = notify(stands(FindingState.SUPPRESSED, cause="0123"), shown.notified, in_place=True)
    assert "0123" in explained.note


def test_changes_are_told_where_the_route_wants_them_and_louder_ones_always() -> None:
    notified = opened()
    changed = stands(content="another")
    assert step(changed, notified) == Quiet()
    assert notify(replace(changed, way=ON_CHANGE), notified).kind is Kind.CHANGED
    assert notify(stands(severity=Severity.CRITICAL), notified).kind is Kind.CHANGED
    assert step(stands(severity=Severity.LOW), notified) == Quiet()


def test_what_stood_before_is_told_with_others_and_by_itself_once_it_gets_louder() -> None:
    before = stands(before="stood")
    found = step(before, None)
    assert isinstance(found, Together)
    assert step(before, found.notified) == Quiet()
    assert notify(replace(before, severity=Severity.CRITICAL), found.notified).kind is Kind.OPENED
    assert step(replace(over(), before="stood"), found.notified) == Quiet(replace(found.notified, open=False))


def test_a_finding_that_is_forgotten_is_closed_too() -> None:
    assert notify(None, opened()).kind is Kind.CLOSED
    assert isinstance(step(None, opened(), blind="no source has ever been read"), Wait)
    assert step(None, None) == Quiet()
