"""Records of the views topic: contributions, ticks, context, watermarks, control. Partitioned by view key.

A view is the map of contributor -> contribution under one key. Ticks, context updates, watermarks and control
records are sent to every partition: time and tenant knowledge are events like any other.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from streams.contracts.facts import TenantState

RETRACTED = msgspec.Raw(b"null")
"""The body of a contribution that takes back what was said."""


class Contribution(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What one contributor says to one view.

    view:        "<kind>/<tenant>/<key>"
    contributor: unique within the view, e.g. "ad/<objectGUID>@<forest>" or "entra/<id>"
    seq:         last write wins per (view, contributor)
    changed_ms:  when the change behind it happened or was first read: the start of detection latency
    body:        a JSON object, unread (streams.views.messages); RETRACTED takes it back
    expires_ms:  when the view may forget it (an event is not a state); 0: never
    """

    view: str
    contributor: str
    seq: int
    changed_ms: int
    body: msgspec.Raw = RETRACTED
    expires_ms: int = 0


class ContributionChunk(msgspec.Struct, frozen=True, tag_field="type", tag="contributions", kw_only=True):
    """Contributions whose views share a partition. `sent_ms` moves the partition's clock."""

    sent_ms: int
    items: list[Contribution]
    schema_version: int = 1


class Tick(msgspec.Struct, frozen=True, tag_field="type", tag="tick", kw_only=True):
    """Time as an event. An idempotent "it is now at least this late", never counted."""

    now_ms: int
    schema_version: int = 1


class ContextUpdate(msgspec.Struct, frozen=True, tag_field="type", tag="context", kw_only=True):
    """The tenant's state, for every rule on this partition to read."""

    sent_ms: int
    tenant: TenantState
    schema_version: int = 1


class CauseUpdate(msgspec.Struct, frozen=True, tag_field="type", tag="cause", kw_only=True):
    """A tenant-wide cause began or ended: detections that it explains away are judged anew on this partition.

    finding: id of the cause's open finding; None: it has ended.
    only:    the properties that it explains; []: whatever names it as its cause.
    seq:     last write wins per (tenant, detection).
    """

    sent_ms: int
    tenant: str
    detection: str
    seq: int
    finding: str | None = None
    only: list[str] = []
    schema_version: int = 1


class WatermarkUpdate(msgspec.Struct, frozen=True, tag_field="type", tag="watermark", kw_only=True):
    """One partition of a source's changes is worked off as far as this watermark: what it led to lies before.

    source:    streams.contracts.facts.Watermark.source.
    partition: of the change topic, one of `partitions`; only all of them together are the source.
    """

    sent_ms: int
    tenant: str
    source: str
    partition: int
    partitions: int
    read_ms: int
    schema_version: int = 1


class Control(msgspec.Struct, frozen=True, tag_field="type", tag="control", kw_only=True):
    """An operator's order to this partition: evaluate every view again; or forget the past of whom `words` name.

    The past: events, and findings that are resolved. What objects say of themselves they take back themselves.
    """

    sent_ms: int
    action: Literal["reevaluate", "forget"]
    words: list[str] = []
    schema_version: int = 1


ViewRecord = ContributionChunk | Tick | ContextUpdate | CauseUpdate | WatermarkUpdate | Control
