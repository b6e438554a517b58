"""The table of topics: the only place that spells their names.

Each name begins with that of the installation, so that two share no topic of one Kafka. A process belongs to one
installation: whoever reads its settings says which, once (`belong_to`), before any name is used.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

DAY_MS = 24 * 3600 * 1000
# A single fact or table row may be large (certificates, long link lists); Kafka's default is 1 MiB.
MAX_MESSAGE_BYTES = 8 * 1024 * 1024
DEFAULT_INSTALLATION = "synchealth"

_installation = DEFAULT_INSTALLATION


def belong_to(installation: str) -> None:
    """From now on every topic is that of this installation."""
    global _installation
    _installation = installation


Writer = Literal["producer", "worker", "desk"]


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic of the pipeline.

    stem: what follows the installation's name in its own.
    partitions: None = as many as `[kafka] partitions` says (co-partitioned with the worker's tables).
    retention_ms: ignored where `compacted`.
    writers: the roles (producers.acls) that write it in the course of things; the administrator may write every one.
    """

    stem: str
    key: str
    payload: str
    writers: tuple[Writer, ...]
    partitions: int | None = None
    compacted: bool = False
    retention_ms: int = 7 * DAY_MS
    config: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The topic's name in Kafka."""
        return f"{_installation}.{self.stem}"

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


_SOURCES: tuple[Writer, ...] = ("producer",)
_WORKERS: tuple[Writer, ...] = ("worker",)
_BOTH: tuple[Writer, ...] = ("producer", "worker")

# Workers tell an object what a log says of it, and order to forget.
AD_CHANGES = Topic("ad.changes.v1", "objectGUID", "FactChunk", _BOTH)
ENTRA_CHANGES = Topic("entra.changes.v1", "Entra object id", "FactChunk", _BOTH)
ENTRA_TENANT = Topic("entra.tenant.v1", "tenant id", "TenantState", _SOURCES, compacted=True)
ENTRA_AUDITS = Topic(
    "entra.audits.v1",
    "target id, else correlation id",
    "EventChunk",
    _SOURCES,
    retention_ms=30 * DAY_MS,
)
SERVER_EVENTS = Topic("server.events.v1", "server name", "EventChunk", _SOURCES)
VIEWS = Topic("views.v1", "view key", "ViewRecord", _WORKERS, retention_ms=DAY_MS)
FINDINGS = Topic("findings.v1", "finding id", "Finding", _WORKERS, compacted=True)
# Workers order what was deleted before they had read it.
CHECKPOINTS = Topic("checkpoints.v1", "source[#part]", "Checkpoint", _BOTH, partitions=1, compacted=True)
# A key of its own for each action: compaction loses none that still holds (streams.contracts.actions).
ACTIONS = Topic("actions.v1", "finding id/action id", "Action", ("desk",), partitions=1, compacted=True)
DEADLETTERS = Topic("deadletters.v1", "original key", "DeadLetter", _BOTH, partitions=1, retention_ms=30 * DAY_MS)

# The changelogs of the workers' tables: partition n belongs to whoever reads partition n of the topic behind it.
AD_OBJECTS = Topic("state.ad.objects.v1", "row", "table row", _WORKERS, compacted=True)
ENTRA_OBJECTS = Topic("state.entra.objects.v1", "row", "table row", _WORKERS, compacted=True)
VIEW_STATES = Topic("state.views.v1", "row", "table row", _WORKERS, compacted=True)

TOPICS: tuple[Topic, ...] = (
    AD_CHANGES, ENTRA_CHANGES, ENTRA_AUDITS, ENTRA_TENANT, SERVER_EVENTS, VIEWS, FINDINGS, ACTIONS, CHECKPOINTS,
    DEADLETTERS, AD_OBJECTS, ENTRA_OBJECTS, VIEW_STATES,
)  # fmt: skip
