"""What people did with a finding, and what it means for it now."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sinks.actions.fold import Attended, Attention, attended, ended_acceptances
from sinks.actions.known import KnownActions
from streams.contracts.actions import Accept, Acknowledge, Action, Assign, Comment, Deed, LinkTicket, Reopen
from streams.contracts.entries import ActionTombstone
from tests.support.findings import finding

OPENED = 1_795_000_000_000
HOUR = 3_600_000
FINDING = finding(1).id
TICKET = LinkTicket(system="ServiceNow", key="INC1", url="https://contoso.service-now.com/INC1")


def action(what: Deed, hours: float = 1, **changes: Any) -> Action:
    fields: dict[str, Any] = {
        "id": f"action-{hours}-{type(what).__name__}", "finding": FINDING, "opened_ms": OPENED,
        "at_ms": OPENED + int(hours * HOUR), "who": "ada", "known_by": "word", "channel": "page",
        "address": "127.0.0.1", "what": what,
    }  # fmt: skip
    return Action(**fields | changes)


def accept(until_hours: float, hours: float = 1, **changes: Any) -> Action:
    return action(Accept(until_ms=OPENED + int(until_hours * HOUR), reason="merger"), hours, **changes)


def at(hours: float, *actions: Action, opened_ms: int = OPENED) -> Attended:
    return attended(actions, opened_ms, now_ms=OPENED + int(hours * HOUR))


STORIES: list[tuple[list[Action], float, Attention, str | None]] = [
    ([], 5, Attention.UNATTENDED, None),
    ([action(Acknowledge())], 5, Attention.ACKNOWLEDGED, None),
    ([action(Comment(text="hm")), action(TICKET)], 5, Attention.UNATTENDED, None),
    ([action(Acknowledge(), 1), action(Assign(owner="bob"), 2)], 5, Attention.ASSIGNED, "bob"),
    ([action(Assign(owner="bob"), 1), action(Acknowledge(), 2)], 5, Attention.ASSIGNED, "bob"),
    ([action(Assign(owner="bob"), 1), action(Assign(owner=None), 2)], 5, Attention.UNATTENDED, None),
    ([action(Acknowledge(), 1), action(Assign(owner=None), 2)], 5, Attention.ACKNOWLEDGED, None),
    ([accept(10)], 9.99, Attention.ACCEPTED, None),
    ([accept(10)], 10, Attention.UNATTENDED, None),
    ([action(Assign(owner="bob"), 1), accept(10, 2)], 5, Attention.ACCEPTED, "bob"),
    ([action(Assign(owner="bob"), 1), accept(10, 2)], 10, Attention.UNATTENDED, None),
    ([accept(10, 1), action(Assign(owner="bob"), 2)], 5, Attention.ACCEPTED, "bob"),
    ([accept(10, 1), action(Acknowledge(), 2)], 11, Attention.UNATTENDED, None),
    ([accept(10, 1), action(Acknowledge(), 10.5)], 11, Attention.ACKNOWLEDGED, None),
    ([accept(10, 1), action(Reopen(), 2)], 5, Attention.UNATTENDED, None),
    ([action(Assign(owner="bob"), 1), action(Reopen(), 2)], 5, Attention.UNATTENDED, None),
    ([accept(10, 1), accept(20, 2)], 15, Attention.ACCEPTED, None),
    ([accept(20, 1), accept(10, 2)], 15, Attention.UNATTENDED, None),
    ([accept(0.5, 1)], 5, Attention.UNATTENDED, None),
    ([action(Acknowledge(), 1), accept(0.5, 2)], 5, Attention.ACKNOWLEDGED, None),
]


@pytest.mark.parametrize(("actions", "hours", "attention", "owner"), STORIES)
def test_what_was_said_says_who_looks_after_it(
    actions: list[Action], hours: float, attention: Attention, owner: str | None
) -> None:
    state = at(hours, *actions)
    assert (state.attention, state.owner) == (attention, owner)


def test_a_new_episode_is_unattended_again() -> None:
    later = OPENED + 6 * HOUR
    told = (accept(10_000, 1), action(Acknowledge(), 2))
    assert at(7, *told, opened_ms=later) == Attended(Attention.UNATTENDED, later)
    assert at(7, *told, action(Acknowledge(), 6.5, opened_ms=later), opened_ms=later).attention == "acknowledged"


def test_what_needs_somebody_again_does_so_since_then() -> None:
    assert at(5).since_ms == OPENED
    assert at(11, accept(10)).since_ms == OPENED + 10 * HOUR
    assert at(11, accept(10), action(Reopen(), 2)).since_ms == OPENED + 2 * HOUR
    assert at(11, action(Assign(owner="bob"), 1), action(Assign(owner=None), 3)).since_ms == OPENED + 3 * HOUR
    assert at(11, action(Acknowledge(), -5)).since_ms == OPENED, "a slow clock"


def test_without_a_now_nothing_runs_out() -> None:
    state = attended([accept(10)], OPENED)
    assert (state.attention, state.until_ms, state.reason) == (Attention.ACCEPTED, OPENED + 10 * HOUR, "merger")


def test_a_finding_that_is_over_is_told_as_it_ended() -> None:
    actions = [accept(10)]
    assert attended(actions, OPENED, now_ms=OPENED + 99 * HOUR, resolved_ms=OPENED + 5 * HOUR).attention == "accepted"


def test_a_ticket_is_linked_once_under_its_key() -> None:
    moved = LinkTicket(system="ServiceNow", key="INC1", url="https://new.service-now.com/INC1")
    assert at(5, action(TICKET, 1), action(moved, 2)).tickets == (moved,)


def test_every_end_of_an_acceptance_is_told_once() -> None:
    first, second = accept(10, 1), accept(30, 12)
    ends = ended_acceptances([first, second], OPENED, now_ms=OPENED + 40 * HOUR)
    assert [(end.at_ms, end.accepted, end.with_finding) for end in ends] == [
        (OPENED + 10 * HOUR, first, False), (OPENED + 30 * HOUR, second, False),
    ]  # fmt: skip
    over = ended_acceptances([first], OPENED, now_ms=OPENED + 40 * HOUR, resolved_ms=OPENED + 5 * HOUR)
    assert [(end.at_ms, end.with_finding) for end in over] == [(OPENED + 5 * HOUR, True)]
    assert ended_acceptances([first, action(Reopen(), 2)], OPENED, now_ms=OPENED + 40 * HOUR) == []
    assert ended_acceptances([first], OPENED, now_ms=OPENED + 5 * HOUR) == []
    assert ended_acceptances([first], OPENED + 1, now_ms=OPENED + 40 * HOUR) == []


deeds = st.one_of(
    st.just(Acknowledge()), st.just(Reopen()), st.just(Comment(text="x")), st.just(TICKET),
    st.sampled_from(["bob", None]).map(lambda owner: Assign(owner=owner)),
    st.integers(0, 60).map(lambda hours: Accept(until_ms=OPENED + hours * HOUR, reason="x")),
)  # fmt: skip
logs = st.lists(
    st.builds(
        lambda number, what, hours, episode: (number, what, hours, episode),
        st.integers(0, 8), deeds, st.integers(0, 50), st.sampled_from([OPENED, OPENED + HOUR]),
    ),
    max_size=25,
)  # fmt: skip
Log = list[tuple[int, Deed, int, int]]


def known(log: Log) -> KnownActions:
    found = KnownActions()
    for number, what, hours, episode in log:
        found.take(action(what, hours, id=f"number-{number}", opened_ms=episode), OPENED + 1000 * HOUR)
    return found


@given(logs, st.data())
def test_compaction_and_replay_change_nothing(log: Log, data: st.DataObject) -> None:
    last = {number: index for index, (number, *_) in enumerate(log)}
    kept = [entry for index, entry in enumerate(log) if last[entry[0]] == index or data.draw(st.booleans())]
    for again in (kept, log + log):
        assert known(again).of(FINDING) == known(log).of(FINDING)


@given(logs, st.integers(0, 80))
def test_who_accepts_says_until_when_and_never_longer(log: Log, hours: int) -> None:
    state = known(log).attended(FINDING, OPENED, now_ms=OPENED + hours * HOUR)
    assert (state.attention is Attention.ACCEPTED) == (state.until_ms is not None)
    assert state.until_ms is None or state.until_ms > OPENED + hours * HOUR
    assert state.since_ms >= OPENED


def test_a_tombstone_takes_one_action_and_no_other() -> None:
    found = KnownActions()
    found.take(accept(10), OPENED + HOUR)
    found.take(action(Comment(text="x"), 2), OPENED + 2 * HOUR)
    found.take(ActionTombstone(FINDING, accept(10).id), OPENED)
    found.take(ActionTombstone(FINDING, "never-was-one"), OPENED)
    found.take(ActionTombstone("0" * 16, "never-was-one"), OPENED)
    assert [each.what for each in found.of(FINDING)] == [Comment(text="x")]
    assert found.attended(FINDING, OPENED, now_ms=OPENED + 3 * HOUR).attention is Attention.UNATTENDED


def test_a_clock_that_is_ahead_ends_nothing() -> None:
    found = KnownActions()
    found.take(accept(10), OPENED + HOUR)
    found.take(action(Comment(text="from the year 9999"), 10_000), OPENED + 2 * HOUR)
    assert found.attended(FINDING, OPENED, now_ms=OPENED + 3 * HOUR).attention is Attention.ACCEPTED
