"""What the producers tell Prometheus, each metric declared once.

`source` is a name such as "ad/corp.contoso.local" or "entra/<tenant id>": as many values as the
configuration has forests and tenants. "No news" and "no contact" are different series on purpose.
"""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram, start_http_server

from streams.contracts.errors import FatalError

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
DELIVERY_SECONDS = Histogram(
    "synchealth_producer_delivery_duration_seconds",
    "From handing a batch to Kafka to its acknowledgement and the saved position.",
    ["source"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)


def serve(host: str, port: int) -> int:
    """Answer /metrics on `host`:`port` (0: any free one) and return the port.

    Raises FatalError if the address is taken: another producer runs, or the setting is wrong.
    """
    try:
        server, _thread = start_http_server(port, addr=host)
    except OSError as error:
        raise FatalError(
            f"/metrics cannot listen on {host}:{port} ({error.strerror}); set [producers] metrics_port"
        ) from error
    return int(server.server_port)
