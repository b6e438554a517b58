"""Every PromQL expression of the dashboards, once. Replicas of an exporter show the same: `max` first, then `sum`.

`$tenant`, `$forest`, `$family` and `$severity` are the dashboards' variables; counters carry the detection only. What
has a series for every detection shows those above zero, and of many the largest: seventy lines at zero are no graph.
"""

from __future__ import annotations

from grafana import recorded
from grafana.recorded import CONTACT_AGE, FINDING_LABELS, SILENT_S
from streams.measures.computers import JOINED, STAGES, UNJOINED
from streams.measures.registry import all_counts, all_durations

COUNTS = {subject: each.family.metric for subject, each in all_counts().items()}
DURATIONS = {subject: each.family.metric for subject, each in all_durations().items()}
MOST = 10
"""Lines in one graph."""

# Where a figure is 0 because nothing of the kind exists: only while an exporter says that it knows. A plain
# vector(0) would show a green zero while nobody looks.
KNOWN_ZERO = "0 * max(synchealth_exporter_caught_up == 1)"
# The same for what workers count: while some worker has partitions.
WORKED_ZERO = "0 * max(synchealth_streams_partitions > 0)"

_CHOSEN = 'tenant=~"$tenant", forest=~"$forest"'
_HERE = f"{{{_CHOSEN}}}"
_OF_TENANT = '{tenant=~"$tenant"}'


def largest(expression: str, most: int = MOST) -> str:
    """The largest of those above zero."""
    return f"topk({most}, {expression} > 0)"


# --- findings -------------------------------------------------------------------------------------------------------


def _findings(metric: str, chosen: str) -> str:
    return f"max by ({FINDING_LABELS}) ({metric}{{{chosen}}})"


def _oldest(chosen: str) -> str:
    return f"min by ({FINDING_LABELS}) (synchealth_findings_oldest_open_timestamp_seconds{{{chosen}}})"


_ASKED = f'{_CHOSEN}, family=~"$family", severity=~"$severity"'
_OPEN = _findings("synchealth_findings_open", _ASKED)

OPEN = f"sum({_OPEN})"
OPEN_BY_SEVERITY = f"sum by (severity) ({_OPEN})"
OPEN_BY_DETECTION = largest(f"sum by (detection) ({_OPEN})")
_UNATTENDED = _findings("synchealth_findings_unattended", _ASKED)
UNATTENDED = f"sum({_UNATTENDED})"
UNATTENDED_TABLE = f"{_UNATTENDED} > 0"
ACCEPTED = f"sum({_findings('synchealth_findings_accepted', _ASKED)})"
UNATTENDED_AGE = f"time() - min(synchealth_findings_oldest_unattended_timestamp_seconds{{{_ASKED}}})"
OPEN_TABLE = f"{_OPEN} > 0"
OLDEST_TABLE = f"time() - {_oldest(_ASKED)}"
SUPPRESSED = f"sum({_findings('synchealth_findings_suppressed', _ASKED)})"
_SUPPRESSED_OF_TENANT = _findings("synchealth_findings_suppressed", 'tenant=~"$tenant"')
SUPPRESSED_BY_DETECTION = largest(f"sum by (detection) ({_SUPPRESSED_OF_TENANT})")
OLDEST_AGE = f"time() - min({_oldest(_ASKED)})"
OLDEST_AGE_BY_DETECTION = largest(f"(time() - min by (detection) ({_oldest(_ASKED)}))")


def of_family(family: str) -> str:
    """Open findings of a family; 0 where there are none."""
    return f"sum({_of_family(family)}) or {KNOWN_ZERO}"


def family_by(label: str, family: str) -> str:
    """Open findings of a family by a label, the largest."""
    return largest(f"sum by ({label}) ({_of_family(family)})")


def family_table(family: str) -> str:
    """Open findings of a family by detection, severity, tenant and forest."""
    return f"{_of_family(family)} > 0"


def family_oldest_table(family: str) -> str:
    """For how long the oldest of each has stood, in seconds."""
    return f"time() - {_oldest(_in_family(family))}"


