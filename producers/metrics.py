"""What the producers tell Prometheus, each metric declared once.

`source` is a name such as "ad/corp.contoso.local" or "entra/<tenant id>": as many values as the
configuration has forests and tenants. "No news" and "no contact" are different series on purpose.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from prometheus_client import REGISTRY, Counter, Gauge, Histogram

from streams.runtime.listener import Listener
from streams.runtime.settings import Settings

HEARTBEAT = Gauge(
    "synchealth_producer_heartbeat_timestamp_seconds",
    "When the source's loop last turned, failing or not (Unix time).",
    ["source"],
)
LAST_CONTACT = Gauge(
    "synchealth_producer_last_contact_timestamp_seconds",
    "When the directory last answered, with or without news (Unix time).",
    ["source"],
)
LAST_CHANGE = Gauge(
    "synchealth_producer_last_change_timestamp_seconds",
    "When the directory last told a change (Unix time).",
    ["source"],
)
CHECKPOINT_SAVED = Gauge(
    "synchealth_producer_checkpoint_timestamp_seconds",
    "When a position of the source was last saved; its age is what a restart repeats (Unix time).",
    ["source"],
)
FACTS = Counter(
    "synchealth_producer_facts_published_total",
    "Facts that Kafka has acknowledged, by operation (r, c, u, d, restore).",
    ["source", "op"],
)
EVENTS = Counter(
    "synchealth_producer_events_published_total",
    "Events of logs that Kafka has acknowledged, by log (audit, provisioning, sign_in, windows).",
    ["source", "log"],
)
REJECTED = Counter(
    "synchealth_producer_rejected_total",
    "Entries that could not be mapped and went to the dead letters, by reason.",
    ["source", "reason"],
)
UNREAD = Counter(
    "synchealth_producer_events_unread_total",
    "Windows events that no reader knows, by provider and id; other: foreign providers, and all beyond 100 kinds.",
    ["source", "provider", "event_id"],
)
UNKNOWN_SERVER = Counter(
    "synchealth_producer_events_of_unknown_servers_total",
    "Windows events refused because their topic may not speak for that server ([[eventlog]] servers, or too many new).",
    ["source"],
)
ERRORS = Counter(
    "synchealth_producer_errors_total",
    "Failed attempts, by stage (restore, read, deliver) and class of error.",
    ["source", "stage", "error"],
)
RESYNCS = Counter(
    "synchealth_producer_resyncs_total",
    "Full passes that were forced on the source after its position was lost, by reason.",
    ["source", "reason"],
)
IN_PASS = Gauge(
    "synchealth_producer_full_pass_active",
    "1 while the source reads everything (first snapshot or resync), else 0.",
    ["source"],
)
PASS_OBJECTS = Gauge(
    "synchealth_producer_full_pass_objects",
    "Objects read so far in the pass under way, or in the last one.",
    ["source"],
)
ORDERS = Gauge(
    "synchealth_producer_ordered_readings_open",
    "Ordered readings of the source that are not done: what was lost is not told again yet.",
    ["source"],
)
WRITER = Gauge(
    "synchealth_producer_writer",
    "1 while this process writes the source; 0 once another process has taken it over and this one stands by.",
    ["source"],
)
DELIVERY_SECONDS = Histogram(
    "synchealth_producer_delivery_duration_seconds",
    "From handing a batch to Kafka to its acknowledgement and the saved position.",
    ["source"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)


_SILENT_S, _STUCK_S = 300.0, 900.0


def serve(settings: Settings, port: int, sources: Sequence[str]) -> Listener:
    """Answer /metrics for `sources` (names as metrics have them) at `[producers] metrics_host` and `port`.

    Raises FatalError if the address is taken: another producer runs, or the setting is wrong.
    """
    return Listener(
        settings.producers.metrics_host or settings.metrics.host,
        port,
        REGISTRY,
        role="producers",
        setting="[producers] metrics_host and metrics_port",
        ready=lambda: _replaced(sources) or _late(LAST_CONTACT, sources, "has not answered", _SILENT_S),
        healthy=lambda: stuck(sources),
        web_config_file=settings.metrics.web_config_file,
    )


def stuck(sources: Sequence[str]) -> str | None:
    """Which of `sources` have a loop that stands still, whatever Kafka and the directories do; None for none."""
    return _late(HEARTBEAT, sources, "stands still", _STUCK_S, unknown_is_late=False)


def _replaced(sources: Sequence[str]) -> str | None:
    samples = (sample for family in WRITER.collect() for sample in family.samples)
    names = sorted(each.labels["source"] for each in samples if not each.value and each.labels["source"] in sources)
    return f"{', '.join(names)}: another process writes it, this one stands by" if names else None


def _late(
    times: Gauge, sources: Sequence[str], what: str, within_s: float, *, unknown_is_late: bool = True
) -> str | None:
    """Which of `sources` have a time older than `within_s` seconds, as a sentence; None for none."""
    known = {sample.labels["source"]: sample.value for family in times.collect() for sample in family.samples}
    latest = time.time() - within_s
    late = [name for name in sources if known.get(name, 0.0 if unknown_is_late else latest) < latest]
    return f"{', '.join(late)} {what} for {within_s:.0f} s" if late else None
