"""Every PromQL expression of the dashboards, once. Replicas of an exporter show the same: `max` first, then `sum`.

`$tenant`, `$forest` and `$family` are the dashboard's variables; counters carry the detection only.
"""

from __future__ import annotations

from streams.measures.computers import JOINED, STAGES, UNJOINED
from streams.measures.registry import all_counts, all_durations

COUNTS = {subject: each.family.metric for subject, each in all_counts().items()}
DURATIONS = {subject: each.family.metric for subject, each in all_durations().items()}
_LABELS = "detection, family, severity, tenant, forest"
_CHOSEN = '{tenant=~"$tenant", forest=~"$forest", family=~"$family"}'
_CHOSEN_DETECTIONS = 'detection=~"($family).*"'


def _findings(metric: str) -> str:
    return f"max by ({_LABELS}) ({metric}{_CHOSEN})"


# Where a figure is 0 because nothing of the kind exists: only while an exporter says that it knows. A plain
# vector(0) would show a green zero while nobody looks.
KNOWN_ZERO = "0 * max(synchealth_exporter_caught_up == 1)"
# The same for what workers count: while some worker has partitions.
WORKED_ZERO = "0 * max(synchealth_streams_partitions > 0)"

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
    return f"round(sum(max by (detection) (increase({metric}[$__rate_interval]))))"  # increase extrapolates


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
    return f"sum({_join_gaps('synchealth_findings_open', names)}) or {KNOWN_ZERO}"


def join_gap_age(*detections: str) -> str:
    """How long the oldest of them has stood, in seconds; 0 where there is none."""
    oldest = _join_gaps("synchealth_findings_oldest_open_timestamp_seconds", "|".join(detections))
    return f"time() - min({oldest}) or {KNOWN_ZERO}"


def join_transitions(transition: str) -> str:
    """Transitions of one kind of the whole family within each step of the graph."""
    metric = f'synchealth_finding_transitions_total{{transition="{transition}", detection=~"hybrid_join.*"}}'
    return f"round(sum(max by (detection) (increase({metric}[$__rate_interval]))))"  # increase extrapolates


def _join_gaps(metric: str, names: str) -> str:
    chosen = f'{{tenant=~"$tenant", forest=~"($forest)?", detection=~"hybrid_join[.]({names})"}}'
    return f"max by ({_LABELS}) ({metric}{chosen})"


def _computers(stages: str, matches: str = "=~") -> str:
    return f'{COUNTS["computers"]}{{tenant=~"$tenant", forest=~"$forest", stage{matches}"{stages}"}}'


# Each worker counts its own partitions: the sum over all of them is the fleet.


def computers(*stages: str) -> str:
    """Computers that stand in one of these stages of hybrid join."""
    return f"sum({_computers('|'.join(stages))})"


JOIN_SHARE = f"{computers(*JOINED)} / ({computers(*STAGES)} > 0)"
NOT_COUNTED = f"sum by (stage) ({_computers('|'.join(STAGES), '!~')}) > 0"
NOT_JOINED_BY_SYSTEM = f"sum by (system) ({_computers('|'.join(UNJOINED))}) > 0"
_OF_FOREST = '{tenant=~"$tenant", forest=~"$forest"}'
JOIN_ERRORS = f"topk(12, sum by (error) ({COUNTS['join_errors']}{_OF_FOREST}) > 0)"


def stage_time(quantile: float, window: str) -> str:
    """How long this share of the computers that came further had stood in each stage, in seconds."""
    metric = f"{DURATIONS['stage']}_bucket{_OF_FOREST}[{window}]"
    return f"histogram_quantile({quantile}, sum by (le, stage) (rate({metric})))"


def join_time(quantile: float, window: str) -> str:
    """The time from the certificate to the registration that this share of computers stayed below, in seconds."""
    metric = f"{DURATIONS['join']}_bucket{_OF_FOREST}[{window}]"
    return f"histogram_quantile({quantile}, sum by (le) (rate({metric})))"


def join_time_by_system(quantile: float, window: str) -> str:
    """The same for each operating system."""
    return join_time(quantile, window).replace("by (le)", "by (le, system)")


UNJOINED_BY_UNIT = f"topk(15, sum by (unit) ({COUNTS['unjoined_units']}{_OF_FOREST}) > 0)"
UNJOINED_BY_AGE = f"sum by (age) ({COUNTS['unjoined_ages']}{_OF_FOREST}) > 0"


def join_resolution(quantile: float, window: str = "$__range") -> str:
    """How long this share of the family's findings stood until they were resolved, at most, in seconds."""
    metric = f'synchealth_finding_resolution_time_seconds_bucket{{detection=~"hybrid_join.*"}}[{window}]'
    return f"histogram_quantile({quantile}, sum by (le) (rate({metric})))"


READY = "max(synchealth_exporter_caught_up)"
DEAD_LETTERS = "sum by (reason) (max by (instance, reason) (increase(synchealth_exporter_deadletters_total[$__range])))"
EXPORTER_BEHIND = "max by (instance) (synchealth_exporter_records_behind)"