def family_age(family: str) -> str:
    """How long the oldest open finding of a family has stood, by detection, in seconds."""
    return largest(f"(time() - min by (detection) ({_oldest(_in_family(family))}))")


def family_oldest(family: str) -> str:
    """How long the oldest open finding of a family has stood, in seconds; 0 where there is none."""
    return f"time() - min({_oldest(_in_family(family))}) or {KNOWN_ZERO}"


def _in_family(family: str) -> str:
    return f'tenant=~"$tenant", forest=~"($forest)?|none", family="{family}"'


def _of_family(family: str) -> str:
    return _findings("synchealth_findings_open", _in_family(family))


def open_of(*detections: str) -> str:
    """Open findings of these detections; 0 where there are none."""
    return f"sum({_findings('synchealth_findings_open', _of_detections(detections))}) or {KNOWN_ZERO}"


def age_of(*detections: str) -> str:
    """How long the oldest finding of these detections has stood, in seconds; 0 where there is none."""
    return f"time() - min({_oldest(_of_detections(detections))}) or {KNOWN_ZERO}"


def _of_detections(detections: tuple[str, ...]) -> str:
    names = "|".join(detections).replace(".", "[.]")
    return f'tenant=~"$tenant", forest=~"($forest)?|none", detection=~"{names}"'


# --- what became of them: counters and histograms know the detection alone --------------------------------------------


def transitions(transition: str, family: str = "($family)", window: str = "$__rate_interval") -> str:
    """Transitions of one kind within each step of the graph."""
    metric = f'synchealth_finding_transitions_total{{transition="{transition}", detection=~"{family}[.].*"}}'
    return f"round(sum(max by (detection) (increase({metric}[{window}]))))"  # increase extrapolates


def detection_latency(quantile: float, window: str = "$__rate_interval") -> str:
    """The latency that this share of findings stayed below, in seconds."""
    return _quantile(quantile, "synchealth_finding_detection_latency_seconds_bucket", "($family)", window)


def resolution_time(quantile: float, family: str = "($family)", window: str = "$__range") -> str:
    """The time to resolution that this share of findings stayed below, in seconds."""
    return _quantile(quantile, "synchealth_finding_resolution_time_seconds_bucket", family, window)


def _quantile(quantile: float, metric: str, family: str, window: str) -> str:
    chosen = f'{{detection=~"{family}[.].*"}}'
    return f"histogram_quantile({quantile}, sum by (le) (rate({metric}{chosen}[{window}])))"


LATENCY_HEATMAP = (
    "sum by (le) (max by (le, detection) (increase("
    'synchealth_finding_detection_latency_seconds_bucket{detection=~"($family)[.].*"}[$__rate_interval])))'
)

# --- against last week: what is recorded, so that a restart a week ago leaves no hole ---------------------------------

_RECORDED = f"{{{_ASKED}}}"
OPEN_BY_FAMILY = f"sum by (family) ({_OPEN})"
A_WEEK_AGO = f"sum by (family) (last_over_time({recorded.OPEN}{_RECORDED}[1h] offset 1w))"
CHANGE = f"{OPEN_BY_FAMILY} - {A_WEEK_AGO}"
OPEN_RECORDED = f"sum({recorded.OPEN}{_RECORDED})"
OPEN_A_WEEK_AGO = f"sum(last_over_time({recorded.OPEN}{_RECORDED}[1h] offset 1w))"


def transitions_of_week(transition: str) -> str:
    """Transitions of one kind of the last seven days, by family."""
    chosen = ', family=~"$family"'
    return f"round({_hours(transition, '1w', chosen)})"


def transitions_of_day(transition: str) -> str:
    """Transitions of one kind of the day before, by family; those above zero."""
    return f"round({_hours(transition, '1d')}) > 0"


def _hours(transition: str, span: str, chosen: str = "") -> str:
    metric = f'{recorded.TRANSITIONS}{{transition="{transition}"{chosen}}}'
    return f"sum by (family) (sum_over_time({metric}[{span}:1h]))"


