"""One suite over all sinks: what the loop in sinks/runner.py may rely on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from sinks.labels import KnownDetection, LabelValues
from sinks.notify.present import CurrentFindings
from sinks.notify.routes import Routes
from sinks.prometheus import PrometheusSink
from sinks.sink import Meta, Sink
from streams.contracts.deadletter import DeadLetter
from streams.contracts.entries import Entry, Tombstone, Unreadable
from streams.contracts.finding import Severity
from streams.contracts.topics import DEADLETTERS, FINDINGS, TOPICS
from streams.runtime.settings import Settings
from streams.runtime.topic_reader import ReaderProgress
from tests.support.findings import FOREST, START_MS, TENANT, finding

FOLLOWING = ReaderProgress(caught_up=True, in_contact=False, behind=0)
Seen = Callable[[], str]


def prometheus() -> tuple[Sink, Seen]:
    registry = CollectorRegistry()
    values = LabelValues(
        [KnownDetection("conflict.duplicate_address", "conflict", Severity.HIGH)], [TENANT], [(FOREST, TENANT)]
    )
    lines = ("synchealth_findings_open{", "synchealth_findings_suppressed{", "synchealth_findings_oldest")

    def seen() -> str:
        text = generate_latest(registry).decode()
        return "\n".join(line for line in text.splitlines() if line.startswith(lines))

    return PrometheusSink(values, registry), seen


def notify() -> tuple[Sink, Seen]:
    route = {"channels": ["here"], "severity": ["high", "critical"]}
    settings = Settings.model_validate({"channel": [{"name": "here", "kind": "x"}], "route": [route]})
    sink = CurrentFindings(Routes(settings, {}), ["here"])

    def seen() -> str:
        stands = sorted((each.id, each.state.value, each.opened_ms) for each in sink.counted("here"))
        return f"{[each for each in stands if each[2]]} 1.0"

    return sink, seen


# A sink and what it shows to the outside. A new sink adds one line here.
SINKS = {"prometheus": prometheus, "notify": notify}
every_sink = pytest.mark.parametrize("make", SINKS.values(), ids=SINKS.keys())
Make = Callable[[], tuple[Sink, Seen]]

STORY: list[Entry] = [
    finding(1),
    finding(2),
    finding(1, revision=2, severity=Severity.CRITICAL),
    finding(2, "resolved", revision=2),
    finding(3, "suppressed"),
    finding(4),
    Tombstone(finding(4).id),
]


def tell(sink: Sink, story: list[Entry], *, live: bool = True) -> None:
    for offset, entry in enumerate(story):
        topic = DEADLETTERS if isinstance(entry, DeadLetter) else FINDINGS
        sink.add(entry, Meta(topic.name, 0, offset, START_MS, live))
    sink.flush(FOLLOWING)


@every_sink
def test_it_reads_topics_that_exist(make: Make) -> None:
    sink, _ = make()

    assert all(topic in TOPICS for topic in sink.topics)


@every_sink
def test_a_story_told_twice_shows_the_same(make: Make) -> None:
    sink, seen = make()
    tell(sink, STORY)
    once = seen()
    tell(sink, STORY)

    assert "1.0" in once
    assert seen() == once


@every_sink
def test_a_restart_shows_what_stood_before(make: Make) -> None:
    first, before = make()
    tell(first, STORY)
    second, after = make()
    tell(second, STORY, live=False)

    assert after() == before()


@every_sink
def test_garbage_and_dead_letters_stop_nothing(make: Make) -> None:
    sink, seen = make()
    tell(sink, STORY)
    before = seen()
    letter = DeadLetter(reason="unheard_of", error="", stage="nowhere", ts_ms=0, original="")
    odd = finding(9, opened_at="", observed_at="never", updated_at="")
    tell(sink, [Unreadable("not_json", "?"), letter, odd, Tombstone(""), Tombstone("never seen")])

    assert seen() == before


@every_sink
def test_flushing_nothing_and_closing_is_fine(make: Make) -> None:
    sink, _ = make()
    sink.flush(FOLLOWING)
    sink.close()
