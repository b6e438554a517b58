"""The table of topics: the only place that spells their names."""

from __future__ import annotations

from dataclasses import dataclass, field

DAY_MS = 24 * 3600 * 1000
# A single fact or table row may be large (certificates, long link lists); Kafka's default is 1 MiB.
MAX_MESSAGE_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the pipeline.

    partitions: None = as many as `[kafka] partitions` says (co-partitioned with the worker's tables).
    retention_ms: ignored where `compacted`.
    owner: who writes it.
    """

    name: str
    key: str
    payload: str
    owner: str
    partitions: int | None = None
    compacted: bool = False
    retention_ms: int = 7 * DAY_MS
    config: dict[str, str] = field(default_factory=dict)

    def configuration(self) -> dict[str, str]:
        """The broker-side settings to create this topic with."""
        # The broker's time, so that a writer whose clock is slow does not have its records deleted unread.
        # Source: Apache Kafka, "Topic configs": retention goes by record timestamps, message.timestamp.type.
        common = {
            "max.message.bytes": str(MAX_MESSAGE_BYTES),
            "message.timestamp.type": "LogAppendTime",
            **self.config,
        }
        if self.compacted:
            return {"cleanup.policy": "compact", "min.compaction.lag.ms": "60000", **common}
        return {
            "cleanup.policy": "delete", "retention.ms": str(self.retention_ms), "retention.bytes": "-1", **common
        }  # fmt: skip


AD_CHANGES = Topic("synchealth.ad.changes.v1", "objectGUID", "FactChunk", "producers.ad")
ENTRA_CHANGES = Topic("synchealth.entra.changes.v1", "Entra object id", "FactChunk", "producers.graph")
ENTRA_TENANT = Topic("synchealth.entra.tenant.v1", "tenant id", "TenantState", "producers.graph", compacted=True)
ENTRA_AUDITS = Topic(
    "synchealth.entra.audits.v1",
    "target id, else correlation id",
    "EventChunk",
    "producers.graph, producers.eventlog",
    retention_ms=30 * DAY_MS,
)
SERVER_EVENTS = Topic("synchealth.server.events.v1", "server name", "EventChunk", "producers.eventlog")
VIEWS = Topic("synchealth.views.v1", "view key", "ViewRecord", "streams.project", retention_ms=DAY_MS)
FINDINGS = Topic("synchealth.findings.v1", "finding id", "Finding", "streams.evaluate", compacted=True)
CHECKPOINTS = Topic(
    "synchealth.checkpoints.v1", "source[#part]", "Checkpoint", "producers", partitions=1, compacted=True
)
DEADLETTERS = Topic(
    "synchealth.deadletters.v1",
    "original key",
    "DeadLetter",
    "streams",
    partitions=1,
    retention_ms=30 * DAY_MS,
)

# The changelogs of the workers' tables: partition n belongs to whoever reads partition n of the topic behind it.
AD_OBJECTS = Topic("synchealth.state.ad.objects.v1", "row", "table row", "streams.project", compacted=True)
ENTRA_OBJECTS = Topic("synchealth.state.entra.objects.v1", "row", "table row", "streams.project", compacted=True)
VIEW_STATES = Topic("synchealth.state.views.v1", "row", "table row", "streams.evaluate", compacted=True)

TOPICS: tuple[Topic, ...] = (
    AD_CHANGES, ENTRA_CHANGES, ENTRA_AUDITS, ENTRA_TENANT, SERVER_EVENTS, VIEWS, FINDINGS, CHECKPOINTS, DEADLETTERS,
    AD_OBJECTS, ENTRA_OBJECTS, VIEW_STATES,
)  # fmt: skip