# --- long trends, of what is recorded --------------------------------------------------------------------------------

TREND_BY_FAMILY = f"sum by (family) ({recorded.OPEN}{_HERE}) > 0"
TREND_BY_SEVERITY = f"sum by (severity) ({recorded.OPEN}{_HERE})"
TREND_BY_FOREST = largest(f"sum by (forest) ({recorded.OPEN}{_HERE})")
_WORDS = "tenant=~\"$tenant\", forest=~\"($forest)?\""


def _recorded_computers(stages: str) -> str:
    return f'sum({recorded.COMPUTERS}{{{_CHOSEN}, stage=~"{stages}"}})'


TREND_JOINED = f"{_recorded_computers('|'.join(JOINED))} / ({_recorded_computers('|'.join(STAGES))} > 0)"
TREND_OBJECTS = f'sum by (kind) ({recorded.OBJECTS}{{{_WORDS}, state="synced"}})'
TREND_FLOW = f"max by (forest) ({recorded.FLOW_P95}{{{_WORDS}}})"
TREND_SEEING = f"avg_over_time({recorded.SEEING}[1d])"
SEEING_SHARE = f"avg_over_time({recorded.SEEING}[$__range])"
TREND_QUOTA_USED = f"{recorded.QUOTA_USED}{_OF_TENANT}"
TREND_QUOTA = f"{recorded.QUOTA}{_OF_TENANT}"

# --- hybrid join ----------------------------------------------------------------------------------------------------


def join_gaps(*detections: str) -> str:
    """Open findings of these detections of the family hybrid_join; 0 where there are none."""
    return open_of(*(f"hybrid_join.{name}" for name in detections))


def join_gap_age(*detections: str) -> str:
    """How long the oldest of them has stood, in seconds; 0 where there is none."""
    return age_of(*(f"hybrid_join.{name}" for name in detections))


def _computers(stages: str, matches: str = "=~") -> str:
    return f'{COUNTS["computers"]}{{{_CHOSEN}, stage{matches}"{stages}"}}'


# Each worker counts its own partitions: the sum over all of them is the fleet.


def computers(*stages: str) -> str:
    """Computers that stand in one of these stages of hybrid join."""
    return f"sum({_computers('|'.join(stages))})"


JOIN_SHARE = f"{computers(*JOINED)} / ({computers(*STAGES)} > 0)"
NOT_COUNTED = f"sum by (stage) ({_computers('|'.join(STAGES), '!~')}) > 0"
NOT_JOINED_BY_SYSTEM = largest(f"sum by (system) ({_computers('|'.join(UNJOINED))})")
JOIN_ERRORS = largest(f"sum by (error) ({COUNTS['join_errors']}{_HERE})", 12)


def stage_time(quantile: float, window: str) -> str:
    """How long this share of the computers that came further had stood in each stage, in seconds."""
    metric = f"{DURATIONS['stage']}_bucket{_HERE}[{window}]"
    return f"histogram_quantile({quantile}, sum by (le, stage) (rate({metric})))"


def join_time(quantile: float, window: str) -> str:
    """The time from the certificate to the registration that this share of computers stayed below, in seconds."""
    metric = f"{DURATIONS['join']}_bucket{_HERE}[{window}]"
    return f"histogram_quantile({quantile}, sum by (le) (rate({metric})))"


def join_time_by_system(quantile: float, window: str) -> str:
    """The same for each operating system."""
    return largest(join_time(quantile, window).replace("by (le)", "by (le, system)"))


UNJOINED_BY_UNIT = largest(f"sum by (unit) ({COUNTS['unjoined_units']}{_HERE})", 15)
UNJOINED_BY_AGE = f"sum by (age) ({COUNTS['unjoined_ages']}{_HERE}) > 0"

# --- synchronisation ------------------------------------------------------------------------------------------------

_MAYBE_FOREST = '{tenant=~"$tenant", forest=~"($forest)?"}'


