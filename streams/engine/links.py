"""The links of one object, spread over rows so that a change to a huge group stays small.

A link goes into the row of its far end's first two id characters (objectGUIDs are random), so a group of
250,000 members is 256 rows of about a thousand links. Each link is a last-write-wins register by seq.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from streams.contracts.codec import decode, encode
from streams.contracts.facts import Fact
from streams.engine.rows import Rows
from streams.views.state import ObjectState, links_base_of

MEMBER = "member"


class LinkRow(msgspec.Struct, omit_defaults=True):
    """attribute -> far end -> [seq, stands, SID or None]."""

    links: dict[str, dict[str, tuple[int, bool, str | None]]] = {}


def row_key(object_id: str, bucket: str) -> str:
    """The key of one bucket of an object's links."""
    return f"link/{object_id}/{bucket}"


def fold_links(state: ObjectState, buckets: list[str], fact: Fact, rows: Rows) -> tuple[list[str], dict[str, int]]:
    """Apply the fact's links to the rows. Returns the object's buckets, and its members by bucket, afterwards.

    state:   the object with the fact folded in: its `links_base` says what has been replaced.
    buckets: those that exist so far.
    """
    members = dict(state.member_counts)
    by_bucket: dict[str, list[tuple[str, str, bool, str | None]]] = {}
    for attribute, change in fact.links.items():
        for stands, links in ((True, change.added), (False, change.removed)):
            for link in links:
                by_bucket.setdefault(link.id[:2], []).append((attribute, link.id, stands, link.sid))
    replacing = fact.full or any(change.complete for change in fact.links.values())
    for bucket in sorted(set(by_bucket) | set(buckets if replacing else ())):
        key = row_key(state.object_id, bucket)
        raw = rows.get(key)
        row = decode(raw, LinkRow) if raw else LinkRow()
        _fold_row(row, state, fact.seq, by_bucket.get(bucket, ()))
        encoded = encode(row) if any(row.links.values()) else None
        if encoded != raw:
            rows.put(key, encoded)
        # Counted anew with each row that is touched, never added up: a replay after a crash counts the same.
        members[bucket] = sum(stands for _, stands, _ in row.links.get(MEMBER, {}).values())
    return sorted(set(buckets) | set(by_bucket)), {bucket: number for bucket, number in members.items() if number}


def _fold_row(row: LinkRow, state: ObjectState, seq: int, links: Iterable[tuple[str, str, bool, str | None]]) -> None:
    for attribute, far_end, stands, sid in links:
        if seq >= links_base_of(state.links_base, attribute):
            known = row.links.setdefault(attribute, {})
            before = known.get(far_end)
            if before is None or seq >= before[0]:
                known[far_end] = (seq, stands, sid or (before[2] if before else None))
    # What a complete statement replaced is forgotten: the base remembers that it is gone.
    for attribute, known in row.links.items():
        base = links_base_of(state.links_base, attribute)
        for far_end in [far_end for far_end, (last, _, _) in known.items() if last < base]:
            del known[far_end]


def standing_links(object_id: str, buckets: Iterable[str], rows: Rows) -> Iterator[tuple[str, str, int]]:
    """(attribute, SID of the far end, seq) of every link that stands; far ends without a SID are left out."""
    for bucket in buckets:
        raw = rows.get(row_key(object_id, bucket))
        if raw is None:
            continue
        for attribute, known in decode(raw, LinkRow).links.items():
            for seq, stands, sid in known.values():
                if stands and sid:
                    yield attribute, sid, seq
