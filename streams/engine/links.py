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


class LinkRow(msgspec.Struct, omit_defaults=True):
    """attribute -> far end -> [seq, stands, SID or None]."""

    links: dict[str, dict[str, tuple[int, bool, str | None]]] = {}


def row_key(object_id: str, bucket: str) -> str:
    """The key of one bucket of an object's links."""
    return f"link/{object_id}/{bucket}"


def fold_links(object_id: str, buckets: list[str], fact: Fact, rows: Rows) -> tuple[list[str], set[str]]:
    """Apply the fact's links. Returns the object's buckets afterwards and those that changed.

    A fact's `complete` change, and every attribute that a full fact does not name, replaces what is older.
    """
    by_bucket: dict[str, list[tuple[str, str, bool, str | None]]] = {}
    for attribute, change in fact.links.items():
        for stands, links in ((True, change.added), (False, change.removed)):
            for link in links:
                by_bucket.setdefault(link.id[:2], []).append((attribute, link.id, stands, link.sid))
    replaced = {attribute for attribute, change in fact.links.items() if change.complete}
    touched = set(by_bucket)
    if replaced or fact.full:
        touched |= set(buckets)
    changed = set()
    for bucket in sorted(touched):
        key = row_key(object_id, bucket)
        raw = rows.get(key)
        row = decode(raw, LinkRow) if raw else LinkRow()
        if _fold_row(row, fact, by_bucket.get(bucket, ()), replaced):
            rows.put(key, encode(row) if any(row.links.values()) else None)
            changed.add(bucket)
    return sorted(set(buckets) | set(by_bucket)), changed


def _fold_row(row: LinkRow, fact: Fact, links: Iterable[tuple[str, str, bool, str | None]], replaced: set[str]) -> bool:
    changed = False
    for attribute, known in row.links.items():
        if attribute in replaced or (fact.full and attribute not in fact.links):
            for far_end, (seq, stands, sid) in known.items():
                if stands and seq < fact.seq:
                    known[far_end] = (fact.seq, False, sid)
                    changed = True
    for attribute, far_end, stands, sid in links:
        known = row.links.setdefault(attribute, {})
        before = known.get(far_end)
        if before is None or fact.seq >= before[0]:
            after = (fact.seq, stands, sid or (before[2] if before else None))
            changed = changed or after != before
            known[far_end] = after
    return changed


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
