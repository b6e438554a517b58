"""Who holds which value: a compact index over all objects of a scan.

A scan cannot keep a million objects in memory to find two with one address. The index keeps 8 bytes per claim
(36 bits of hash beside 28 bits of object number, in 256 arrays chosen by 8 further bits) and sorts them once;
an object with a UPN, mail and two addresses claims about three values, so about 24 bytes. Hashes may meet by
chance (44 bits count), so whoever names a holder reads that object again and compares its claims; `Holdings`
does that.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator

from streams.contracts.errors import FatalError
from streams.hygiene.rules import Claim

_ORDINAL_BITS = 28
_ORDINALS = (1 << _ORDINAL_BITS) - 1
_HASH_MASK = (1 << 36) - 1
_BUCKETS = 256

MOST_NAMED = 50
"""How many other holders a fault names. All holders have a fault of their own, so all are named once."""


class ClaimIndex:
    """Collects claims while objects are read, then answers who claims what.

    Objects are numbered from 0 in reading order. Add everything, then `close`, then ask.
    """

    def __init__(self) -> None:
        self._buckets = [array("Q") for _ in range(_BUCKETS)]
        self._closed = False

    def add(self, ordinal: int, claims: Iterable[Claim]) -> None:
        """Enter the claims of object number `ordinal`.

        Raises FatalError beyond 268,435,455 objects.
        """
        if ordinal > _ORDINALS:
            raise FatalError(f"a scan holds at most {_ORDINALS} objects; scan one base at a time")
        buckets = self._buckets
        for claim in claims:
            number = hash(claim)
            buckets[number & 0xFF].append(((number >> 8) & _HASH_MASK) << _ORDINAL_BITS | ordinal)

    def close(self) -> None:
        """Sort. Costs time in proportion to the claims, and a short-lived copy of one 256th of them."""
        for index, bucket in enumerate(self._buckets):
            self._buckets[index] = array("Q", sorted(bucket))
        self._closed = True

    @property
    def size_bytes(self) -> int:
        """What the index holds in memory."""
        return sum(bucket.itemsize * len(bucket) for bucket in self._buckets)

    def contested_ordinals(self) -> Iterator[int]:
        """The numbers of all objects that share a claim with another (or claim one thing twice), repeatedly."""
        for bucket in self._buckets:
            before, before_hash = -1, -1
            for entry in bucket:
                entry_hash = entry >> _ORDINAL_BITS
                if entry_hash == before_hash:
                    yield before & _ORDINALS
                    yield entry & _ORDINALS
                before, before_hash = entry, entry_hash

    def ordinals_of(self, claim: Claim) -> Iterator[int]:
        """The numbers of the objects that claim this, ascending; rarely one more that does not."""
        if not self._closed:
            raise RuntimeError("close the index before asking")
        number = hash(claim)
        bucket = self._buckets[number & 0xFF]
        wanted = (number >> 8) & _HASH_MASK
        index = bisect_left(bucket, wanted << _ORDINAL_BITS)
        while index < len(bucket) and bucket[index] >> _ORDINAL_BITS == wanted:
            yield bucket[index] & _ORDINALS
            index += 1


class Holdings:
    """The index with names: reads an object again to confirm that it is a holder, and to give its DN.

    read: object number -> its DN and its claims.
    """

    def __init__(self, index: ClaimIndex, read: Callable[[int], tuple[str, frozenset[Claim]]]) -> None:
        self._index = index
        self._read = read
        self._known: dict[Claim, tuple[tuple[int, str], ...]] = {}

    def holders(self, claim: Claim) -> tuple[tuple[int, str], ...]:
        """(number, DN) of the first holders, ascending; at most MOST_NAMED + 1."""
        known = self._known.get(claim)
        if known is None:
            known = self._known_after_reading(claim)
        return known

    def _known_after_reading(self, claim: Claim) -> tuple[tuple[int, str], ...]:
        found: list[tuple[int, str]] = []
        for ordinal in self._index.ordinals_of(claim):
            if found and found[-1][0] == ordinal:
                continue
            dn, claims = self._read(ordinal)
            if claim in claims:
                found.append((ordinal, dn))
            if len(found) > MOST_NAMED:
                break
        if len(self._known) >= 4096:
            self._known.clear()
        self._known[claim] = tuple(found)
        return self._known[claim]


class SeenFrom:
    """Uniqueness as one object sees it. Make one per object and check.

    later_only: the first holder in reading order is not at fault; a second claim by one object is.
    """

    def __init__(self, holdings: Holdings, ordinal: int, *, later_only: bool) -> None:
        self._holdings = holdings
        self._ordinal = ordinal
        self._later_only = later_only
        self._claimed: set[Claim] = set()

    def contested(self, claim: Claim) -> tuple[str, ...] | None:
        """DNs of the other holders if this object's claim is at fault, else None."""
        repeated = claim in self._claimed
        self._claimed.add(claim)
        holders = self._holdings.holders(claim)
        others = tuple(dn for ordinal, dn in holders if ordinal != self._ordinal)[:MOST_NAMED]
        if self._later_only:
            is_later = bool(holders) and holders[0][0] < self._ordinal
            return others if is_later or repeated else None
        return others or None
