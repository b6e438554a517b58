"""The links of one object, spread over rows so that a change to a huge group stays small.

A link goes into the row of its far end's first two id characters (objectGUIDs are random), so a group of
250,000 members is 256 rows of about a thousand links. Each link is a last-write-wins register by seq.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from streams.contracts.codec import decode
from streams.directory.rows import Rows
from streams.directory.state import ObjectState

MEMBER = "member"


class StoredLink(msgspec.Struct, frozen=True, array_like=True):
    """One link. seq: of the newest statement on it; since_ms: since when it stands, or does not.

    A complete statement repeats what stands. Adding a link that stands resets `since_ms`: the far end may have been
    deleted and restored meanwhile, which the directory does not report for the object.
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


def standing_links(state: ObjectState, buckets: Iterable[str], rows: Rows) -> Iterator[StandingLink]:
    """Every link that stands."""
    for bucket in buckets:
        raw = rows.get(row_key(state, bucket))
        if raw is None:
            continue
        for attribute, of_attribute in decode(raw, LinkRow).links.items():
            for far_end, link in of_attribute.items():
                if link.stands:
                    yield StandingLink(attribute, far_end, link.sid, link.seq, link.since_ms)
