"""Which objects of one collection were emitted, in which round, and what of that is still to be verified.

    begin_round ──► named, emitted, gone … ──► end_round ──► compare … missing … ──► verified
         ▲                                                                               │
         └───────────────────────── named, emitted, gone … ──────────────────────────────┘

A round is a full reading. What was emitted before it and does not come in it may be gone, or was left out: it stays
"unaccounted for" until a comparison with what exists (producers.graph.verify) has decided. Pure: no I/O, no facts.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any, Literal

import msgspec

from producers.id_set import DurableIdSet, GoneIds, IdSet
from producers.saved import guids_of, past_ms
from streams.contracts.checkpoint import Checkpoint

_Count = Annotated[int, msgspec.Meta(ge=0, lt=10**12)]


class SavedLedger(msgspec.Struct, kw_only=True):
    """The ledger's fields of a collection's position; the ids are in parts of their own.

    known: which of the two id sets holds the present round. marks: how much of each belongs to this position.
    """

    phase: Literal["full", "delta"]
    known: Literal["a", "b"]
    unverified: bool
    completed: bool
    verified_ms: int
    doubtful: list[str]
    last_item: str | None
    marks: dict[str, tuple[_Count, _Count, _Count]]
    again: bool = False


class CollectionLedger:
    """The ids of one collection. Every object id is a dashed GUID in lower case.

    several_lists: its objects have links with more than one far end, which may come in several items.
    in_round:    a full round is under way.
    unverified:  the last full round still has to be compared with what exists.
    completed:   everything was read and verified at least once.
    verified_ms: when that was the case last; 0: never.
    ordered:     the round was ordered, so that what is gone is emitted again, too, once it is verified.
    """

    def __init__(self, source: str, name: str, *, several_lists: bool) -> None:
        self.in_round = True
        self.unverified = False
        self.completed = False
        self.verified_ms = 0
        self.ordered = False
        self._several_lists = several_lists
        self._sets = {key: DurableIdSet(source, f"{name}/known-{key}") for key in ("a", "b")}
        self._current: Literal["a", "b"] = "a"
        self._gone = GoneIds(source, f"{name}/gone")
        self._doubtful: set[str] = set()
        self._last: str | None = None
        self._since_comparison: set[str] | None = None

    def __len__(self) -> int:
        """How many objects were emitted in the present round, or since the last one began."""
        return len(self._round)

    def __contains__(self, object_id: object) -> bool:
        """Whether the object was emitted in the present round, or since the last one began."""
        return object_id in self._round

    @property
    def is_empty(self) -> bool:
        """Whether nothing was ever emitted of this collection."""
        return not len(self._round) and not len(self._earlier) and not len(self._gone)

    @property
    def doubtful(self) -> frozenset[str]:
        """Objects that are to be read whole: of which no item since the round began was surely complete.

        Their links came in the round more than once and not in a row: the later list may stand beside the earlier one
        or instead of it. Or the round left them out, and delta names them before that is verified: such an item says
        what has changed since the round, and not what changed before.
        """
        return frozenset(self._doubtful)

    def lives(self, object_id: str) -> bool:
        """Whether the object was emitted once and not as gone since."""
        return object_id in self._round or object_id in self._earlier

    def begin_round(self, *, ordered: bool = False) -> None:
        """Nothing is emitted in the round yet; everything emitted earlier has to be accounted for at its end.

        ordered: what is gone is to be emitted again at its end, too. A round that takes the place of an ordered one is
        ordered as well.
        """
        for object_id in self._earlier:
            self._round.add(object_id)
        self._earlier.clear()
        self._current = "b" if self._current == "a" else "a"
        self.in_round = True
        self.ordered |= ordered
        self._last, self._since_comparison = None, None
        self._doubtful.clear()

    def end_round(self) -> None:
        """The round has come to its end, and is to be verified."""
        self.in_round, self.unverified = False, True

    def named(self, object_id: str, *, removed: bool) -> bool:
        """Note that delta names an object, before anything is emitted of it.

        removed: it says that the object is gone.
        Returns whether nothing was emitted of it in the present round, or since.
        """
        if self._since_comparison is not None:
            self._since_comparison.add(object_id)
        first = object_id not in self._round
        if not removed:
            again = self.in_round and not first and self._several_lists and object_id != self._last
            left_out = first and not self.in_round and self.unverified
            if again or left_out:
                self._doubtful.add(object_id)
            self._last = object_id
        return first

    def emitted(self, object_id: str) -> None:
        """Note an object that is emitted as living."""
        self._round.add(object_id)

    def gone(self, object_id: str) -> None:
        """Note an object that is emitted as gone."""
        self._round.discard(object_id)
        self._earlier.discard(object_id)
        self._doubtful.discard(object_id)
        self._gone.add(object_id)

    def gone_again(self) -> Iterator[str]:
        """After an ordered round: every object that was emitted as gone and did not come back."""
        return (each for each in (self._gone if self.ordered else ()) if not self.lives(each))

    def missing(self, listed: IdSet) -> Iterator[str]:
        """The living objects that are not in `listed`; both may change meanwhile."""
        return chain(self._round.difference(listed), self._earlier.difference(listed))

    def read_whole(self, object_id: str) -> None:
        """Note that an object was read whole."""
        self._doubtful.discard(object_id)

    def compare(self) -> None:
        """Begin, or begin anew, to note what delta names: an answer to what is asked now may be older than that."""
        self._since_comparison = set()

    @property
    def newer(self) -> frozenset[str]:
        """The objects that delta has named, as living or as gone, since `compare`."""
        return frozenset(self._since_comparison or ())

    def verified(self, at_ms: int) -> None:
        """Everything emitted was compared with what exists."""
        self._earlier.clear()
        self._doubtful.clear()
        self._since_comparison = None
        self.unverified, self.completed, self.verified_ms, self.ordered = False, True, at_ms, False

    def position(self) -> dict[str, Any]:
        """The fields of SavedLedger, to be saved with a position: after `before_position`."""
        return {
            "phase": "full" if self.in_round else "delta",
            "known": self._current,
            "unverified": self.unverified,
            "completed": self.completed,
            "verified_ms": self.verified_ms,
            "doubtful": sorted(self._doubtful),
            "last_item": self._last,
            "marks": {key: ids.mark for key, ids in self._sets.items()},
            "again": self.ordered,
        }

    def before_position(self, seq: int, ts_ms: int) -> list[Checkpoint]:
        """The changed parts on which a position relies, in saving order."""
        parts = [part for ids in self._sets.values() for part in ids.segments(seq, ts_ms)]
        return parts + self._gone.changes(seq, ts_ms)

    def after_position(self, seq: int, ts_ms: int) -> list[Checkpoint]:
        """The parts that no position needs any more once the new one is saved."""
        return [part for ids in self._sets.values() for part in ids.deletions(seq, ts_ms)]

    def restore(self, checkpoints: list[Checkpoint], saved: SavedLedger | None) -> bool:
        """Take back what was saved. `saved`: None where there is no position, or none that can be read.

        Returns False where ids are damaged: then only what can be read of the ids is taken back, and the position is
        worth nothing.
        """
        self._gone.restore(checkpoints)
        marks = {} if saved is None else saved.marks
        beyond = [each for key, ids in self._sets.items() for each in ids.restore(checkpoints, marks.get(key))]
        if any(ids.damaged for ids in self._sets.values()):
            return False
        if saved is None:
            return True
        self.in_round, self._current = saved.phase == "full", saved.known
        self.completed, self.verified_ms, self.ordered = saved.completed, past_ms(saved.verified_ms), saved.again
        self._doubtful, self._last = set(guids_of(saved.doubtful)), saved.last_item
        # Killed between two records: emitted, but the page will not necessarily name them again.
        for object_id in beyond:
            self._earlier.add(object_id)
        self.unverified = saved.unverified or (bool(beyond) and not self.in_round)
        return True

    @property
    def _round(self) -> DurableIdSet:
        """The ids of the present round, and of what came since."""
        return self._sets[self._current]

    @property
    def _earlier(self) -> DurableIdSet:
        """The ids emitted earlier that the present round, or the last one, has not accounted for yet."""
        return self._sets["b" if self._current == "a" else "a"]
