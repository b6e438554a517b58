"""Orders to read a source again in full, what became of them, and who writes a source: words on the checkpoint topic.

They are no part of any position: nobody restores them. An order stands under a key of its own for each scope, so a
later one replaces an earlier one, and is answered under another key: an order is open until the answer names its id.
What stands on a topic is a stranger's, so every word is checked when it is read.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal

import msgspec

from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import convert
from streams.contracts.errors import InvalidRecordError

RESYNC, RESYNCED, WRITER = "resync", "resynced", "writer"
"""What stands before "#<source>" in the record keys: an order, its answer, the claim of a writer."""

OBJECTS, LOGS = "objects", "logs"
"""Collections that every source of Entra ID has: all of its objects, all of its logs."""

FIRST_PAUSE_MS, LONGEST_PAUSE_MS = 15 * 60_000, 6 * 3600_000
"""Between two ordered readings of one scope: it doubles while they follow each other closely."""

_Text = Annotated[str, msgspec.Meta(max_length=400)]
_Name = Annotated[str, msgspec.Meta(max_length=1000)]
_Id = Annotated[str, msgspec.Meta(min_length=1, max_length=400)]
_Ms = Annotated[int, msgspec.Meta(ge=0, lt=2**53)]

EPOCHS = 2**53
"""The number behind the highest epoch of a claim: there it begins again, as epochs need not rise, only change."""
_Epoch = Annotated[int, msgspec.Meta(ge=0, lt=EPOCHS)]

State = Literal["begun", "done", "refused"]


class _StoredOrder(msgspec.Struct):
    id: _Id
    by: _Text
    why: _Text
    collection: _Name


class _StoredAnswer(msgspec.Struct):
    id: _Id
    state: State
    begun_ms: _Ms
    pause_ms: _Ms
    note: _Text


class _StoredClaim(msgspec.Struct):
    id: _Id
    epoch: _Epoch


@dataclass(frozen=True, slots=True)
class Order:
    """Tell again everything that `source` (as "ad/corp.example") says of `collection`; "": all of it.

    id: carried out once, however often it is read. by, why: for people.
    """

    source: str
    id: str
    by: str
    why: str
    ts_ms: int
    collection: str = ""

    @property
    def scope(self) -> str:
        """What the keys of the order and of its answer say after their first "#"."""
        return f"{self.source}#{self.collection}" if self.collection else self.source

    def record(self) -> Checkpoint:
        """The order as it is written."""
        position = {"id": self.id, "by": self.by, "why": self.why, "collection": self.collection}
        return Checkpoint(source=RESYNC, part=self.scope, seq=0, ts_ms=self.ts_ms, position=position)


@dataclass(frozen=True, slots=True)
class Answer:
    """What became of the order `id`. begun_ms: when its reading began; pause_ms: how long no other may begin.

    note: why it was refused.
    """

    scope: str
    id: str
    state: State
    ts_ms: int
    begun_ms: int = 0
    pause_ms: int = 0
    note: str = ""

    def record(self) -> Checkpoint:
        """The answer as it is written."""
        position = {name: getattr(self, name) for name in ("id", "state", "begun_ms", "pause_ms", "note")}
        return Checkpoint(source=RESYNCED, part=self.scope, seq=0, ts_ms=self.ts_ms, position=position)

    def done(self, ts_ms: int) -> Answer:
        """The same, carried out."""
        return replace(self, state="done", ts_ms=ts_ms)


@dataclass(frozen=True, slots=True)
class WriterClaim:
    """A process says that from here on in the log it alone writes `source`: the last claim in the log stands."""

    source: str
    id: str
    epoch: int
    ts_ms: int

    def record(self) -> Checkpoint:
        """The claim as it is written."""
        position = {"id": self.id, "epoch": self.epoch}
        return Checkpoint(source=WRITER, part=self.source, seq=self.epoch, ts_ms=self.ts_ms, position=position)


def answered(order: Order, answer: Answer | None) -> bool:
    """Whether `answer`, the last one of that scope, ends exactly this order."""
    return answer is not None and answer.id == order.id and answer.state != "begun"


def order_in(record: Checkpoint) -> Order | Answer | WriterClaim | None:
    """The order, answer or claim that this record is; None for every other one. Raises InvalidRecordError."""
    if record.source == RESYNC:
        order = convert(record.position, _StoredOrder)
        source, _, collection = record.part.partition("#")
        if collection != order.collection:
            raise InvalidRecordError("wrong_shape", f"an order for {order.collection!r} stands under {record.part!r}")
        return Order(source, order.id, order.by, order.why, max(0, record.ts_ms), collection)
    if record.source == RESYNCED:
        answer = convert(record.position, _StoredAnswer)
        return Answer(
            record.part, answer.id, answer.state, max(0, record.ts_ms), answer.begun_ms, answer.pause_ms, answer.note
        )
    if record.source == WRITER:
        claim = convert(record.position, _StoredClaim)
        return WriterClaim(record.part, claim.id, claim.epoch, max(0, record.ts_ms))
    return None