def wait(metric: str, quantile: float, label: str) -> str:
    """The time that this share of waits stayed below, by a label, in seconds."""
    rate = f"rate({metric}_bucket{_MAYBE_FOREST}[$__rate_interval])"
    return f"histogram_quantile({quantile}, sum by (le, {label}) ({rate}))"


def heatmap(metric: str) -> str:
    """The buckets of a histogram of waits within each step of the graph."""
    return f"sum by (le) (increase({metric}_bucket{_MAYBE_FOREST}[$__rate_interval]))"


def leaving(state: str) -> str:
    """Objects that the next export deletes in the cloud, for one reason; 0 where there are none."""
    chosen = f'{{tenant=~"$tenant", forest=~"($forest)?", state="{state}"}}'
    return f"sum({COUNTS['objects']}{chosen}) or {WORKED_ZERO}"


OBJECTS_BY_STATE = f"sum by (state) ({COUNTS['objects']}{_MAYBE_FOREST}) > 0"
_SYNCED = '{tenant=~"$tenant", forest=~"($forest)?", state="synced"}'
SYNCED_BY_KIND = f"sum by (kind) ({COUNTS['objects']}{_SYNCED})"
DIFFERENCES = largest(f"sum by (property) ({COUNTS['flows']}{_MAYBE_FOREST})")
EVENTS_READ = largest("sum by (source, log) (rate(synchealth_producer_events_published_total[$__rate_interval]))")
SYNC_AGE = f"time() - max by (tenant) (synchealth_tenant_last_sync_timestamp_seconds{_OF_TENANT})"
CYCLES = f"max by (tenant) (changes(synchealth_tenant_last_sync_timestamp_seconds{_OF_TENANT}[1h]))"
PASSWORD_SYNC_AGE = f"time() - max by (tenant) (synchealth_tenant_last_password_sync_timestamp_seconds{_OF_TENANT})"

# --- capacity -------------------------------------------------------------------------------------------------------

QUOTA_USED = f"max by (tenant) (synchealth_tenant_quota_used_objects{_OF_TENANT})"
QUOTA = f"max by (tenant) (synchealth_tenant_quota_objects{_OF_TENANT})"
QUOTA_SHARE = f"{QUOTA_USED} / {QUOTA}"
# A line through minutes says nothing of a month: before two days of history, what is used now, and no date.
_GROWTH = f"{recorded.QUOTA_USED}{_OF_TENANT}"
_TWO_DAYS = f"{_GROWTH} offset 2d"
QUOTA_FORECAST = (
    f"(max by (tenant) (predict_linear({_GROWTH}[7d], 30 * 86400) and {_TWO_DAYS}) or {QUOTA_USED}) / {QUOTA}"
)
QUOTA_LASTS = f"({QUOTA} - {QUOTA_USED}) / max by (tenant) ((deriv({_GROWTH}[7d]) and {_TWO_DAYS}) > 0)"

# --- writeback ------------------------------------------------------------------------------------------------------

LANDED = f"sum(increase({DURATIONS['writeback']}_count{_MAYBE_FOREST}[$__rate_interval]))"
_FAILED = 'synchealth_finding_transitions_total{transition="opened", detection="writeback.password_writeback_failed"}'
WRITEBACK_FAILED = f"sum(max by (detection) (increase({_FAILED}[$__rate_interval])))"
FAILING_BY_CLASS = f"sum by (class) ({COUNTS['writeback']}{_MAYBE_FOREST}) > 0"
FAILING_BY_SERVER = largest(f"sum by (server) ({COUNTS['writeback']}{_MAYBE_FOREST})")
_LANDED_1H = f"sum(increase({DURATIONS['writeback']}_count{_MAYBE_FOREST}[1h]))"
WRITEBACK_SUCCESS = f"{_LANDED_1H} / ({_LANDED_1H} + sum(max by (detection) (increase({_FAILED}[1h]))))"

# --- SyncHealth itself ------------------------------------------------------------------------------------------------

