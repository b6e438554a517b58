"""The Prometheus sink: counts over the findings topic, with labels that no object can reach.

Gauges are derived from the whole topic, so every replica shows the same and a restart changes
nothing. Counters and histograms count what happened while this process was following (their rates
agree between replicas; a restart starts them at zero, as Prometheus expects of counters). Nothing
about findings is shown before the topic has been read to its end: half a count is a wrong count.

What people do is read apart from the findings (`PrometheusSink.actions`, fed by a loop of its own), so that nothing
of it can keep a finding from being shown. While it is not known, whatever is open counts as unattended.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from threading import Event, Lock

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sinks.labels import OTHER, REASONS, FindingLabels, LabelValues
from sinks.open_findings import OpenFindings, Transition
from sinks.sink import Meta
from streams.contracts.actions import Action
from streams.contracts.deadletter import DeadLetter
from streams.contracts.entries import ActionTombstone, Entry, Tombstone, Unreadable
from streams.contracts.finding import Finding
from streams.contracts.times import parse_rfc3339
from streams.contracts.topics import ACTIONS, DEADLETTERS, FINDINGS, Topic
from streams.runtime.topic_reader import ReaderProgress

_LATENCY_S = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 1800, 7200)
_RESOLUTION_S = (60, 300, 900, 1800, 3600, 4 * 3600, 8 * 3600, 24 * 3600, 3 * 86400, 7 * 86400, 30 * 86400)
ACTIONS_PATIENCE_S = 60.0
"""So long is waited for the topic of actions, at the start and where it is out of contact alone."""


class PrometheusSink:
    """Keeps what /metrics shows; a scrape costs as much as there are series, however many findings are open."""

    topics: tuple[Topic, ...] = (FINDINGS, DEADLETTERS)

    def __init__(self, values: LabelValues, registry: CollectorRegistry) -> None:
        self._values = values
        self._lock = Lock()
        self._findings = OpenFindings(values)
        self._position = ReaderProgress(caught_up=False, in_contact=False, behind=0)
        self._contact_s = 0.0
        self._complete_s = 0.0
        self.actions = ActionsSink(self)
        self._last_finding_ms = 0
        self._dead_letters_ms = dict.fromkeys(sorted(REASONS | {OTHER}), 0)
        self.transitions = Counter(
            "synchealth_finding_transitions_total",
            "Transitions of findings published while this exporter was following the topic.",
            ["detection", "transition"],
            registry=registry,
        )
        self.detection_latency = Histogram(
            "synchealth_finding_detection_latency_seconds",
            "From the change in the directory (or its first reading) to the publishing of the finding it opened.",
            ["detection"],
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.resolution_time = Histogram(
            "synchealth_finding_resolution_time_seconds",
            "From the opening of a finding to its resolution.",
            ["detection"],
            buckets=_RESOLUTION_S,
            registry=registry,
        )
        self.dead_letters = Counter(
            "synchealth_exporter_deadletters_total",
            "Dead letters written while this exporter was following the topic, by reason.",
            ["reason"],
            registry=registry,
        )
        self.unreadable = Counter(
            "synchealth_exporter_unreadable_records_total",
            "Records of the exporter's topics that could not be read, by topic and reason, the topics' past included.",
            ["topic", "reason"],
            registry=registry,
        )
        for detection in [*values.detections, OTHER]:
            self.detection_latency.labels(detection)
            self.resolution_time.labels(detection)
            for transition in Transition:
                self.transitions.labels(detection, transition.value)
        for reason in self._dead_letters_ms:
            self.dead_letters.labels(reason)
            for topic in (*self.topics, *self.actions.topics):
                self.unreadable.labels(topic.name, reason)
        registry.register(_Families(self))

    @property
    def position(self) -> ReaderProgress:
        """How far the exporter is, as of the last flush."""
        return self._position

    def add(self, entry: Entry, meta: Meta) -> None:
        """Count one entry."""
        with self._lock:
            match entry:
                case Finding():
                    self._take(entry, meta)
                case Tombstone(finding_id):
                    self._findings.forget(finding_id)
                case DeadLetter():
                    self._bury(entry, meta)
                case Action() | ActionTombstone():
                    self._findings.act(entry, meta.ts_ms)
                case Unreadable(reason, _):
                    self.unreadable.labels(meta.topic, self._values.reason(reason)).inc()

    def flush(self, position: ReaderProgress) -> None:
        """Note how far the reader is; the counts themselves are always current."""
        with self._lock:
            if position.caught_up and not self._position.caught_up:
                self._complete_s = time.time()
            self._position = position
            if position.in_contact:
                self._contact_s = time.time()

    def close(self) -> None:
        """Nothing to release."""

    def _take(self, finding: Finding, meta: Meta) -> None:
        try:
            opened_ms, observed_ms = parse_rfc3339(finding.opened_at), parse_rfc3339(finding.observed_at)
            stands_ms = parse_rfc3339(finding.stands_since)
            resolved_ms = parse_rfc3339(finding.resolved_at) if finding.resolved_at else None
        except ValueError:
            self.unreadable.labels(meta.topic, "wrong_shape").inc()
            return
        transition = self._findings.apply(finding, opened_ms, resolved_ms, stands_ms)
        self._last_finding_ms = max(self._last_finding_ms, meta.ts_ms)
        if transition is None or not meta.live:
            return
        detection = self._values.detection(finding.detection)
        self.transitions.labels(detection, transition.value).inc()
        if transition is Transition.OPENED:
            self.detection_latency.labels(detection).observe(max(0, meta.ts_ms - observed_ms) / 1000)
        elif transition is Transition.RESOLVED and resolved_ms is not None:
            self.resolution_time.labels(detection).observe(max(0, resolved_ms - opened_ms) / 1000)

    def _bury(self, letter: DeadLetter, meta: Meta) -> None:
        reason = self._values.reason(letter.reason)
        self._dead_letters_ms[reason] = max(self._dead_letters_ms[reason], meta.ts_ms)
        if meta.live:
            self.dead_letters.labels(reason).inc()

    def families(self) -> Iterator[Metric]:
        """The gauges, computed from the counts at this moment."""
        with self._lock:
            seen = self._sees_actions()
            yield from list(self._health(seen))
            if self._position.caught_up:
                yield from list(self._gauges())
                if seen or time.time() - self._complete_s > ACTIONS_PATIENCE_S:
                    self._findings.go_blind(not seen)
                    yield from list(self._attention())

    def _sees_actions(self) -> bool:
        """Whether it is known what people do. Where Kafka is away altogether, what was known stands."""
        known = self.actions.position
        return known.caught_up and self._contact_s - self.actions.contact_s <= ACTIONS_PATIENCE_S

    def _gauges(self) -> Iterator[Metric]:
        labels = FindingLabels._fields
        opened = GaugeMetricFamily("synchealth_findings_open", "Findings open now.", labels=labels)
        suppressed = GaugeMetricFamily(
            "synchealth_findings_suppressed", "Findings explained away by an open cause now.", labels=labels
        )
        oldest = GaugeMetricFamily(
            "synchealth_findings_oldest_open_timestamp_seconds",
            "When the longest-standing open finding opened (Unix time); absent where none is open.",
            labels=labels,
        )
        for series in self._findings.series():
            opened.add_metric(series.labels, series.open)
            suppressed.add_metric(series.labels, series.suppressed)
            since_ms = self._findings.oldest_open_ms(series)
            if since_ms is not None:
                oldest.add_metric(series.labels, since_ms / 1000)
        patience = GaugeMetricFamily(
            "synchealth_finding_alert_after_seconds",
            "How long a finding must stand before it alerts; absent where it never does.",
            labels=["detection"],
        )
        for known in self._values.detections.values():
            if known.alert_after_s is not None:
                patience.add_metric([known.id], known.alert_after_s)
        letters = GaugeMetricFamily(
            "synchealth_exporter_deadletters_last_timestamp_seconds",
            "When the latest dead letter still kept was written, by reason (Unix time); 0 where there is none.",
            labels=["reason"],
        )
        for reason, ts_ms in self._dead_letters_ms.items():
            letters.add_metric([reason], ts_ms / 1000)
        yield from (opened, suppressed, oldest, patience, letters)

    def _attention(self) -> Iterator[Metric]:
        labels = FindingLabels._fields
        unattended = GaugeMetricFamily(
            "synchealth_findings_unattended",
            "Findings open now that nobody has acknowledged, owns or has accepted.",
            labels=labels,
        )
        accepted = GaugeMetricFamily(
            "synchealth_findings_accepted", "Findings open now that somebody has accepted until a date.", labels=labels
        )
        oldest = GaugeMetricFamily(
            "synchealth_findings_oldest_unattended_timestamp_seconds",
            "Since when the longest-unattended open finding is so (Unix time): since its opening, or since the end of "
            "an acceptance; absent where none is.",
            labels=labels,
        )
        newest = GaugeMetricFamily(
            "synchealth_findings_newest_alerted_timestamp_seconds",
            "Since when the newest finding was unattended that stayed so until its alert was due (Unix time), over or "
            "not.",
            labels=labels,
        )
        now_ms = time.time() * 1000
        self._findings.advance(now_ms)
        for series in self._findings.series():
            unattended.add_metric(series.labels, series.unattended)
            accepted.add_metric(series.labels, series.accepted)
            since_ms = self._findings.oldest_unattended_ms(series)
            if since_ms is not None:
                oldest.add_metric(series.labels, since_ms / 1000)
            alerted_ms = self._findings.newest_alerted_ms(series, now_ms)
            if alerted_ms is not None:
                newest.add_metric(series.labels, alerted_ms / 1000)
        yield from (unattended, accepted, oldest, newest)

    def _health(self, sees_actions: bool) -> Iterator[Metric]:
        position = self._position
        for name, text, value in (
            (
                "actions_read",
                "1 while it is known what people do with findings, else 0: then all that is open counts as unattended.",
                float(sees_actions),
            ),
            ("caught_up", "1 once the findings topic has been read to its end, else 0.", float(position.caught_up)),
            ("records_behind", "Records published and not read yet, as of the last fetch.", float(position.behind)),
            ("last_contact_timestamp_seconds", "When Kafka was last connected (Unix time).", self._contact_s),
            (
                "last_finding_timestamp_seconds",
                "When the latest record of the findings topic was published (Unix time); 0 where there is none.",
                self._last_finding_ms / 1000,
            ),
        ):
            yield GaugeMetricFamily(f"synchealth_exporter_{name}", text, value=value)


class ActionsSink:
    """What people do, on its way to the counts; its position and contact are told apart from those of findings."""

    topics: tuple[Topic, ...] = (ACTIONS,)

    def __init__(self, sink: PrometheusSink) -> None:
        self._sink = sink
        self.position = ReaderProgress(caught_up=False, in_contact=False, behind=0)
        self.contact_s = 0.0
        self.caught_up = Event()

    def add(self, entry: Entry, meta: Meta) -> None:
        """Count one entry."""
        self._sink.add(entry, meta)

    def flush(self, position: ReaderProgress) -> None:
        """Note how far the reader is."""
        self.position = position
        if position.in_contact:
            self.contact_s = time.time()
        if position.caught_up:
            self.caught_up.set()

    def close(self) -> None:
        """Nothing to release."""


class _Families(Collector):
    """Hands the sink's gauges to a registry."""

    def __init__(self, sink: PrometheusSink) -> None:
        self._sink = sink

    def collect(self) -> Iterable[Metric]:
        return self._sink.families()

    def describe(self) -> Iterable[Metric]:
        return ()
