"""What is due for one finding and one channel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sinks.notify.notice import Kind
from sinks.notify.routes import Way
from sinks.notify.telling import HOUR_MS, MOST_PER_FINDING, Quiet, Standing, Step, Tell, Together, Told, Wait, next_step
from streams.contracts.finding import FindingState, Severity

AT = 1_795_000_000_000
SETTLE = 30_000
AT_ONCE, ON_CHANGE, DIGEST = Way(True), Way(True, changes=True), Way(False)


def stands(state: FindingState = FindingState.OPEN, **changes: Any) -> Standing:
    said = Standing(state, Severity.HIGH, AT, AT, "content", AT_ONCE)
    return replace(said, **changes)


def over(at_ms: int = AT) -> Standing:
    return stands(FindingState.RESOLVED, updated_ms=at_ms)


def step(
    standing: Standing | None, told: Told | None, *, now_ms: int = AT + SETTLE, seen_ms: int | None = None,
    blind: str | None = None, in_place: bool = False,
) -> Step:  # fmt: skip
    return next_step(
        standing, told, blind=blind, seen_ms=now_ms if seen_ms is None else seen_ms, now_ms=now_ms, settle_ms=SETTLE,
        in_place=in_place,
    )  # fmt: skip


def tell(*arguments: Any, **options: Any) -> Tell:
    found = step(*arguments, **options)
    assert isinstance(found, Tell), found
    return found


def opened(**options: Any) -> Told:
    return tell(stands(), None, now_ms=AT, **options).told


def test_one_message_when_it_opens_and_none_after() -> None:
    first = tell(stands(), None, now_ms=AT)
    assert (first.kind, first.told.turn, first.told.step, first.told.open) == (Kind.OPENED, 1, 1, True)
    assert step(stands(), first.told) == Quiet()


def test_it_is_closed_once_it_has_been_over_for_a_while() -> None:
    assert step(over(), opened(), now_ms=AT + SETTLE - 1) == Wait(AT + SETTLE, "it has just ended", closing=True)
    closed = tell(over(), opened())
    assert (closed.kind, closed.told.open, closed.told.turn, closed.told.step) == (Kind.CLOSED, False, 1, 2)
    assert step(over(), closed.told) == Quiet()


def test_nothing_is_closed_while_we_are_blind() -> None:
    waits = step(over(), opened(), blind="ad/corp was last heard 2 h ago")
    assert isinstance(waits, Wait)
    assert waits.closing
    assert "2 h ago" in waits.why


def test_a_place_that_shows_messages_says_that_closing_waits_and_says_it_once() -> None:
    says = tell(over(), opened(in_place=True), blind="ad/corp is away", in_place=True)
    assert (says.kind, says.told.open) == (Kind.CHANGED, True)
    assert "ad/corp is away" in says.note
    assert isinstance(step(over(), says.told, blind="ad/corp is still away", in_place=True), Wait)
    assert tell(over(), says.told, in_place=True).kind is Kind.CLOSED
    assert tell(stands(), says.told, in_place=True).kind is Kind.CHANGED  # it stood all the time


def test_a_look_from_before_its_end_says_nothing_of_its_end() -> None:
    assert isinstance(step(over(AT), opened(), seen_ms=AT - 1), Wait)


def test_what_ended_and_came_back_before_that_was_told_is_the_same_message() -> None:
    told = opened()
    assert step(stands(opened_ms=AT + 5), told) == Quiet()


def test_what_comes_back_after_its_end_was_told_is_a_message_of_its_own() -> None:
    closed = tell(over(), opened()).told
    again = tell(stands(), closed, now_ms=AT + 60_000)
    assert (again.kind, again.told.turn, again.told.step, again.told.reference) == (Kind.OPENED, 2, 1, "")


def test_one_that_comes_and_goes_is_told_four_times_an_hour() -> None:
    told: Told | None = None
    now_ms, said, notes = AT, 0, []
    for _ in range(20):
        for standing in (stands(updated_ms=now_ms), over(now_ms)):
            now_ms += SETTLE
            found = step(standing, told, now_ms=now_ms)
            if isinstance(found, Tell):
                told, said = found.told, said + 1
                notes.append(found.note)
    assert said == MOST_PER_FINDING
    assert "comes and goes" in notes[-1]
    assert notes[:-1] == [""] * (MOST_PER_FINDING - 1)
    assert told is not None
    assert tell(stands(), told, now_ms=AT + 2 * HOUR_MS).kind is Kind.OPENED


@pytest.mark.parametrize(
    "quiet", [{"state": FindingState.SUPPRESSED}, {"handled": "Accepted"}, {"way": None}, {"way": DIGEST}]
)
def test_it_is_not_told(quiet: dict[str, Any]) -> None:
    assert step(replace(stands(), **quiet), None) == Quiet()


def test_one_that_somebody_looks_after_is_not_told_again_but_its_end_is() -> None:
    told = opened()
    assert step(stands(handled="Acknowledged by Ada", severity=Severity.CRITICAL), told) == Quiet()
    assert tell(over(), told).kind is Kind.CLOSED


def test_a_place_that_shows_messages_shows_who_looks_after_it_and_what_explains_it() -> None:
    told = opened(in_place=True)
    shown = tell(stands(handled="Acknowledged by Ada"), told, in_place=True)
    assert (shown.kind, shown.note) == (Kind.CHANGED, "Acknowledged by Ada.")
    assert step(stands(handled="Acknowledged by Ada"), shown.told, in_place=True) == Quiet()
    explained = tell(stands(FindingState.SUPPRESSED, cause="0123"), shown.told, in_place=True)
    assert "0123" in explained.note


def test_changes_are_told_where_the_route_wants_them_and_louder_ones_always() -> None:
    told = opened()
    changed = stands(content="another")
    assert step(changed, told) == Quiet()
    assert tell(replace(changed, way=ON_CHANGE), told).kind is Kind.CHANGED
    assert tell(stands(severity=Severity.CRITICAL), told).kind is Kind.CHANGED
    assert step(stands(severity=Severity.LOW), told) == Quiet()


def test_what_stood_before_is_told_with_others_and_by_itself_once_it_gets_louder() -> None:
    before = stands(before="stood")
    found = step(before, None)
    assert isinstance(found, Together)
    assert step(before, found.told) == Quiet()
    assert tell(replace(before, severity=Severity.CRITICAL), found.told).kind is Kind.OPENED
    assert step(replace(over(), before="stood"), found.told) == Quiet(replace(found.told, open=False))


def test_a_finding_that_is_forgotten_is_closed_too() -> None:
    assert tell(None, opened()).kind is Kind.CLOSED
    assert isinstance(step(None, opened(), blind="no source has ever been read"), Wait)
    assert step(None, None) == Quiet()
