"""Checkpoints: how far a source has read, in a compacted topic; and when it last heard from the other side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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


# The key "contact#<source>" is no part of any source's position: nobody restores it, people read it.
CONTACT = "contact"


def contact_record(
    source: str,
    *,
    contact_ms: int,
    ts_ms: int,
    phase: str,
    done: int,
    unread: Mapping[str, int] | None = None,
    unheard: Mapping[str, int] | None = None,
    orders: Sequence[str] = (),
    whole_ms: int = 0,
) -> Checkpoint:
    """A source's word on how fresh its knowledge is.

    contact_ms: when the other side last answered (0: not since the producer's start); phase and done: of
    producers.source.Progress; unread: kinds of entries that no reader knows -> how many, since the producer's start;
    unheard: parts of the source that do not answer, though others do -> for how many seconds; orders: scopes of ordered
    readings (streams.contracts.orders) that are not done; whole_ms: when its first reading came to its end (0: it has
    not), which each word tells again.
    """
    position: dict[str, Any] = {"contact_ms": contact_ms, "phase": phase, "done": done}
    if whole_ms:
        position["whole_ms"] = whole_ms
    if unread:
        position["unread"] = dict(unread)
    if unheard:
        position["unheard"] = dict(unheard)
    if orders:
        position["orders"] = list(orders)
    return Checkpoint(source=CONTACT, part=source, seq=0, ts_ms=ts_ms, position=position)


def contacted_ms(record: Checkpoint, arrived_ms: int) -> int:
    """When the other side last answered, by the clock that says `arrived_ms` (the broker's); 0: not since the start.

    How long ago that was is known to a source whose clock is wrong, too; one whose clock is ahead would be heard for
    hours after its death. Raises KeyError, TypeError, ValueError for a word that is none.
    """
    return _by_age(int(record.position["contact_ms"]), record, arrived_ms)


def read_whole_ms(record: Checkpoint, arrived_ms: int | None = None) -> int:
    """When the source's first reading came to its end, by the clock that says `arrived_ms` (None: by its own); 0: it
    has not, or a version that did not say so has read it.
    """
    stored = record.position.get("whole_ms", 0)
    stored_ms = stored if isinstance(stored, int) else 0
    return stored_ms if arrived_ms is None else _by_age(stored_ms, record, arrived_ms)


def _by_age(stored_ms: int, record: Checkpoint, arrived_ms: int) -> int:
    return max(1, arrived_ms - max(0, record.ts_ms - stored_ms)) if stored_ms else 0