SOURCE_CONTACT_AGE = "time() - max by (source) (synchealth_producer_last_contact_timestamp_seconds)"
SOURCE_CHANGE_AGE = "time() - max by (source) (synchealth_producer_last_change_timestamp_seconds)"
SOURCE_FACTS = "sum by (source, op) (rate(synchealth_producer_facts_published_total[$__rate_interval]))"
SOURCE_ERRORS = "sum by (source, stage, error) (rate(synchealth_producer_errors_total[$__rate_interval]))"
SOURCE_UNREAD = "sum by (provider, event_id) (increase(synchealth_producer_events_unread_total[1d]))"
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

_HERE = '{tenant=~"$tenant", forest=~"($forest)?"}'
_OF_TENANT = '{tenant=~"$tenant"}'


def open_of(*detections: str) -> str:
    """Open findings of these detections; 0 where there are none."""
    names = "|".join(detections).replace(".", "[.]")
    chosen = f'{{tenant=~"$tenant", forest=~"($forest)?|none", detection=~"{names}"}}'
    return f"sum(max by ({_LABELS}) (synchealth_findings_open{chosen})) or {KNOWN_ZERO}"


def family_by_detection(family: str) -> str:
    """Open findings of a family, by detection."""
    chosen = f'{{tenant=~"$tenant", forest=~"($forest)?|none", family="{family}"}}'
    return f"sum by (detection) (max by ({_LABELS}) (synchealth_findings_open{chosen}))"


def wait(metric: str, quantile: float, label: str) -> str:
    """The time that this share of waits stayed below, by a label, in seconds."""
    rate = f"rate({metric}_bucket{_HERE}[$__rate_interval])"
    return f"histogram_quantile({quantile}, sum by (le, {label}) ({rate}))"


def heatmap(metric: str) -> str:
    """The buckets of a histogram of waits within each step of the graph."""
    return f"sum by (le) (increase({metric}_bucket{_HERE}[$__rate_interval]))"


def leaving(state: str) -> str:
    """Objects that the next export deletes in the cloud, for one reason; 0 where there are none."""
    chosen = f'{{tenant=~"$tenant", forest=~"($forest)?", state="{state}"}}'
    return f"sum({COUNTS['objects']}{chosen}) or {WORKED_ZERO}"


OBJECTS_BY_STATE = f"sum by (state) ({COUNTS['objects']}{_HERE})"
_SYNCED = '{tenant=~"$tenant", forest=~"($forest)?", state="synced"}'
SYNCED_BY_KIND = f"sum by (kind) ({COUNTS['objects']}{_SYNCED})"
EVENTS_READ = "sum by (source, log) (rate(synchealth_producer_events_published_total[$__rate_interval]))"
SUPPRESSED_BY_DETECTION = f"sum by (detection) (max by ({_LABELS}) (synchealth_findings_suppressed{_OF_TENANT}))"
SYNC_AGE = f"time() - max by (tenant) (synchealth_tenant_last_sync_timestamp_seconds{_OF_TENANT})"
CYCLES = f"max by (tenant) (changes(synchealth_tenant_last_sync_timestamp_seconds{_OF_TENANT}[1h]))"
PASSWORD_SYNC_AGE = f"time() - max by (tenant) (synchealth_tenant_last_password_sync_timestamp_seconds{_OF_TENANT})"
QUOTA_USED = f"max by (tenant) (synchealth_tenant_quota_used_objects{_OF_TENANT})"
QUOTA = f"max by (tenant) (synchealth_tenant_quota_objects{_OF_TENANT})"
# A line through minutes says nothing of a month: before two days of history, what is used now.
QUOTA_FORECAST = (
    f"(max by (tenant) (predict_linear(synchealth_tenant_quota_used_objects{_OF_TENANT}[7d], 30 * 86400)"
    f" and synchealth_tenant_quota_used_objects{_OF_TENANT} offset 2d) or {QUOTA_USED}) / {QUOTA}"
)
LANDED = f"sum(increase({DURATIONS['writeback']}_count{_HERE}[$__rate_interval]))"
_FAILED = 'synchealth_finding_transitions_total{transition="opened", detection="writeback.password_writeback_failed"}'
WRITEBACK_FAILED = f"sum(max by (detection) (increase({_FAILED}[$__rate_interval])))"
FAILING_BY_CLASS = f"sum by (class) ({COUNTS['writeback']}{_HERE}) > 0"
FAILING_BY_SERVER = f"sum by (server) ({COUNTS['writeback']}{_HERE}) > 0"
_LANDED_1H = f"sum(increase({DURATIONS['writeback']}_count{_HERE}[1h]))"
WRITEBACK_SUCCESS = f"{_LANDED_1H} / ({_LANDED_1H} + sum(max by (detection) (increase({_FAILED}[1h]))))"


def family_age(family: str) -> str:
    """How long the oldest open finding of a family has stood, by detection, in seconds; 0 where there is none."""
    chosen = f'{{tenant=~"$tenant", forest=~"($forest)?|none", family="{family}"}}'
    oldest = f"synchealth_findings_oldest_open_timestamp_seconds{chosen}"
    return f"time() - min by (detection) ({oldest}) or {KNOWN_ZERO}"
