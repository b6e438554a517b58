"""The table of topics: the only place that spells their names."""

from __future__ import annotations

from dataclasses import dataclass, field

DAY_MS = 24 * 3600 * 1000


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
        if self.compacted:
            return {"cleanup.policy": "compact", "min.compaction.lag.ms": "60000", **self.config}
        return {"cleanup.policy": "delete", "retention.ms": str(self.retention_ms), **self.config}


AD_CHANGES = Topic("synchealth.ad.changes.v1", "objectGUID", "FactChunk", "producers.ad")
ENTRA_CHANGES = Topic("synchealth.entra.changes.v1", "Entra object id", "FactChunk", "producers.graph")
ENTRA_TENANT = Topic("synchealth.entra.tenant.v1", "tenant id", "TenantState", "producers.graph", compacted=True)
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

TOPICS: tuple[Topic, ...] = (
    AD_CHANGES, ENTRA_CHANGES, ENTRA_TENANT, VIEWS, FINDINGS, CHECKPOINTS, DEADLETTERS,
)  # fmt: skip
