"""Every PromQL expression of the dashboards, once. Replicas of an exporter show the same: `max` first, then `sum`.

`$tenant`, `$forest` and `$family` are the dashboard's variables; counters carry the detection only.
"""

from __future__ import annotations

_LABELS = "detection, family, severity, tenant, forest"
_CHOSEN = '{tenant=~"$tenant", forest=~"$forest", family=~"$family"}'
_CHOSEN_DETECTIONS = 'detection=~"($family).*"'


def _findings(metric: str) -> str:
    return f"max by ({_LABELS}) ({metric}{_CHOSEN})"


_OPEN = _findings("synchealth_findings_open")
_OLDEST = f"min by ({_LABELS}) (synchealth_findings_oldest_open_timestamp_seconds{_CHOSEN})"

OPEN = f"sum({_OPEN})"
OPEN_BY_SEVERITY = f"sum by (severity) ({_OPEN})"
OPEN_BY_DETECTION = f"sum by (detection) ({_OPEN})"
OPEN_TABLE = f"{_OPEN} > 0"
OLDEST_TABLE = f"time() - {_OLDEST}"
SUPPRESSED = f"sum({_findings('synchealth_findings_suppressed')})"
OLDEST_AGE = f"time() - min({_OLDEST})"
OLDEST_AGE_BY_DETECTION = f"time() - min by (detection) ({_OLDEST})"


def transitions(transition: str) -> str:
    """Transitions of one kind within each step of the graph."""
    metric = f'synchealth_finding_transitions_total{{transition="{transition}", {_CHOSEN_DETECTIONS}}}'
    return f"sum(max by (detection) (increase({metric}[$__rate_interval])))"


def detection_latency(quantile: float, window: str = "$__rate_interval") -> str:
    """The latency that this share of findings stayed below, in seconds."""
    return _quantile(quantile, "synchealth_finding_detection_latency_seconds_bucket", window)


def resolution_time(quantile: float, window: str = "$__range") -> str:
    """The time to resolution that this share of findings stayed below, in seconds."""
    return _quantile(quantile, "synchealth_finding_resolution_time_seconds_bucket", window)


def _quantile(quantile: float, metric: str, window: str) -> str:
    return f"histogram_quantile({quantile}, sum by (le) (rate({metric}{{{_CHOSEN_DETECTIONS}}}[{window}])))"


LATENCY_HEATMAP = (
    "sum by (le) (max by (le, detection) (increase("
    f"synchealth_finding_detection_latency_seconds_bucket{{{_CHOSEN_DETECTIONS}}}[$__rate_interval])))"
)


def join_gaps(*detections: str) -> str:
    """Open findings of these detections of the family hybrid_join; 0 where there are none."""
    names = "|".join(detections)
    return f"sum({_join_gaps('synchealth_findings_open', names)}) or vector(0)"


def join_gap_age(*detections: str) -> str:
    """How long the oldest of them has stood, in seconds; 0 where there is none."""
    oldest = _join_gaps("synchealth_findings_oldest_open_timestamp_seconds", "|".join(detections))
    return f"time() - min({oldest}) or vector(0)"


def join_transitions(transition: str) -> str:
    """Transitions of one kind of the whole family within each step of the graph."""
    metric = f'synchealth_finding_transitions_total{{transition="{transition}", detection=~"hybrid_join.*"}}'
    return f"sum(max by (detection) (increase({metric}[$__rate_interval])))"


def _join_gaps(metric: str, names: str) -> str:
    chosen = f'{{tenant=~"$tenant", forest=~"($forest)?", detection=~"hybrid_join[.]({names})"}}'
    return f"max by ({_LABELS}) ({metric}{chosen})"


READY = "max(synchealth_exporter_caught_up)"
DEAD_LETTERS = "sum by (reason) (max by (instance, reason) (increase(synchealth_exporter_deadletters_total[$__range])))"
EXPORTER_BEHIND = "max by (instance) (synchealth_exporter_records_behind)"

SOURCE_CONTACT_AGE = "time() - max by (source) (synchealth_producer_last_contact_timestamp_seconds)"
SOURCE_CHANGE_AGE = "time() - max by (source) (synchealth_producer_last_change_timestamp_seconds)"
SOURCE_FACTS = "sum by (source, op) (rate(synchealth_producer_facts_published_total[$__rate_interval]))"
SOURCE_ERRORS = "sum by (source, stage, error) (rate(synchealth_producer_errors_total[$__rate_interval]))"
SOURCE_SNAPSHOT = "max by (source) (synchealth_producer_full_pass_objects)"

WORKERS_UP = 'sum by (job) (up{job=~"synchealth-.*"})'
WORKER_CLOCK_LAG = "max(synchealth_streams_clock_lag_seconds)"
WORKER_LAG = "sum by (topic) (synchealth_streams_lag_records)"
WORKER_PARTITIONS = "sum by (topic) (synchealth_streams_partitions)"
WORKER_EVALUATIONS = "sum(rate(synchealth_streams_evaluations_total[$__rate_interval]))"
WORKER_CONTRIBUTIONS = "sum(rate(synchealth_streams_contributions_total[$__rate_interval]))"
WORKER_BATCH = (
    "histogram_quantile(0.95, sum by (le, topic) (rate(synchealth_streams_batch_seconds_bucket[$__rate_interval])))"
)
WORKER_BACKLOG = "sum(synchealth_streams_backlog_views)"
MEMORY = 'max by (job, instance) (process_resident_memory_bytes{job=~"synchealth-.*"})'
