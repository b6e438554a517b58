"""What Prometheus records for long trends: a few sums, cheap to ask over a year, and to send on where a year is kept.

Names are level:metric:operations, as in https://prometheus.io/docs/practices/rules/. `deploy.prometheus.build` writes
them as rules; whoever keeps the rest for weeks only sends these on (`synchealth:` is in none of our metrics' names, a
colon is in no metric but these).
"""

from __future__ import annotations

from streams.measures.registry import all_counts, all_durations

FINDING_LABELS = "detection, family, severity, tenant, forest"
_COUNTS = {subject: each.family.metric for subject, each in all_counts().items()}
_FLOW = all_durations()["flow"].family.metric

OPEN = "family_severity_tenant_forest:synchealth_findings_open:sum"
TRANSITIONS = "family_transition:synchealth_finding_transitions:increase1h"
OBJECTS = f"tenant_forest_kind_state:{_COUNTS['objects']}:sum"
COMPUTERS = f"tenant_forest_stage:{_COUNTS['computers']}:sum"
FLOW_P95 = f"tenant_forest:{_FLOW}:p95_1d"
QUOTA_USED = "tenant:synchealth_tenant_quota_used_objects:max"
QUOTA = "tenant:synchealth_tenant_quota_objects:max"
SEEING = "synchealth:all_sources_answer:min"

# A source that is silent for so long is blind; as the alert SyncHealthSourceSilent has it.
SILENT_S = 300
CONTACT_AGE = "time() - max by (source) (last_over_time(synchealth_producer_last_contact_timestamp_seconds[1d]))"

# Sums of what is there now. Replicas of an exporter show the same (`max`), workers count their own partitions (`sum`).
NOW = {
    OPEN: f"sum by (family, severity, tenant, forest) (max by ({FINDING_LABELS}) (synchealth_findings_open))",
    OBJECTS: f"sum by (tenant, forest, kind, state) ({_COUNTS['objects']})",
    COMPUTERS: f"sum by (tenant, forest, stage) ({_COUNTS['computers']})",
    QUOTA_USED: "max by (tenant) (synchealth_tenant_quota_used_objects)",
    QUOTA: "max by (tenant) (synchealth_tenant_quota_objects)",
    # 1 while everything is seen. Here silence is a zero: who is not there sees nothing.
    SEEING: f"min(({CONTACT_AGE}) <= bool {SILENT_S}) * max(synchealth_exporter_caught_up) or vector(0)",
}
# Sums over a span of time: dearer, and therefore not evaluated as often.
OVER_TIME = {
    TRANSITIONS: (
        "sum by (family, transition) (label_replace("
        "max by (detection, transition) (increase(synchealth_finding_transitions_total[1h])), "
        '"family", "$1", "detection", "([^.]+)[.].+"))'
    ),
    FLOW_P95: f"histogram_quantile(0.95, sum by (le, tenant, forest) (increase({_FLOW}_bucket[1d]))) > 0",
}
EVERY = "2m"
"""Of OVER_TIME; Prometheus shows a value for five minutes."""
