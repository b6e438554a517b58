"""Alert rules made of detection metadata: one per detection that wants an alert, and one for those that come later.

Alerts are for what nobody looks after: a finding that somebody has acknowledged, owns or has accepted until a date
alerts no more, and one whose acceptance has ended alerts like a new one.

A detection's rule looks at since when the longest-unattended finding is so, not at how long the count has been above
zero: findings that come and go never add up to an alert, and neither a restart of Prometheus nor of the exporter starts
the waiting time again. `keep_firing_for` bridges the time in which nobody shows anything; the rules that say so
(ExporterDown, ExporterNotReady) fire before it is over, and the Alertmanager then lets no detection's alert end.

An alert that has fired ends with its findings, not with their explanation: while they are suppressed by a cause it
stays (and the cause's alert inhibits it), for nothing is repaired yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from deploy.prometheus.alert_rule import AlertRule
from streams.detections.detection import Detection
from streams.detections.registry import Registered

_ROOT = Path(__file__).parents[2]
KEEP_FIRING_FOR = "5m"
_DASHBOARDS = {"hybrid_join": "synchealth-hybrid-join", "writeback": "synchealth-writeback"}
_DASHBOARDS |= {"capacity": "synchealth-trends"} | dict.fromkeys(("engine", "flow"), "synchealth-sync")
_DASHBOARDS |= dict.fromkeys(("conflict", "hygiene", "authority"), "synchealth-conflicts")
_LABELS = "detection, family, severity, tenant, forest"
_COUNT = (
    '{{ with printf "sum(max by (tenant, forest) (synchealth_findings_unattended'
    "{detection='%s',severity='%s',tenant='%s',forest='%s'}))\" "
    "$labels.detection $labels.severity $labels.tenant $labels.forest | query }}"
    "{{ . | first | value }}{{ else }}Some{{ end }}"
)


def alert_name(detection: Detection) -> str:
    """SyncHealthConflictDuplicateAddress for conflict.duplicate_address."""
    words = detection.id.replace(".", "_").split("_")
    return "SyncHealth" + "".join(word.capitalize() for word in words)


def detection_rules(detections: Iterable[Registered]) -> Iterator[AlertRule]:
    """A rule per detection with an alert, in the order given."""
    for registered in detections:
        detection = registered.detection
        if detection.alert is None:
            continue
        counted = "".join(f',severity!="{severity}"' for severity in detection.alert.counted)
        yield AlertRule(
            name=alert_name(detection),
            expr=_expression(detection, counted),
            keep_firing_for=KEEP_FIRING_FOR,
            summary=f"{detection.title} (forest {{{{ $labels.forest }}}})",
            description=(
                f"{_COUNT} unattended with severity {{{{ $labels.severity }}}} in forest {{{{ $labels.forest }}}}, "
                "the longest for {{ $value | humanizeDuration }}. "
                f"{detection.remediation} List them: synchealth findings --detection {detection.id}"
            ),
            runbook=registered.runbook.relative_to(_ROOT).as_posix(),
            dashboard=_DASHBOARDS.get(detection.family, "synchealth-overview"),
        )


def _expression(detection: Detection, counted: str) -> str:
    assert detection.alert is not None
    stands = f"""\
time() - min by ({_LABELS}) (
  synchealth_findings_oldest_unattended_timestamp_seconds{{detection="{detection.id}"{counted}}}
) >= {detection.alert.for_s}
"""
    if not (detection.suppressed_by or detection.explained_by):
        return stands
    # ALERTS_FOR_STATE is Prometheus' own: when an alert that is active now became so. Where others are open and
    # somebody looks after all of them, nobody waits for what a cause explains.
    return f"""\
{stands}or
  time() - min by ({_LABELS}) (ALERTS_FOR_STATE{{alertname="{alert_name(detection)}"}})
and on ({_LABELS})
  max by ({_LABELS}) (synchealth_findings_suppressed{{detection="{detection.id}"}}) > 0
unless on ({_LABELS}) (
    max by ({_LABELS}) (synchealth_findings_open{{detection="{detection.id}"}}) > 0
  and
    max by ({_LABELS}) (synchealth_findings_unattended{{detection="{detection.id}"}}) == 0
)
"""


_NEWEST = f"""max by ({_LABELS}) (
  synchealth_findings_newest_alerted_timestamp_seconds{{severity=~"critical|high"}}
)"""
_PATIENCE = "on (detection) group_left () max by (detection) (synchealth_finding_alert_after_seconds)"
NEW_FINDINGS = AlertRule(
    name="SyncHealthNewFindings",
    # Unattended since after the alert of an older one was due, which says nothing of it; told for an hour. That time
    # is a label: the next one is another alert, so that the Alertmanager tells it, and a restart changes nothing.
    expr=f"""\
(
  {_NEWEST}
>
    min by ({_LABELS}) (
      min_over_time(synchealth_findings_oldest_unattended_timestamp_seconds{{severity=~"critical|high"}}[10m])
    )
  + {_PATIENCE}
)
and
  (time() - {_NEWEST}) - {_PATIENCE} < 3600
""",
    keep_firing_for=KEEP_FIRING_FOR,
    labels={"opened": "{{ $value | humanizeTimestamp }}"},
    summary="New findings of {{ $labels.detection }} beside older ones (forest {{ $labels.forest }})",
    description=(
        f"{_COUNT} unattended with severity {{{{ $labels.severity }}}} in forest {{{{ $labels.forest }}}}; the alert "
        "about the oldest fires already, and the newest needs somebody since {{ $value | humanizeTimestamp }}. "
        "List them: synchealth findings --detection {{ $labels.detection }}"
    ),
    runbook="deploy/prometheus/runbooks/SyncHealthNewFindings.md",
)
