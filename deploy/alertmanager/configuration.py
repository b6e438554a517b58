"""The Alertmanager's configuration, made of the detections' metadata and of what the rules about the pipeline mean.

A resolution is a word, too: the Alertmanager takes an alert that Prometheus no longer sends for one that is over
(Alertmanager, "Alerting overview"; prometheus#17482). So whoever is blind inhibits what it can no longer see, and
fires before that could end: an inhibited alert is neither told nor resolved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from deploy.prometheus.detection_rules import NEW_FINDINGS
from streams.detections.registry import all_detections

# Receivers. Those about new findings say no resolution: such an alert ends by itself, with nothing repaired.
PAGE, URGENT, TICKET, DIGEST, WATCHDOG = "page", "urgent", "ticket", "digest", "watchdog"
PAGE_NEW, URGENT_NEW = "page-new", "urgent-new"
GROUP_BY = ("family", "tenant", "forest")

# Causes that explain only at times (Verdict.explains), or only some objects of a detection: the pipeline knows which,
# an alert does not. A leaver whom AD has deleted must be heard of beside years of others that nobody removed.
_EXPLAIN_SOME = frozenset({
    "engine.mass_deletion_forecast", "engine.orphans_in_bulk", "engine.scope_shrink", "engine.scope_unknown",
})  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhooks:
    """Where each receiver posts; "": nowhere. Messages to `page` wake somebody; the others need not."""

    page: str = ""
    urgent: str = ""
    ticket: str = ""
    digest: str = ""
    watchdog: str = ""


def document(webhooks: Webhooks) -> dict[str, Any]:
    """The whole configuration. Needs Alertmanager 0.22 or later (matchers)."""
    return {
        "route": {
            # Whatever is not known below must not get lost.
            **_route(PAGE, None, wait="30s", interval="5m", repeat="4h"),
            "group_by": list(GROUP_BY),
            "routes": [
                _route(WATCHDOG, 'alertname="SyncHealthWatchdog"', wait="0s", interval="1m", repeat="5m"),
                # Its hour is longer than the interval: whatever opens within one is told at its end.
                _new(PAGE_NEW, "critical"),
                _new(URGENT_NEW, "high"),
                _route(PAGE, 'severity="critical"', wait="30s", interval="5m", repeat="4h"),
                _route(URGENT, 'severity="high"', wait="30s", interval="5m", repeat="4h"),
                _route(TICKET, 'severity="medium"', wait="2m", interval="15m", repeat="1d"),
                _route(DIGEST, 'severity="low"', wait="10m", interval="4h", repeat="4d"),
            ],
        },
        "inhibit_rules": [*_pipeline(), *_detections()],
        "receivers": [
            _receiver(PAGE, webhooks.page),
            _receiver(URGENT, webhooks.urgent or webhooks.page),
            _receiver(TICKET, webhooks.ticket),
            _receiver(DIGEST, webhooks.digest),
            _receiver(PAGE_NEW, webhooks.page, send_resolved=False),
            _receiver(URGENT_NEW, webhooks.urgent or webhooks.page, send_resolved=False),
            _receiver(WATCHDOG, webhooks.watchdog, send_resolved=False),
        ],
    }


def _route(receiver: str, matcher: str | None, *, wait: str, interval: str, repeat: str) -> dict[str, Any]:
    return {
        **({"matchers": [matcher]} if matcher else {}),
        "receiver": receiver,
        "group_wait": wait,
        "group_interval": interval,
        "repeat_interval": repeat,
    }


def _new(receiver: str, severity: str) -> dict[str, Any]:
    route = _route(receiver, f'alertname="{NEW_FINDINGS.name}"', wait="30s", interval="15m", repeat="4h")
    route["matchers"].append(f'severity="{severity}"')
    return route


def _receiver(name: str, url: str, *, send_resolved: bool = True) -> dict[str, Any]:
    if not url:
        return {"name": name}
    return {"name": name, "webhook_configs": [{"url": url, "send_resolved": send_resolved}]}


def _inhibit(sources: str, targets: Mapping[str, str], *equal: str) -> dict[str, Any]:
    """`sources`: short names of alerts about the pipeline, as an alternation; targets: label -> pattern."""
    return _rule({"alertname": f"SyncHealth({sources})"}, targets, equal)


def _rule(sources: Mapping[str, str], targets: Mapping[str, str], equal: tuple[str, ...]) -> dict[str, Any]:
    rule: dict[str, Any] = {
        "source_matchers": [f'{label}=~"{pattern}"' for label, pattern in sources.items()],
        "target_matchers": [f'{label}=~"{pattern}"' for label, pattern in targets.items()],
    }
    return rule | ({"equal": list(equal)} if equal else {})


def _pipeline() -> Iterator[dict[str, Any]]:
    """Who is blind speaks of nothing else, and one fault is one message."""
    blind = "ExporterDown|ExporterNotReady"
    yield _inhibit(blind, {"family": ".+"})
    yield _inhibit(blind, {"alertname": "SyncHealth(DeadLetters|UnreadableFindings|ExporterStale|ActionsUnread)"})
    yield _inhibit("ExporterDown", {"alertname": "SyncHealthExporterNotReady"})
    for component in ("Exporter", "Streams", "Producers"):
        yield _inhibit(
            f"{component}Down", {"alertname": "SyncHealthProcessDown", "job": f"synchealth-{component.lower()}"}
        )
    of_workers = "SyncHealth(NoPartitions|WorkersLag|BacklogStuck|RuleFaults|PasswordMistakesWave)"
    yield _inhibit("StreamsDown", {"alertname": of_workers})
    of_sources = "SyncHealth(Source(Silent|Erroring|Stuck|Resynced)|NotToldAgain)"
    yield _inhibit("ProducersDown", {"alertname": of_sources})
    of_one = "SyncHealth(SourceErroring|SourceStuck|NotToldAgain|ProcessDown)"
    yield _inhibit("SourceSilent", {"alertname": of_one}, "source")
    # Kafka is away for everybody.
    yield _inhibit(
        "ExporterStale", {"alertname": "SyncHealth(NoPartitions|WorkersLag|BacklogStuck|SourceErroring|SourceStuck)"}
    )


def _detections() -> Iterator[dict[str, Any]]:
    """Each cause inhibits what it explains away, within its tenant: the labels of a cause name no forest.

    What explains single findings (a duplicate its quarantine) inhibits nothing here: the pipeline suppresses just
    those, and an alert about the others of the same forest must be heard.
    """
    explained: dict[str, list[str]] = {}
    for registered in all_detections():
        for cause in registered.detection.suppressed_by:
            explained.setdefault(cause, []).append(registered.detection.id)
    alerting = {each.detection.id for each in all_detections() if each.detection.alert is not None}
    for cause, symptoms in sorted(explained.items()):
        if cause in alerting and cause not in _EXPLAIN_SOME:
            yield _rule({"detection": _pattern([cause])}, {"detection": _pattern(symptoms)}, ("tenant",))


def _pattern(detections: list[str]) -> str:
    return "|".join(detection.replace(".", "[.]") for detection in detections)
