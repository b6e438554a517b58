from __future__ import annotations

from prometheus_client import CollectorRegistry

from sinks.labels import KnownDetection, LabelValues
from sinks.prometheus import PrometheusSink
from sinks.sink import Meta
from streams.contracts.deadletter import DeadLetter
from streams.contracts.entries import Tombstone
from streams.contracts.finding import Severity
from streams.contracts.topics import DEADLETTERS, FINDINGS
from streams.runtime.topic_reader import ReaderProgress
from tests.support.findings import FOREST, START_MS, TENANT, finding

DETECTION = "conflict.duplicate_address"
OPEN = {"detection": DETECTION, "family": "conflict", "severity": "high", "tenant": TENANT, "forest": FOREST}
READING = ReaderProgress(caught_up=False, in_contact=True, behind=5)
FOLLOWING = ReaderProgress(caught_up=True, in_contact=True, behind=0)


def exporter() -> tuple[PrometheusSink, CollectorRegistry]:
    registry = CollectorRegistry()
    values = LabelValues([KnownDetection(DETECTION, "conflict", Severity.HIGH)], [TENANT], [(FOREST, TENANT)])
    return PrometheusSink(values, registry), registry


def meta(*, live: bool = True, ts_ms: int = START_MS, topic: str = FINDINGS.name) -> Meta:
    return Meta(topic, 0, 0, ts_ms, live)


def test_nothing_about_findings_is_shown_before_the_topic_is_read() -> None:
    sink, registry = exporter()
    sink.add(finding(1), meta(live=False))
    sink.flush(READING)

    assert registry.get_sample_value("synchealth_findings_open", OPEN) is None
    assert registry.get_sample_value("synchealth_exporter_caught_up") == 0
    assert registry.get_sample_value("synchealth_exporter_records_behind") == 5

    sink.flush(FOLLOWING)

    assert registry.get_sample_value("synchealth_findings_open", OPEN) == 1
    assert registry.get_sample_value("synchealth_exporter_caught_up") == 1


def test_the_past_moves_gauges_but_no_counter() -> None:
    sink, registry = exporter()
    for past in (finding(1), finding(2), finding(2, "resolved", revision=2)):
        sink.add(past, meta(live=False))
    sink.flush(FOLLOWING)

    opened = {"detection": DETECTION, "transition": "opened"}
    assert registry.get_sample_value("synchealth_findings_open", OPEN) == 1
    assert registry.get_sample_value("synchealth_finding_transitions_total", opened) == 0
    assert (
        registry.get_sample_value("synchealth_finding_detection_latency_seconds_count", {"detection": DETECTION}) == 0
    )


def test_latency_runs_from_the_change_to_the_publishing_and_resolution_from_opening_to_end() -> None:
    sink, registry = exporter()
    sink.add(finding(1), meta(ts_ms=START_MS + 150))  # observed 250 ms before START
    sink.add(finding(1, "resolved", revision=2), meta(ts_ms=START_MS + 600_100))
    labels = {"detection": DETECTION}

    assert registry.get_sample_value("synchealth_finding_detection_latency_seconds_sum", labels) == 0.4
    assert registry.get_sample_value("synchealth_finding_resolution_time_seconds_sum", labels) == 600
    assert registry.get_sample_value("synchealth_finding_resolution_time_seconds_count", labels) == 1


def test_an_update_of_an_open_finding_is_no_second_detection() -> None:
    sink, registry = exporter()
    sink.add(finding(1), meta())
    sink.add(finding(1, revision=2), meta())

    assert (
        registry.get_sample_value("synchealth_finding_detection_latency_seconds_count", {"detection": DETECTION}) == 1
    )


def test_the_oldest_open_finding_is_shown_until_it_ends() -> None:
    sink, registry = exporter()
    sink.flush(FOLLOWING)
    name = "synchealth_findings_oldest_open_timestamp_seconds"
    assert registry.get_sample_value(name, OPEN) is None

    sink.add(finding(1, at_ms=START_MS), meta())
    sink.add(finding(2, at_ms=START_MS + 60_000), meta())
    assert registry.get_sample_value(name, OPEN) == START_MS / 1000

    sink.add(Tombstone(finding(1).id), meta())
    assert registry.get_sample_value(name, OPEN) == START_MS / 1000 + 60


def test_an_unknown_reason_of_a_dead_letter_counts_as_other() -> None:
    sink, registry = exporter()
    letter = DeadLetter(reason="ada@contoso.com", error="e", stage="project", ts_ms=START_MS, original="")
    sink.add(letter, meta(live=False, topic=DEADLETTERS.name, ts_ms=START_MS))
    sink.add(letter, meta(live=True, topic=DEADLETTERS.name, ts_ms=START_MS + 5000))
    sink.flush(FOLLOWING)

    assert registry.get_sample_value("synchealth_exporter_deadletters_total", {"reason": "other"}) == 1
    last = registry.get_sample_value("synchealth_exporter_deadletters_last_timestamp_seconds", {"reason": "other"})
    assert last == START_MS / 1000 + 5


def test_a_time_that_is_none_is_an_unreadable_record() -> None:
    sink, registry = exporter()
    sink.add(finding(1, opened_at="yesterday"), meta())
    sink.flush(FOLLOWING)

    bad = {"topic": FINDINGS.name, "reason": "wrong_shape"}
    assert registry.get_sample_value("synchealth_exporter_unreadable_records_total", bad) == 1
    assert registry.get_sample_value("synchealth_findings_open", OPEN) == 0
