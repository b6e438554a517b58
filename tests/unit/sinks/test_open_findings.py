from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sinks.labels import KnownDetection, LabelValues
from sinks.open_findings import OpenFindings, Transition
from streams.contracts.finding import Severity
from tests.support.findings import FOREST, START_MS, TENANT, finding

DETECTION = "conflict.duplicate_address"
VALUES = LabelValues([KnownDetection(DETECTION, "conflict", Severity.HIGH)], [TENANT], [(FOREST, TENANT)])

# A log: which finding, what it says (None: a tombstone), severity, minute of opening.
_words = st.sampled_from(["open", "suppressed", "resolved", None])
logs = st.lists(st.tuples(st.integers(0, 4), _words, st.sampled_from(list(Severity)), st.integers(0, 50)), max_size=60)
Log = list[tuple[int, str | None, Severity, int]]


def feed(log: Log) -> OpenFindings:
    counts = OpenFindings(VALUES)
    for revision, (number, word, severity, minute) in enumerate(log):
        at_ms = START_MS + minute * 60_000
        if word is None:
            counts.forget(finding(number).id)
        else:
            counts.apply(finding(number, word, revision=revision, severity=severity, at_ms=at_ms), at_ms)
    return counts


def seen(counts: OpenFindings) -> dict[str, tuple[int, int, int | None]]:
    """Severity -> open, suppressed, oldest; without the series that stand at zero."""
    rows = {s.labels.severity: (s.open, s.suppressed, counts.oldest_open_ms(s)) for s in counts.series()}
    return {severity: row for severity, row in rows.items() if row != (0, 0, None)}


@given(logs)
def test_counts_are_what_the_last_record_of_each_finding_says(log: Log) -> None:
    last = {number: (word, severity, minute) for number, word, severity, minute in log}
    expected = {}
    for severity in Severity:
        mine = [(word, minute) for word, s, minute in last.values() if s is severity]
        opened = [START_MS + minute * 60_000 for word, minute in mine if word == "open"]
        suppressed = sum(word == "suppressed" for word, _ in mine)
        if opened or suppressed:
            expected[severity.value] = (len(opened), suppressed, min(opened, default=None))

    assert seen(feed(log)) == expected


@given(logs, st.data())
def test_a_replica_that_reads_the_compacted_topic_agrees(log: Log, data: st.DataObject) -> None:
    last = {number: at for at, (number, *_) in enumerate(log)}
    kept = [entry for at, entry in enumerate(log) if last[entry[0]] == at or data.draw(st.booleans())]

    assert seen(feed(kept)) == seen(feed(log))


@given(logs)
def test_reading_the_topic_twice_changes_nothing(log: Log) -> None:
    assert seen(feed(log + log)) == seen(feed(log))


def test_each_step_of_a_life_is_named_once() -> None:
    counts = OpenFindings(VALUES)
    life = [
        (finding(1), Transition.OPENED),
        (finding(1), None),
        (finding(1, revision=2), Transition.UPDATED),
        (finding(1, "suppressed", revision=3), Transition.SUPPRESSED),
        (finding(1, revision=4), Transition.OPENED),
        (finding(1, "resolved", revision=5), Transition.RESOLVED),
        (finding(1, "resolved", revision=5), None),
        (finding(1, revision=6), Transition.OPENED),
    ]

    assert [counts.apply(step, START_MS) for step, _ in life] == [expected for _, expected in life]


def test_the_end_of_a_finding_that_was_never_seen_is_no_transition() -> None:
    assert OpenFindings(VALUES).apply(finding(1, "resolved"), START_MS) is None


def test_resolved_findings_cost_no_memory() -> None:
    counts = OpenFindings(VALUES)
    for number in range(500):
        counts.apply(finding(number), START_MS + number)
        counts.apply(finding(number, "resolved", revision=2), START_MS + number)

    assert len(counts) == 0
    assert all(len(series.oldest) <= 65 for series in counts.series())


def test_known_detections_stand_at_zero_from_the_start() -> None:
    [series] = OpenFindings(VALUES).series()

    assert series.labels == (DETECTION, "conflict", "high", TENANT, FOREST)
    assert (series.open, series.suppressed) == (0, 0)


def test_what_the_installation_does_not_know_counts_as_other() -> None:
    stranger = finding(1, detection="made.up", family="made", tenant="elsewhere", forest="CN=Ada,DC=x")

    assert VALUES.of(stranger) == ("other", "other", "high", "other", "other")
    assert VALUES.of(finding(1, forest=None)).forest == "none"


class Patient:
    """Counts of a detection whose alert waits 15 minutes, asked at minutes."""

    def __init__(self) -> None:
        known = KnownDetection(DETECTION, "conflict", Severity.HIGH, 900.0)
        self.counts = OpenFindings(LabelValues([known], [TENANT], [(FOREST, TENANT)]))
        self.revision = 0

    def say(self, number: int, word: str, opened_min: int, resolved_min: int | None = None) -> None:
        self.revision += 1
        at_ms = START_MS + opened_min * 60_000
        end_ms = None if resolved_min is None else START_MS + resolved_min * 60_000
        self.counts.apply(finding(number, word, revision=self.revision, at_ms=at_ms), at_ms, end_ms)

    def newest_min(self, at_min: int) -> int | None:
        (series,) = (s for s in self.counts.series() if s.labels.severity == "high")
        found = self.counts.newest_alerted_ms(series, START_MS + at_min * 60_000)
        return None if found is None else (found - START_MS) // 60_000


def test_the_newest_is_one_that_has_stood_until_its_alert_was_due() -> None:
    told = Patient()
    told.say(1, "open", 0)
    told.say(2, "open", 10)
    told.say(2, "resolved", 10, 20)  # in time
    told.say(3, "suppressed", 12)
    assert [told.newest_min(minute) for minute in (14, 15, 40)] == [None, 0, 0]
    told.say(4, "open", 41)
    told.say(4, "open", 41)  # an update
    assert [told.newest_min(minute) for minute in (55, 56)] == [0, 41]


def test_the_newest_does_not_fall_when_it_ends_nor_with_a_restart() -> None:
    told, again = Patient(), Patient()
    told.say(1, "open", 0)
    told.say(2, "open", 10)
    assert told.newest_min(25) == 10
    told.say(2, "resolved", 10, 40)
    assert told.newest_min(41) == 10
    again.say(1, "open", 0)  # what compaction has kept
    again.say(2, "resolved", 10, 40)
    assert again.newest_min(41) == 10
