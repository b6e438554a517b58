"""The links of one object, spread over rows so that a change to a huge group stays small.

A link goes into the row of its far end's first two id characters (objectGUIDs are random), so a group of
250,000 members is 256 rows of about a thousand links. Each link is a last-write-wins register by seq.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

import msgspec

from streams.contracts.codec import decode, encode
from streams.contracts.facts import Fact
from streams.directory.rows import Rows
from streams.directory.state import ObjectState, links_base_of

MEMBER = "member"


class StoredLink(msgspec.Struct, frozen=True, array_like=True):
    """One link. seq: of the newest word on it; since_ms: since when it stands, or does not.

    A complete statement repeats what stands. Who adds a link that stands already adds it anew: the far end may have
    been dead in between, of which the object hears nothing.
    """

    seq: int
    stands: bool
    sid: str | None = None
    since_ms: int = 0


class LinkRow(msgspec.Struct, omit_defaults=True):
    """attribute -> far end -> the link."""

    links: dict[str, dict[str, StoredLink]] = {}


class StandingLink(NamedTuple):
    """A link that stands; `sid` of its far end, where that is told."""

    attribute: str
    far_end: str
    sid: str | None
    seq: int
    since_ms: int


def row_key(state: ObjectState, bucket: str) -> str:
    """The key of one bucket of an object's links."""
    return f"link/{state.identity if state.namesake else state.object_id}/{bucket}"


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
        key = row_key(state, bucket)
        raw = rows.get(key)
        row = decode(raw, LinkRow) if raw else LinkRow()
        _fold_row(row, state, fact, by_bucket.get(bucket, ()))
        encoded = encode(row) if any(row.links.values()) else None
        if encoded != raw:
            rows.put(key, encoded)
        # Counted anew with each row that is touched, never added up: a replay after a crash counts the same.
        members[bucket] = sum(link.stands for link in row.links.get(MEMBER, {}).values())
    return sorted(set(buckets) | set(by_bucket)), {bucket: number for bucket, number in members.items() if number}


def _fold_row(
    row: LinkRow, state: ObjectState, fact: Fact, links: Collection[tuple[str, str, bool, str | None]]
) -> None:
    seq, moment_ms = fact.seq, fact.changed_ms or fact.ts_ms
    for attribute, far_end, stands, sid in links:
        if seq >= links_base_of(state.links_base, attribute):
            known = row.links.setdefault(attribute, {})
            before = known.get(far_end)
            if before is None:
                known[far_end] = StoredLink(seq, stands, sid, moment_ms)
            elif seq >= before.seq:
                repeated = seq == before.seq or fact.links[attribute].complete
                since_ms = before.since_ms if stands is before.stands and repeated else moment_ms
                known[far_end] = StoredLink(seq, stands, sid or before.sid, since_ms)
    # What a complete statement replaced is forgotten: the base remembers that it is gone.
    for attribute, known in row.links.items():
        base = links_base_of(state.links_base, attribute)
        # Numbers that were lowered to their arrival's may be equal (streams.agents.plausible): the log's order decides.
        change, named = fact.links.get(attribute), {far_end for name, far_end, *_ in links if name == attribute}
        replaces = seq == base and (fact.full if change is None else change.complete)
        for far_end in [
            far_end
            for far_end, link in known.items()
            if link.seq < base or (replaces and link.seq == base and far_end not in named)
        ]:
            del known[far_end]


def standing_links(state: ObjectState, buckets: Iterable[str], rows: Rows) -> Iterator[StandingLink]:
    """Every link that stands."""
    for bucket in buckets:
        raw = rows.get(row_key(state, bucket))
        if raw is None:
            continue
        for attribute, known in decode(raw, LinkRow).links.items():
            for far_end, link in known.items():
                if link.stands:
                    yield StandingLink(attribute, far_end, link.sid, link.seq, link.since_ms)
