"""Sets of object ids: compact in memory, and kept in checkpoint parts as a short log.

A snapshot cannot say what has gone; the difference between what was known and what was seen can.
A plain set of strings would take five times the memory, and one big record per page in Kafka.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from streams.contracts.checkpoint import Checkpoint

_ID_BYTES = 16
# A segment is rewritten as it grows; past this many entries the next one begins (about 24 kB of JSON).
_SEGMENT_ENTRIES = 1024
_ENTRY_BYTES = 1 + _ID_BYTES
_ADDED, _REMOVED = 0, 1
_NUMBER = re.compile("0|[1-9][0-9]{0,11}")


class IdSet:
    """A set of GUIDs at about 25 bytes each (a million of them): up to 65,536 buckets of joined 16-byte ids."""

    def __init__(self, ids: Iterable[str] = ()) -> None:
        self._buckets: dict[int, bytes] = {}
        self._size = 0
        for object_id in ids:
            self.add(object_id)

    def add(self, object_id: str) -> bool:
        """Add a dashed GUID; True if it was not there. Raises ValueError if it is not a GUID."""
        raw = _raw(object_id)
        at = _bucket(raw)
        bucket = self._buckets.get(at, b"")
        if _find(bucket, raw) >= 0:
            return False
        self._buckets[at] = bucket + raw
        self._size += 1
        return True

    def discard(self, object_id: str) -> bool:
        """Remove a dashed GUID; True if it was there."""
        raw = _raw(object_id)
        at = _bucket(raw)
        bucket = self._buckets.get(at, b"")
        found = _find(bucket, raw)
        if found < 0:
            return False
        self._buckets[at] = bucket[:found] + bucket[found + _ID_BYTES :]
        self._size -= 1
        return True

    def clear(self) -> None:
        """Forget all."""
        self._buckets = {}
        self._size = 0

    def difference(self, other: IdSet) -> Iterator[str]:
        """The ids of this set that `other` lacks, bucket by bucket; both may change between two of them."""
        for at in list(self._buckets):
            mine, theirs = self._buckets.get(at, b""), other._buckets.get(at, b"")
            if mine != theirs:
                yield from (_dashed(raw) for raw in _split(mine) if _find(theirs, raw) < 0)

    def __contains__(self, object_id: object) -> bool:
        try:
            raw = _raw(str(object_id))
        except ValueError:
            return False  # no id is in here that is none
        return _find(self._buckets.get(_bucket(raw), b""), raw) >= 0

    def __iter__(self) -> Iterator[str]:
        for bucket in list(self._buckets.values()):
            yield from map(_dashed, _split(bucket))

    def __len__(self) -> int:
        return self._size


class DurableIdSet(IdSet):
    """An IdSet that survives a restart: `changes()` goes into a Batch, `restore()` takes it back.

    Saved as a log of additions and removals in segments, so that a change costs one short record whatever
    the size of the set. source, part: the record keys are "<source>#<part>/<segment>".

    Two ways to save: `changes()` before the position, where a set that is ahead of its position does no harm
    (a kill between any two of the records replays to the set before or after). Or `segments()`, then the
    position with `mark` in it, then `deletions()`: `restore` with that mark gives exactly the set of then. What a
    kill left beyond the mark stays in the log and is reversed by entries behind it: until a position is saved, each
    restart finds it again; from that position on, none does.
    """

    def __init__(self, source: str, part: str) -> None:
        super().__init__()
        self._source = source
        self._part = part
        self.damaged = False  # something of what was saved could not be restored
        self._first = self._next = 0  # the segments of the log: _first … _next - 1
        self._handed = 0  # no segment from this one on was handed out, so that its number can be given anew
        self._open: bytearray | None = None  # entries of segment _next - 1: a kind byte and an id each
        self._logged = 0  # entries in all segments
        self._dirty: dict[int, bytearray] = {}  # in the order in which they must be saved; empty: delete

    def add(self, object_id: str) -> bool:
        """As IdSet.add, and noted for the next `changes()`."""
        new = super().add(object_id)
        if new:
            self._note(_ADDED, object_id)
        return new

    def discard(self, object_id: str) -> bool:
        """As IdSet.discard, and noted for the next `changes()`."""
        gone = super().discard(object_id)
        if gone:
            self._note(_REMOVED, object_id)
        return gone

    def clear(self) -> None:
        """Forget all, and delete the saved segments before anything is added."""
        super().clear()
        self._dirty = self._leave_log()

    @property
    def mark(self) -> list[int]:
        """Where the log stands: its first segment, the one after its last, and the entries of the last."""
        return [self._first, self._next, len(self._open or b"") // _ENTRY_BYTES]

    def changes(self, seq: int, ts_ms: int) -> list[Checkpoint]:
        """The parts that differ from what was last handed out, in the order in which they must reach Kafka."""
        self._shorten()
        dirty, self._dirty, self._handed = self._dirty, {}, self._next
        return [self._part_of(number, entries, seq, ts_ms) for number, entries in dirty.items()]

    def segments(self, seq: int, ts_ms: int) -> list[Checkpoint]:
        """Of `changes()`, the parts that must precede the position."""
        self._shorten()
        dirty = {number: entries for number, entries in self._dirty.items() if entries}
        self._dirty = {number: entries for number, entries in self._dirty.items() if not entries}
        self._handed = self._next
        return [self._part_of(number, entries, seq, ts_ms) for number, entries in dirty.items()]

    def deletions(self, seq: int, ts_ms: int) -> list[Checkpoint]:
        """Of `changes()`, the parts that no position needs once the new one is saved; call it after `segments()`."""
        dirty, self._dirty = self._dirty, {}
        return [self._part_of(number, entries, seq, ts_ms) for number, entries in dirty.items()]

    def restore(self, checkpoints: Iterable[Checkpoint], mark: Sequence[int] | None = None) -> list[str]:
        """Take back the saved parts, as far as `mark` says; those of others are ignored.

        Returns the ids that were added beyond the mark and were not there: emitted, but in no saved position.
        A part that is not readable is left out, and `damaged` says so: what is known is not all that was told then.
        """
        prefix = f"{self._part}/"
        logs: dict[int, bytes] = {}
        self.damaged = False
        for saved in checkpoints:
            if saved.source == self._source and saved.part.startswith(prefix) and saved.position:
                named, log = saved.part.removeprefix(prefix), _log_of(saved.position)
                if _NUMBER.fullmatch(named):  # else none of ours
                    self.damaged |= log is None
                    logs[int(named)] = log or b""
        super().clear()
        first, following, entries_of_last = mark or (min(logs, default=0), max(logs, default=-1) + 1, None)
        if not set(range(first, min(following, first + len(logs) + 1))) <= logs.keys():
            self.damaged = True
        if self.damaged:
            self._begin_anew(logs)
            return []
        self._begin_log(first)
        beyond = b""
        while self._next < following or self._next in logs:
            entries, number = logs.pop(self._next), self._next
            self._next = self._handed = number + 1
            self._open = bytearray(entries)
            end = len(entries)
            if entries_of_last is not None and number >= following - 1:
                end = entries_of_last * _ENTRY_BYTES if number == following - 1 else 0
            self._replay(entries[:end])
            beyond += entries[end:]
        beyond += b"".join(entries for number, entries in sorted(logs.items()) if number >= following)
        self._dirty = {number: bytearray() for number in logs}
        there = {object_id: object_id in self for _, object_id in _entries(beyond)}
        self._replay(beyond)
        for object_id, was_there in there.items():
            (self.add if was_there else self.discard)(object_id)
        return [object_id for kind, object_id in _entries(beyond) if kind == _ADDED and not there[object_id]]

    def _begin_anew(self, logs: Mapping[int, bytes]) -> None:
        """Keep what can be read of a damaged log, in a new one behind it."""
        for _, entries in sorted(logs.items()):
            self._replay(entries)
        self._begin_log(max(logs, default=-1) + 1)
        for object_id in self:
            self._note(_ADDED, object_id)
        self._dirty |= {number: bytearray() for number in logs}

    def _replay(self, entries: bytes) -> None:
        for kind, object_id in _entries(entries):
            if kind == _ADDED:
                super().add(object_id)
            else:
                super().discard(object_id)
        self._logged += len(entries) // _ENTRY_BYTES

    def _part_of(self, number: int, entries: bytes | bytearray, seq: int, ts_ms: int) -> Checkpoint:
        position = {"log": base64.b64encode(entries).decode("ascii")} if entries else {}
        return Checkpoint(source=self._source, part=f"{self._part}/{number}", seq=seq, ts_ms=ts_ms, position=position)

    def _begin_log(self, at: int) -> None:
        """Begin an empty log whose first segment will be number `at`."""
        self._first = self._next = self._handed = at
        self._open, self._logged, self._dirty = None, 0, {}

    def _leave_log(self) -> dict[int, bytearray]:
        """Begin an empty log behind all that was handed out; returns the deletions of the old one.

        Segments that were never handed out leave no gap in the numbers, for `restore` reads on up to the first gap.
        """
        pending = [number for number, entries in self._dirty.items() if not entries]
        old = {number: bytearray() for number in (*pending, *range(self._first, self._handed))}
        self._begin_log(self._handed)
        return old

    def _note(self, kind: int, object_id: str) -> None:
        if self._open is None or len(self._open) >= _SEGMENT_ENTRIES * _ENTRY_BYTES:
            self._open = bytearray()
            self._next += 1
        self._open.append(kind)
        self._open += _raw(object_id)
        self._logged += 1
        self._dirty[self._next - 1] = self._open

    def _shorten(self) -> None:
        """Where the log has grown long, begin a new one of additions only; the old one is deleted once it stands."""
        if self._logged <= 4 * len(self) + 4 * _SEGMENT_ENTRIES:
            return
        old = self._leave_log()
        for object_id in self:
            self._note(_ADDED, object_id)
        self._dirty |= old


class GoneIds:
    """The ids that were emitted as gone, the latest of them: at least `most`, and less than twice as many.

    Two sets take turns. An ordered reading tells them again, for a directory shows what there is and not what went.
    """

    def __init__(self, source: str, part: str, most: int = 50_000) -> None:
        self._most = most
        self._now, self._earlier = (DurableIdSet(source, f"{part}-{name}") for name in ("a", "b"))

    def add(self, object_id: str) -> None:
        """Remember a dashed GUID."""
        self._now.add(object_id)
        if len(self._now) >= self._most:
            self._earlier.clear()
            self._now, self._earlier = self._earlier, self._now

    def changes(self, seq: int, ts_ms: int) -> list[Checkpoint]:
        """As DurableIdSet.changes; what was cleared goes first: a kill in between leaves one full set at most."""
        return [*self._now.changes(seq, ts_ms), *self._earlier.changes(seq, ts_ms)]

    def restore(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Take back the saved parts; what cannot be read is forgotten. The earlier set is the full one, or empty."""
        saved = list(checkpoints)
        for each in (self._now, self._earlier):
            each.restore(saved)
        if len(self._now) >= self._most or (not len(self._now) and len(self._earlier) < self._most):
            self._now, self._earlier = self._earlier, self._now

    def __iter__(self) -> Iterator[str]:
        yield from self._earlier
        yield from self._now

    def __len__(self) -> int:
        return len(self._earlier) + len(self._now)


