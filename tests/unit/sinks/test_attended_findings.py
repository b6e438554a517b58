"""The exporter's counts of what nobody looks after, and of what somebody has accepted."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from sinks.actions.fold import Attention, attended
from sinks.actions.known import KnownActions
from sinks.labels import KnownDetection, LabelValues
from sinks.open_findings import OpenFindings, Series
from sinks.prometheus import ACTIONS_PATIENCE_S, PrometheusSink
from sinks.sink import Meta
from streams.contracts.actions import Accept, Acknowledge, Action, Assign, Deed, Reopen
from streams.contracts.entries import ActionTombstone, Unreadable
from streams.contracts.finding import Finding, Severity
from streams.contracts.times import parse_rfc3339, rfc3339
from streams.contracts.topics import ACTIONS, FINDINGS
from streams.runtime.topic_reader import ReaderProgress
from tests.support.actions import MINUTE_MS, accept, action
from tests.support.findings import FOREST, START_MS, TENANT, finding

DETECTION = "conflict.duplicate_address"
VALUES = LabelValues([KnownDetection(DETECTION, "conflict", Severity.HIGH, 900.0)], [TENANT], [(FOREST, TENANT)])
FAR_MS = START_MS + 1000 * MINUTE_MS
LABELS = {"detection": DETECTION, "family": "conflict", "severity": "high", "tenant": TENANT, "forest": FOREST}
HERE = ReaderProgress(caught_up=True, in_contact=True, behind=0)
AWAY = ReaderProgress(caught_up=True, in_contact=False, behind=0)


def take(counts: OpenFindings, record: Finding | Action | ActionTombstone) -> None:
    if isinstance(record, Finding):
        stands = parse_rfc3339(record.stands_since)
        ended = parse_rfc3339(record.resolved_at) if record.resolved_at else None
        counts.apply(record, parse_rfc3339(record.opened_at), ended, stands)
    else:
        counts.act(record, FAR_MS)


def at(counts: OpenFindings, minute: float) -> tuple[int, int, float | None]:
    """unattended, accepted, and since which minute the longest-unattended is so."""
    counts.advance(START_MS + minute * MINUTE_MS)
    [series] = counts.series()
    since = counts.oldest_unattended_ms(series)
    return series.unattended, series.accepted, None if since is None else (since - START_MS) / MINUTE_MS


def told(*records: Finding | Action | ActionTombstone) -> OpenFindings:
    counts = OpenFindings(VALUES)
    for record in records:
        take(counts, record)
    return counts


def test_what_somebody_looks_after_is_not_unattended() -> None:
    counts = told(finding(1), finding(2), finding(3), finding(4, at_ms=START_MS + MINUTE_MS))
    assert at(counts, 5) == (4, 0, 0)
    for record in (action(Acknowledge(), 1), action(Assign(owner="bob"), 2), accept(3, until_minute=60)):
        take(counts, record)
    assert at(counts, 5) == (1, 1, 1)
    [series] = counts.series()
    assert series.open == 4
    take(counts, ActionTombstone(finding(2).id, action(Assign(owner="bob"), 2).id))
    assert at(counts, 5) == (2, 1, 0)


def test_an_acceptance_that_ends_needs_somebody_since_then_and_is_told_anew() -> None:
    counts = told(finding(1), finding(2), accept(2, until_minute=60))
    [series] = counts.series()
    assert counts.newest_alerted_ms(series, START_MS + 16 * MINUTE_MS) == START_MS
    assert at(counts, 59) == (1, 1, 0)
    assert at(counts, 60) == (2, 0, 0)
    assert counts.newest_alerted_ms(series, START_MS + 74 * MINUTE_MS) == START_MS
    assert counts.newest_alerted_ms(series, START_MS + 75 * MINUTE_MS) == START_MS + 60 * MINUTE_MS


def test_what_was_looked_after_until_its_end_alerts_nobody() -> None:
    over = finding(1, "resolved", revision=2, resolved_at=rfc3339(START_MS + 100 * MINUTE_MS))
    for records in ((finding(1), action(Acknowledge()), over), (action(Acknowledge()), over)):
        counts = told(*records)
        [series] = counts.series()
        assert counts.newest_alerted_ms(series, FAR_MS) is None
    [series] = told(over).series()
    assert series.alerted_ms == START_MS, "unattended until its alert was due"


def test_a_new_episode_is_unattended_and_one_that_a_cause_explained_is_not_new() -> None:
    counts = told(finding(1), accept(1, until_minute=600), finding(1, "resolved", revision=2))
    take(counts, finding(1, revision=3, at_ms=START_MS + 20 * MINUTE_MS))
    assert at(counts, 30) == (1, 0, 20)
    counts = told(finding(1), accept(1, until_minute=600), finding(1, "suppressed", revision=2))
    assert at(counts, 10) == (0, 0, None)
    reopened = finding(1, revision=3, at_ms=START_MS + 20 * MINUTE_MS, standing_since=rfc3339(START_MS))
    take(counts, reopened)
    assert at(counts, 30) == (0, 1, None)
    assert at(counts, 600) == (1, 0, 600)


def test_whoever_does_not_know_what_people_do_counts_all_as_unattended() -> None:
    counts = told(finding(1), finding(2), accept(1, until_minute=600))
    counts.go_blind(True)
    assert at(counts, 5) == (2, 0, 0)
    take(counts, action(Acknowledge(), 2))
    assert at(counts, 5) == (2, 0, 0)
    counts.go_blind(False)
    assert at(counts, 5) == (0, 1, None)


deeds: st.SearchStrategy[Deed] = st.one_of(
    st.just(Acknowledge()), st.just(Reopen()), st.sampled_from(["bob", None]).map(lambda who: Assign(owner=who)),
    st.integers(0, 90).map(lambda minute: Accept(until_ms=START_MS + minute * MINUTE_MS, reason="x")),
)  # fmt: skip
actions = st.lists(
    st.builds(
        lambda what, number, minute, name: action(what, number, minute=minute, id=f"number-{number}-{name}"),
        deeds, st.integers(0, 3), st.integers(0, 80), st.integers(0, 3),
    ),
    max_size=12,
)  # fmt: skip
states = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from(["open", "suppressed", "resolved"]), st.integers(0, 1)), max_size=12
)


@given(actions, states, st.lists(st.booleans(), min_size=24, max_size=24), st.integers(0, 120))
def test_the_two_topics_may_be_read_in_any_order(
    acts: list[Action], said: list[tuple[int, str, int]], turns: list[bool], minute: int
) -> None:
    findings = [
        finding(number, state, revision=revision, at_ms=START_MS + episode * MINUTE_MS)
        for revision, (number, state, episode) in enumerate(said)
    ]
    known = KnownActions()
    for each in acts:
        known.take(each, FAR_MS)
    now_ms = START_MS + minute * MINUTE_MS
    expected = {Attention.UNATTENDED: 0, Attention.ACCEPTED: 0, Attention.ACKNOWLEDGED: 0, Attention.ASSIGNED: 0}
    for last in {each.id: each for each in findings}.values():
        if last.state.value == "open":
            state = attended(known.of(last.id), parse_rfc3339(last.opened_at), now_ms=now_ms)
            expected[state.attention] += 1

    left, right = list(findings), list(acts)
    counts = OpenFindings(VALUES)
    for turn in turns:
        source = left if turn and left else right or left
        if source:
            take(counts, source.pop(0))
    unattended, accepted, _ = at(counts, minute)
    assert (unattended, accepted) == (expected[Attention.UNATTENDED], expected[Attention.ACCEPTED])


def exporter() -> tuple[PrometheusSink, CollectorRegistry]:
    registry = CollectorRegistry()
    sink = PrometheusSink(VALUES, registry)
    sink.add(finding(1), Meta(FINDINGS.name, 0, 0, START_MS, live=False))
    return sink, registry


def shown(registry: CollectorRegistry) -> tuple[float | None, float | None, float | None]:
    """unattended, accepted, whether the actions are read."""
    read = registry.get_sample_value("synchealth_exporter_actions_read")
    names = ("synchealth_findings_unattended", "synchealth_findings_accepted")
    unattended, accepted = (registry.get_sample_value(name, LABELS) for name in names)
    return unattended, accepted, read


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [START_MS / 1000 + 3600.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    return now


def test_the_exporter_waits_for_actions_and_then_says_that_it_does_not_know(clock: list[float]) -> None:
    sink, registry = exporter()
    sink.flush(HERE)
    assert shown(registry) == (None, None, 0.0)
    assert registry.get_sample_value("synchealth_findings_open", LABELS) == 1
    clock[0] += ACTIONS_PATIENCE_S + 1
    assert shown(registry) == (1.0, 0.0, 0.0)
    sink.actions.add(accept(1, until_minute=600), Meta(ACTIONS.name, 0, 0, FAR_MS, live=False))
    assert shown(registry) == (1.0, 0.0, 0.0), "half of what people did"
    sink.actions.flush(HERE)
    assert shown(registry) == (0.0, 1.0, 1.0)


def test_what_is_known_stands_while_kafka_is_away_but_not_while_actions_alone_are(clock: list[float]) -> None:
    sink, registry = exporter()
    sink.actions.add(accept(1, until_minute=600), Meta(ACTIONS.name, 0, 0, FAR_MS, live=False))
    sink.actions.flush(HERE)
    sink.flush(HERE)
    clock[0] += 2 * ACTIONS_PATIENCE_S
    sink.flush(AWAY)
    assert shown(registry) == (0.0, 1.0, 1.0)
    sink.flush(HERE)
    assert shown(registry) == (1.0, 0.0, 0.0)


def test_a_record_that_is_no_action_is_counted(clock: list[float]) -> None:
    sink, registry = exporter()
    sink.actions.add(Unreadable("wrong_shape", "x"), Meta(ACTIONS.name, 0, 0, FAR_MS, live=False))
    labels = {"topic": ACTIONS.name, "reason": "wrong_shape"}
    assert registry.get_sample_value("synchealth_exporter_unreadable_records_total", labels) == 1


def test_heaps_stay_as_long_as_what_they_count() -> None:
    counts = told(finding(1))
    for turn in range(500):
        take(counts, action(Acknowledge(), 1, minute=turn))
        take(counts, action(Reopen(), 1, minute=turn + 0.5))
    series: Series = next(iter(counts.series()))
    assert len(series.needing) <= 66
