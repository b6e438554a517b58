"""How far a source has read the directory of a forest, and the form in which that travels.

On the wire it is a fact of kind FOREST with an object id of its own, as it has always been, so that records in flight
and workers of an earlier version agree. `fact_of` is the only place that knows; a reader is the forest view
(streams.views.installation.forest_view). DECISIONS R19 says why.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from streams.contracts.facts import FOREST_HEARD, Fact, ObjectKind, Operation, Origin
from streams.contracts.times import rfc3339


@dataclass(frozen=True, slots=True)
class SourceWatermark:
    """Every change that the directory had until `read_until_ms` is in Kafka, or in this batch.

    seq:   a sequence number above those of everything that was read before.
    ts_ms: when this was noted.
    """

    read_until_ms: int
    seq: int
    ts_ms: int


def fact_of(origin: Origin, mark: SourceWatermark) -> Fact:
    """The watermark of the forest of `origin` as a fact."""
    return Fact(
        op=Operation.READ,
        object_id=str(uuid.uuid5(uuid.NAMESPACE_DNS, f"heard.{origin.forest}")),
        seq=mark.seq,
        ts_ms=mark.ts_ms,
        kind=ObjectKind.FOREST,
        attributes={FOREST_HEARD: rfc3339(mark.read_until_ms)},
        full=True,
    )
