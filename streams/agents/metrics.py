"""What a worker tells Prometheus about itself."""

from __future__ import annotations

from collections import Counter as Counts
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from streams.contracts.counts import Count
from streams.measures.family import DurationSample
from streams.measures.registry import all_counts, all_durations
from streams.views.installation.tenant_view import TenantView

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)

FACTS = Counter("synchealth_streams_facts_total", "Facts folded into objects.", ["side"], registry=REGISTRY)
EVENTS = Counter("synchealth_streams_events_total", "Events of logs passed on to views.", ["log"], registry=REGISTRY)
CONTRIBUTIONS = Counter("synchealth_streams_contributions_total", "Contributions taken into views.", registry=REGISTRY)
EVALUATIONS = Counter("synchealth_streams_evaluations_total", "Views judged.", registry=REGISTRY)
FINDINGS = Counter(
    "synchealth_streams_findings_total", "Finding records published (opened, changed, resolved).", registry=REGISTRY
)
RULE_FAULTS = Counter(
    "synchealth_streams_rule_faults_total", "Rules that raised, and views that could not be judged or stored.",
    ["detection"], registry=REGISTRY,
)  # fmt: skip
DEAD_LETTERS = Counter(
    "synchealth_streams_dead_letters_total", "Records and facts that could not be used.",
    ["stage", "reason"], registry=REGISTRY,
)  # fmt: skip
CLAMPED_TIMES = Counter(
    "synchealth_streams_clamped_times_total",
    "Times that cannot be, as they lie in the future or longer ago than the source may lag; set right or left out.",
    ["kind", "source"], registry=REGISTRY,
)  # fmt: skip
LOST_RECORDS = Counter(
    "synchealth_streams_lost_records_total", "Records that were deleted from a topic before they were read.",
    ["topic"], registry=REGISTRY,
)  # fmt: skip
BATCH_SECONDS = Histogram(
    "synchealth_streams_batch_seconds", "Time to work off one batch, acknowledged writes included.",
    ["topic"], registry=REGISTRY, buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)  # fmt: skip
RECOVERY_SECONDS = Gauge(
    "synchealth_streams_recovery_seconds", "Duration of the latest table recovery.", ["topic"], registry=REGISTRY
)
RECOVERED_RECORDS = Gauge(
    "synchealth_streams_recovered_records", "Changelog records read by the latest recovery.",
    ["topic"], registry=REGISTRY,
)  # fmt: skip
PARTITIONS = Gauge(
    "synchealth_streams_partitions", "Partitions this worker owns and has recovered.", ["topic"], registry=REGISTRY
)
LAG = Gauge(
    "synchealth_streams_lag_records", "Records behind the end of the topic, over owned partitions.",
    ["topic"], registry=REGISTRY,
)  # fmt: skip
CLOCK_LAG = Gauge(
    "synchealth_streams_clock_lag_seconds", "How far the slowest owned views partition's clock is behind.",
    registry=REGISTRY,
)  # fmt: skip
BACKLOG = Gauge("synchealth_streams_backlog_views", "Views still to be evaluated again.", registry=REGISTRY)

_DURATIONS = {
    each.subject: Histogram(
        each.family.metric, each.family.help, each.family.labels, registry=REGISTRY, buckets=each.family.buckets_s
    )
    for each in all_durations().values()
}


def observe_duration(sample: DurationSample) -> None:
    """Take a wait that is over into the histogram of its family."""
    _DURATIONS[sample.subject].labels(sample.tenant, sample.forest, sample.label).observe(sample.seconds)


class CountCollector(Collector):
    """The counts of the owned partitions as gauges, one per family: add them over all workers."""

    def __init__(self) -> None:
        self.counts: Counts[str] = Counts()

    def collect(self) -> Iterable[Metric]:
        """One gauge per family; counts of one that this version does not know, or with other labels, are left out."""
        known = {subject: each.family for subject, each in all_counts().items()}
        families = {
            subject: GaugeMetricFamily(family.metric, family.help, labels=("tenant", *family.labels))
            for subject, family in known.items()
        }
        many: dict[tuple[str, ...], Counts[str]] = {}
        for name, number in sorted(self.counts.items()):
            count = Count.read(name)
            family = known.get(count.subject)
            if family is None or len(count.labels) != len(family.labels):
                continue
            if family.growing:
                *labels, last = count.labels
                many.setdefault((count.subject, count.tenant, *labels), Counts())[last] += number
            else:
                families[count.subject].add_metric((count.tenant, *count.labels), number)
        for (subject, *labels), numbers in many.items():
            for last, number in _largest(numbers).items():
                families[subject].add_metric((*labels, last), number)
        return families.values()


OTHER = "(other)"
MOST_VALUES = 50


def _largest(numbers: Counts[str]) -> dict[str, int]:
    """The values with the highest counts, the others as one: a forest may have thousands of units."""
    ranked = sorted((+numbers).items(), key=lambda each: (-each[1], each[0]))
    shown = dict(ranked[:MOST_VALUES])
    rest = sum(number for _, number in ranked[MOST_VALUES:])
    return shown | ({OTHER: rest} if rest else {})


COUNTS = CountCollector()
REGISTRY.register(COUNTS)

LAST_SYNC = Gauge(
    "synchealth_tenant_last_sync_timestamp_seconds", "When the tenant was last synchronised (Unix time).",
    ["tenant"], registry=REGISTRY,
)  # fmt: skip
LAST_PASSWORD_SYNC = Gauge(
    "synchealth_tenant_last_password_sync_timestamp_seconds", "When passwords last reached the tenant (Unix time).",
    ["tenant"], registry=REGISTRY,
)  # fmt: skip
QUOTA_USED = Gauge(
    "synchealth_tenant_quota_used_objects", "Directory objects that count against the tenant's quota.",
    ["tenant"], registry=REGISTRY,
)  # fmt: skip
QUOTA = Gauge("synchealth_tenant_quota_objects", "The tenant's directory quota.", ["tenant"], registry=REGISTRY)


def show_tenants(views: Iterable[TenantView]) -> None:
    """Set the gauges of these tenants, and take away those of others: their partitions have gone elsewhere."""
    for gauge in (LAST_SYNC, LAST_PASSWORD_SYNC, QUOTA_USED, QUOTA):
        gauge.clear()
    for view in views:
        for gauge, value in (
            (LAST_SYNC, view.last_sync_ms and view.last_sync_ms / 1000),
            (LAST_PASSWORD_SYNC, view.last_password_sync_ms and view.last_password_sync_ms / 1000),
            (QUOTA_USED, view.quota_used),
            (QUOTA, view.quota_total),
        ):
            if value is not None:
                gauge.labels(view.tenant).set(value)