READY = "max(synchealth_exporter_caught_up)"
# A source whose producer is gone is as silent as one that does not answer: what it said within the last day counts.
BLIND = f"count(({CONTACT_AGE}) > {SILENT_S}) or 0 * count({CONTACT_AGE})"
SOURCE_CONTACT_AGE = CONTACT_AGE
SOURCE_CHANGE_AGE = CONTACT_AGE.replace("last_contact", "last_change")
SOURCE_ANSWERS = f"({CONTACT_AGE}) <= bool {SILENT_S}"
SOURCE_FACTS = largest("sum by (source, op) (rate(synchealth_producer_facts_published_total[$__rate_interval]))")
SOURCE_ERRORS = largest("sum by (source, stage, error) (rate(synchealth_producer_errors_total[$__rate_interval]))")
SOURCE_UNREAD = largest("sum by (provider, event_id) (increase(synchealth_producer_events_unread_total[1d]))")
SOURCE_SNAPSHOT = "max by (source) (synchealth_producer_full_pass_objects)"
SOURCE_READS_ALL = "max by (source) (synchealth_producer_full_pass_active)"
SOURCE_ORDERS = "max by (source) (synchealth_producer_ordered_readings_open)"
SOURCE_DELIVERY = (
    "histogram_quantile(0.95, sum by (le, source) (rate(synchealth_producer_delivery_duration_seconds_bucket"
    "[$__rate_interval])))"
)

WORKERS_UP = 'sum by (job) (up{job=~"synchealth-.*"})'
PROCESSES = 'max by (job, instance, process) (up{job=~"synchealth-.*"})'
PROCESS_STARTED = 'time() - max by (job, instance, process) (process_start_time_seconds{job=~"synchealth-.*"})'
PROCESS_MEMORY = 'max by (job, instance, process) (process_resident_memory_bytes{job=~"synchealth-.*"})'
WORKER_CLOCK_LAG = "max(synchealth_streams_clock_lag_seconds)"
WORKER_LAG = largest("sum by (topic) (synchealth_streams_lag_records)")
WORKER_PARTITIONS = "sum by (topic) (synchealth_streams_partitions)"
WORKER_EVALUATIONS = "sum(rate(synchealth_streams_evaluations_total[$__rate_interval]))"
WORKER_CONTRIBUTIONS = "sum(rate(synchealth_streams_contributions_total[$__rate_interval]))"
WORKER_BATCH = (
    "histogram_quantile(0.95, sum by (le, topic) (rate(synchealth_streams_batch_seconds_bucket[$__rate_interval])))"
)
WORKER_RECOVERY = "max by (topic) (synchealth_streams_recovery_seconds)"
WORKER_BACKLOG = "sum(synchealth_streams_backlog_views)"
FAULTS = f"sum(increase(synchealth_streams_rule_faults_total[$__range])) or {WORKED_ZERO}"
LOST = f"sum(increase(synchealth_streams_lost_records_total[$__range])) or {WORKED_ZERO}"
DEAD_LETTERS = largest(
    "sum by (reason) (max by (instance, reason) (increase(synchealth_exporter_deadletters_total[$__rate_interval])))"
)
DEAD_LETTERS_SHOWN = "round(sum(max by (reason) (increase(synchealth_exporter_deadletters_total[$__range]))))"
ACTIONS_READ = "max(synchealth_exporter_actions_read)"
CHANNEL_TAKES_NOTHING = "max by (channel) (synchealth_notify_channel_failing_since_timestamp_seconds) > bool 0"
CHANNEL_REFUSED = "max by (channel) (synchealth_notify_messages_refused)"
CHANNEL_WAITING = "max by (channel) (synchealth_notify_findings_waiting)"
CHANNEL_CLOSINGS = "max by (channel) (synchealth_notify_closings_waiting)"
MESSAGES = largest("sum by (channel, outcome) (increase(synchealth_notify_messages_total[$__rate_interval]))")
EXPORTER_BEHIND = "max by (instance) (synchealth_exporter_records_behind)"
MEMORY = largest('max by (job, instance) (process_resident_memory_bytes{job=~"synchealth-.*"})')
