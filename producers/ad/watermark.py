"""The source's word on how far it has read: without it, a directory where nothing happens and one that nobody reads
look the same to whoever waits for a change."""

from __future__ import annotations

import time
import uuid

from streams.contracts.facts import FOREST_HEARD, Fact, ObjectKind, Operation
from streams.contracts.times import rfc3339
from streams.runtime.clock import HybridClock, now_ms

HEARD_S = 15.0


class Heard:
    """Says every HEARD_S until when the forest has been read, in all its naming contexts."""

    def __init__(self, forest: str) -> None:
        self._object_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, f"heard.{forest}"))
        self._due_at = time.monotonic() + HEARD_S

    def facts(self, began_ms: int, sequence: HybridClock) -> list[Fact]:
        """The word, if it is due. `began_ms`: when the pass began that has read everything."""
        if time.monotonic() < self._due_at:
            return []
        self._due_at = time.monotonic() + HEARD_S
        return [
            Fact(
                op=Operation.READ,
                object_id=self._object_id,
                seq=sequence.next(),
                ts_ms=now_ms(),
                kind=ObjectKind.FOREST,
                attributes={FOREST_HEARD: rfc3339(began_ms)},
                full=True,
            )
        ]
