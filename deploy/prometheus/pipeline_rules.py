"""Alert rules about SyncHealth itself: silence anywhere in the pipeline is a fault, never health."""

from __future__ import annotations

from deploy.prometheus.alert_rule import AlertRule
from streams.contracts.finding import Severity

# The jobs of prometheus.yml beside this file, and what stands still without them.
COMPONENTS = {
    "exporter": "findings are not shown to Prometheus: every other alert of SyncHealth is blind",
    "producers": "no directory is read: new faults are not seen",
    "streams": "nothing is correlated: findings neither open nor resolve",
}


def _rule(
    name: str, severity: Severity, expr: str, for_: str, summary: str, description: str, keep: str = "5m"
) -> AlertRule:
    """`keep`: a process that is gone takes its series along; until its absence has an alert, what was said stands."""
    return AlertRule(
        keep_firing_for=keep,
        name=name,
        severity=severity,
        expr=expr,
        for_=for_,
        summary=summary,
        description=description,
        runbook=f"deploy/prometheus/runbooks/{name}.md",
        dashboard="synchealth-pipeline",
    )


def _down(component: str, effect: str) -> AlertRule:
    """The one template for "this component is gone"."""
    job = f"synchealth-{component}"
    return _rule(
        f"SyncHealth{component.capitalize()}Down",
        Severity.CRITICAL,
        # Whoever starts again and again is no help either.
        f'absent(min_over_time(up{{job="{job}"}}[1m]) == 1)',
        "2m",
        f"No {component} process of SyncHealth answers Prometheus",
        f"Job {job} has had no target that answers steadily for 2 minutes: {effect}.",
    )


