"""The order in which objects last changed, in memory bounded by the number of objects.

Every object has one live place in the log: that of its latest change. Earlier places become
holes, and when holes outnumber live places the log is rewritten. A delta token is just a
sequence number, found again by bisection, so the server keeps no state per client.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator
from typing import Any, Final, Literal

from deploy.lab.entra.graph_time import Clock

LIVE: Final = 0
SOFT_DELETED: Final = 1
GONE: Final = 2
State = Literal[0, 1, 2]

_CLOCK_BITS = 20
_COMPACT_AT = 4096


class Entry:
    """One directory object: its values as a JSON array, in the order of a shared tuple of names.

    `created`, `moved` (last delete or restore) and `seq` (last change) are sequence numbers;
    `stamps` holds those of single properties that changed since creation.
    """

    __slots__ = ("blob", "created", "id", "moved", "seq", "shape", "stamps", "state")

    def __init__(self, object_id: str) -> None:
        self.id = object_id
        self.shape: tuple[str, ...] = ()
        self.blob: bytes = b"[]"
        self.seq = 0
        self.created = 0
        self.moved = 0
        self.state: State = LIVE
        self.stamps: dict[str, int] | None = None

    def changed_since(self, seq: int, tracked: frozenset[str]) -> bool:
        """Say whether a delta client holding `seq` and tracking these properties must hear."""
        if self.created > seq or self.moved > seq:
            return True
        stamps = self.stamps
        return stamps is not None and any(at > seq and name in tracked for name, at in stamps.items())


class ChangeLog:
    """Entries by the sequence number of their latest change."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._seqs: array[int] = array("Q")
        self._entries: list[Entry] = []
        self._live = 0
        self.last = 0

    def next(self) -> int:
        """Return a new, larger sequence number; its upper bits are the lab time in ms."""
        self.last = max(self.last + 1, self._clock() << _CLOCK_BITS)
        return self.last

    @staticmethod
    def at(ms: int) -> int:
        """Return the number that separates the changes before `ms` from those after."""
        return ms << _CLOCK_BITS

    @staticmethod
    def ms(seq: int) -> int:
        """Return the lab time, in ms since the epoch, at which `seq` was given out."""
        return seq >> _CLOCK_BITS

    def record(self, entry: Entry, seq: int) -> None:
        """Move `entry` to the end of the log."""
        if entry.seq == 0:
            self._live += 1
        entry.seq = seq
        self._seqs.append(seq)
        self._entries.append(entry)
        if len(self._entries) > 2 * self._live + _COMPACT_AT:
            self._compact()

    def forget(self, entry: Entry) -> None:
        """Drop an entry for good: nobody holding a valid token needs to hear of it."""
        if entry.seq:
            entry.seq = 0
            self._live -= 1

    def after(self, seq: int) -> Iterator[Entry]:
        """Yield entries whose latest change came after `seq`, oldest first."""
        seqs, entries = self._seqs, self._entries
        for place in range(bisect_right(seqs, seq), len(entries)):
            entry = entries[place]
            if entry.seq == seqs[place]:
                yield entry

    def _compact(self) -> None:
        kept: list[Any] = [entry for entry, seq in zip(self._entries, self._seqs, strict=True) if entry.seq == seq]
        self._entries = kept
        self._seqs = array("Q", (entry.seq for entry in kept))
