"""Events: one thing that a log says happened. States are kept; events are remembered for a while.

An event never changes once it is told, so the same one by another way (polled from Graph, streamed from Event
Hubs, read twice) is recognised by its id and does no harm.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

UNKNOWN_SERVERS = "synchealth/unknown_servers"
"""A word of our own: an event topic speaks for more new servers than may be learned. details: table, topics, since_ms,
distinct (how many such servers; 0: it is over), servers (some of their names), refused (how many events)."""


class Log(StrEnum):
    """Where an event was written down."""

    AUDIT = "audit"  # Entra: auditLogs/directoryAudits
    PROVISIONING = "provisioning"  # Entra: auditLogs/provisioning
    SIGN_IN = "sign_in"  # Entra: auditLogs/signIns
    WINDOWS = "windows"  # a Windows event log: Connect servers, provisioning agents, clients


class Result(StrEnum):
    """How it went, where the log tells."""

    SUCCESS = "success"
    FAILURE = "failure"


class Event(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """One event. What the log does not tell is None.

    id:      unique for ever: Graph's own id; "<computer's DNS name>/<channel>/<record number>" for Windows.
    name:    what happened, in lower case: an audit's activityDisplayName; a provisioning row's action; for Windows
             "<provider>/<event id>", e.g. "passwordresetservice/31002", "directory synchronization/654".
    ts_ms:   when it happened; seen_ms: when we read it.
    server:  the computer that logged it, lower case, without its domain (Windows only).
    domain:  the rest of the computer's DNS name, lower case; a name alone is that of several computers in two forests.
    entra_id, object_guid: lower-case dashed GUIDs of the object it is about; source_anchor: its immutableId.
    initiator: who did it: a UPN or the display name of an application.
    reason:  the log's own text, at most 1,000 characters. Never a password: logs do not hold any, we drop what may.
    details: what else rules read, by names of ours, each said in the module that maps the log.
    """

    id: str
    log: Log
    name: str
    tenant: str
    ts_ms: int
    seen_ms: int
    server: str | None = None
    domain: str | None = None
    entra_id: str | None = None
    object_guid: str | None = None
    source_anchor: str | None = None
    user_principal_name: str | None = None
    correlation_id: str | None = None
    result: Result | None = None
    reason: str | None = None
    initiator: str | None = None
    details: dict[str, Any] = {}

    @property
    def key(self) -> str:
        """The record key: whom it is about, else who logged it, else what it belongs to."""
        return self.entra_id or self.server or self.object_guid or self.correlation_id or self.id


class EventChunk(msgspec.Struct, frozen=True, tag_field="type", tag="events", kw_only=True):
    """Events of one source that share a partition: the unit of transport."""

    source: str
    events: list[Event]
    schema_version: int = 1