def _log_of(position: Mapping[str, Any]) -> bytes | None:
    """The entries of a saved part; None if that is not what stands there."""
    try:
        log = base64.b64decode(position["log"], validate=True)
    except (KeyError, TypeError, ValueError):
        return None
    return None if len(log) % _ENTRY_BYTES else log


def _entries(log: bytes) -> Iterator[tuple[int, str]]:
    return ((log[at], _dashed(log[at + 1 : at + _ENTRY_BYTES])) for at in range(0, len(log), _ENTRY_BYTES))


def _raw(object_id: str) -> bytes:
    raw = bytes.fromhex(object_id.replace("-", ""))
    if len(raw) != _ID_BYTES:
        raise ValueError(f"{object_id!r} is not a GUID")
    return raw


def _dashed(raw: bytes) -> str:
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _bucket(raw: bytes) -> int:
    # The last bytes: of all GUID versions these are the most random ones.
    return int.from_bytes(raw[14:], "big")


def _find(bucket: bytes, raw: bytes) -> int:
    """Where `raw` stands in the bucket, on a multiple of 16; -1 if nowhere."""
    at = bucket.find(raw)
    while at > 0 and at % _ID_BYTES:
        at = bucket.find(raw, at + 1)
    return at


def _split(bucket: bytes) -> Iterator[bytes]:
    return (bucket[at : at + _ID_BYTES] for at in range(0, len(bucket), _ID_BYTES))
