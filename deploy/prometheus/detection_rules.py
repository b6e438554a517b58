"""Alert rules made of detection metadata: one per detection that wants an alert.

The rule looks at when the longest-standing finding opened, not at how long the count has been above
zero: findings that come and go never add up to an alert, and neither a restart of Prometheus nor of
the exporter starts the waiting time again. `keep_firing_for` bridges the seconds in which an
exporter that was restarted shows nothing yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from deploy.prometheus.alert_rule import AlertRule
from streams.detections.detection import Detection
from streams.detections.registry import Registered

_ROOT = Path(__file__).parents[2]
_LABELS = "detection, family, severity, tenant, forest"
_COUNT = (
    '{{ with printf "sum(max by (tenant, forest) (synchealth_findings_open'
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
            expr=f"""\
time() - min by ({_LABELS}) (
  synchealth_findings_oldest_open_timestamp_seconds{{detection="{detection.id}"{counted}}}
) >= {detection.alert.for_s}
""",
            keep_firing_for="5m",
            summary=f"{detection.title} (forest {{{{ $labels.forest }}}})",
            description=(
                f"{_COUNT} open with severity {{{{ $labels.severity }}}} in forest {{{{ $labels.forest }}}}, "
                "the longest-standing for {{ $value | humanizeDuration }}. "
                f"{detection.remediation} List them: synchealth findings --detection {detection.id}"
            ),
            runbook=registered.runbook.relative_to(_ROOT).as_posix(),
        )