PIPELINE_RULES = (
    *(_down(component, effect) for component, effect in COMPONENTS.items()),
    _rule(
        "SyncHealthProcessDown",
        Severity.HIGH,
        # `process` is a label of the scrape configuration that `synchealth prometheus-config` writes.
        """\
label_replace(max_over_time(up{job=~"synchealth-.+"}[2m]) == 0, "source", "$1", "process", "(.+/.+)")
""",
        "10m",
        "{{ $labels.job }} at {{ $labels.instance }} does not answer Prometheus",
        "The process is gone or its /metrics cannot be reached; others of its kind may carry its work.",
    ),
    _rule(
        "SyncHealthExporterNotReady",
        Severity.CRITICAL,
        "absent(synchealth_exporter_caught_up == 1)",
        "2m",
        "No exporter has read the findings topic to its end",
        "No exporter shows findings. They wait for Kafka, or for the topics to be created.",
    ),
    _rule(
        "SyncHealthExporterStale",
        Severity.CRITICAL,
        "time() - (synchealth_exporter_last_contact_timestamp_seconds > 0) > 120",
        "3m",
        "Exporter {{ $labels.instance }} has lost Kafka",
        "What it shows has not been updated for {{ $value | humanizeDuration }}: resolved findings may still alert.",
    ),
    _rule(
        "SyncHealthActionsUnread",
        Severity.HIGH,
        # An exporter of an earlier version says nothing of it, and nothing of what is unattended.
        "max(synchealth_exporter_caught_up) == 1 unless max(synchealth_exporter_actions_read) == 1",
        "5m",
        "No exporter knows what people do with findings",
        "All that is open counts as unattended and alerts, whoever has acknowledged or accepted it.",
    ),
    _rule(
        "SyncHealthSourceSilent",
        Severity.CRITICAL,
        # last_over_time: a producer that is gone takes its series with it, and its source must alert all the same.
        """\
time() - max by (source) (last_over_time(synchealth_producer_last_contact_timestamp_seconds[1d])) > 300
or
  max by (source) (synchealth_producer_heartbeat_timestamp_seconds)
unless on (source)
  max by (source) (last_over_time(synchealth_producer_last_contact_timestamp_seconds[1d]))
or
  max by (source) (
    label_replace(up{job="synchealth-producers",process=~".+/.+"} == 0, "source", "$1", "process", "(.+)")
  )
""",
        "5m",
        "{{ $labels.source }} does not answer",
        "{{ $labels.source }} has not answered for more than 5 minutes, or not at all since its producer started: "
        "what changes there is not seen. No news is not meant: an idle directory answers too.",
    ),
    _rule(
        "SyncHealthSourceErroring",
        Severity.HIGH,
        "sum by (source, stage) (rate(synchealth_producer_errors_total[10m])) > 0",
        "15m",
        "{{ $labels.source }} keeps failing at {{ $labels.stage }}",
        "Attempts of {{ $labels.source }} have been failing at stage {{ $labels.stage }} for 15 minutes. "
        "The producer retries for ever; its log says what the other side answers.",
        keep="12m",  # SourceSilent takes over from a producer that is gone
    ),
    _rule(
        "SyncHealthSourceStuck",
        Severity.CRITICAL,
        "time() - max by (source) (synchealth_producer_heartbeat_timestamp_seconds) > 600",
        "1m",
        "The reading loop of {{ $labels.source }} stands still",
        "The loop of {{ $labels.source }} has not turned for {{ $value | humanizeDuration }}: restart the producer.",
        keep="12m",
    ),
    _rule(
        "SyncHealthTwoProducers",
        Severity.MEDIUM,
        "min by (source) (synchealth_producer_writer) == 0",
        "10m",
        "Two producers of {{ $labels.source }} run",
        "The newer one writes {{ $labels.source }}, the older one stands by. Nothing is lost; stop the one that is too "
        "many, or leave it as a reserve that takes over when the other falls silent.",
    ),
    _rule(
        "SyncHealthNotToldAgain",
        Severity.MEDIUM,
        "max by (source) (synchealth_producer_ordered_readings_open) > 0",
        "1h",
        "{{ $labels.source }} has not told again what was ordered",
        "{{ $value }} ordered readings of {{ $labels.source }} have not been done for an hour: findings that rest upon "
        "what was lost are missing or old until then. synchealth resync says what they wait for.",
        keep="12m",
    ),
    _rule(
        "SyncHealthSourceResynced",
        Severity.LOW,
        "sum by (source, reason) (increase(synchealth_producer_resyncs_total[1h])) > 0",
        "0s",
        "{{ $labels.source }} was read again in full",
        "Reason: {{ $labels.reason }}. Nothing is lost, but detection was late meanwhile.",
    ),
    _rule(
        "SyncHealthDeadLetters",
        Severity.HIGH,
        "time() - max by (reason) (synchealth_exporter_deadletters_last_timestamp_seconds) < 3600",
        "1m",
        "Records could not be used ({{ $labels.reason }})",
        "The latest dead letter with reason {{ $labels.reason }} is {{ $value | humanizeDuration }} old. "
        "What it concerned is missing from the findings: synchealth deadletters list",
    ),
    _rule(
        "SyncHealthRecordsLost",
        Severity.HIGH,
        # A worker counts what it lost as it starts, before anybody has scraped a zero.
        "sum by (topic) (increase(synchealth_streams_lost_records_total[1h])) > 0 or "
        "(sum by (topic) (synchealth_streams_lost_records_total) > 0 unless "
        "sum by (topic) (synchealth_streams_lost_records_total offset 1h))",
        "0s",
        "Records of {{ $labels.topic }} were deleted before they were read",
        "What they said is missing from the findings until their sources have told it again, which the worker has "
        "ordered: synchealth resync. Workers were away for longer than the topic keeps its records, or somebody "
        "deleted them.",
    ),
    _rule(
        "SyncHealthUnreadableFindings",
        Severity.HIGH,
        "sum by (topic, reason) (increase(synchealth_exporter_unreadable_records_total[1h])) > 0",
        "0s",
        "Records of {{ $labels.topic }} cannot be read ({{ $labels.reason }})",
        "Something else than SyncHealth writes to {{ $labels.topic }}, or the exporter is older than the workers.",
    ),
    _rule(
        "SyncHealthWorkersLag",
        Severity.HIGH,
        "max(synchealth_streams_clock_lag_seconds) > 60",
        "10m",
        "Correlation is late",
        "The slowest partition is {{ $value | humanizeDuration }} behind: findings open and resolve that much later. "
        "Expected during a first reading or a re-evaluation; otherwise add workers.",
    ),
    _rule(
        "SyncHealthBacklogStuck",
        Severity.HIGH,
        "min_over_time(sum by (topic) (synchealth_streams_lag_records)[15m:1m]) > 100",
        "5m",
        "{{ $labels.topic }} is not worked off",
        "{{ $value }} records of {{ $labels.topic }} have been waiting for at least 20 minutes.",
    ),
    _rule(
        "SyncHealthNoPartitions",
        Severity.CRITICAL,
        "sum by (topic) (synchealth_streams_partitions) == 0",
        "5m",
        "No worker owns a partition of {{ $labels.topic }}",
        "The workers answer but correlate nothing: they wait for Kafka, for a rebalance or for their tables.",
    ),
    _rule(
        "SyncHealthRuleFaults",
        Severity.HIGH,
        "sum by (detection) (increase(synchealth_streams_rule_faults_total[15m])) > 0",
        "0s",
        "The rule of {{ $labels.detection }} raises",
        "Findings of {{ $labels.detection }} stay as they were while its rule raises; each fault has a dead letter.",
    ),
    _rule(
        "SyncHealthChannelFailing",
        Severity.HIGH,
        "time() - (max by (channel) (synchealth_notify_channel_failing_since_timestamp_seconds) > 0) > 900",
        "1m",
        "Channel {{ $labels.channel }} takes no messages",
        "Nothing could be delivered to {{ $labels.channel }} for {{ $value | humanizeDuration }}: people there hear of "
        "no new finding. What stands is told once it takes messages again.",
    ),
    _rule(
        "SyncHealthMessagesRefused",
        Severity.MEDIUM,
        "max by (channel) (synchealth_notify_messages_refused) > 0",
        "5m",
        "Channel {{ $labels.channel }} refuses messages",
        "{{ $labels.channel }} refuses {{ $value }} messages for what they are; others arrive. Each is tried again "
        "once an hour.",
    ),
    AlertRule(
        name="SyncHealthWatchdog",
        expr="vector(1)",
        labels={"severity": "none"},
        summary="Prometheus and Alertmanager are at work",
        description=(
            "This alert always fires. Whoever receives it must raise an alarm when it stops coming: then Prometheus, "
            "the Alertmanager or the way to you is broken, and nothing else of SyncHealth can reach you."
        ),
        runbook="deploy/prometheus/runbooks/SyncHealthWatchdog.md",
    ),
)
