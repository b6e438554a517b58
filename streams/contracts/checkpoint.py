"""Checkpoints: how far a source has read, in a compacted topic."""

from __future__ import annotations

from typing import Any

import msgspec


class Checkpoint(msgspec.Struct, frozen=True, tag_field="type", tag="checkpoint", kw_only=True):
    """A part of one source's position. The record key is "<source>" or "<source>#<part>".

    seq:      the last sequence number this source gave out; the next start goes on above it.
    position: what the source itself understands (cookie, deltaLink, domain GUID …); base64 for bytes.
              Empty: this part is no longer needed and goes out as a tombstone.
    """

    source: str
    seq: int
    ts_ms: int
    position: dict[str, Any]
    part: str = ""
    schema_version: int = 1
