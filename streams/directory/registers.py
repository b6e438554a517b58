"""Last-write-wins registers: what directories say of an object in parts, repeated and out of order.

A register is a value and the sequence number of the statement that set it; merging keeps the newer one. Merging is
commutative, associative and idempotent as long as one number stands for one statement. Where it does not, because
numbers were lowered to their arrival's (streams.agents.plausible), the one that is merged later wins: the log's order.
Source: Shapiro et al., "A comprehensive study of Convergent and Commutative Replicated Data Types" (INRIA RR-7506,
2011), the LWW-Register of section 3.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

NO_STATEMENT = -1
"""The base of a map of which nothing complete was said; below every sequence number."""


Register = tuple[T, int]
"""A value and the sequence number that set it. A plain tuple: a fold makes half a dozen of them."""


def merge(one: Register[T], other: Register[T]) -> Register[T]:
    """The newer of two registers; `other`, where both are as new."""
    return other if other[1] >= one[1] else one


class RegisterMap(NamedTuple):
    """A register for every name there is.

    values: name -> value, where one is set.
    seqs:   name -> seq, where newer than `base`; a name that was unset stays here.
    base:   seq of the newest complete statement: every register is at least that new.
    """

    values: dict[str, Any]
    seqs: dict[str, int]
    base: int

    @classmethod
    def stated(cls, values: Mapping[str, Any], seq: int, *, complete: bool) -> RegisterMap:
        """What one statement says. values: name -> value, None: unset; complete: all other names are unset, too."""
        standing = dict(values)
        if None in values.values():
            standing = {name: value for name, value in values.items() if value is not None}
        return cls(standing, {}, seq) if complete else cls(standing, dict.fromkeys(values, seq), NO_STATEMENT)

    def merge(self, other: RegisterMap) -> RegisterMap:
        """Of every name the newer register; that of `other`, where both are as new."""
        base = max(self.base, other.base)
        if other.base < self.base:
            values, seqs = dict(self.values), dict(self.seqs)
        else:
            seqs = {name: seq for name, seq in self.seqs.items() if seq > base}
            if not seqs:  # nothing here is newer
                return other
            values = {name: self.values[name] for name in seqs if name in self.values}
        for name in other.values.keys() | other.seqs.keys() if other.seqs else other.values:
            seq = other.seqs.get(name, other.base)
            if seq < seqs.get(name, base):
                continue
            if name in other.values:
                values[name] = other.values[name]
            else:
                values.pop(name, None)
            if seq > base:
                seqs[name] = seq
        return RegisterMap(values, seqs, base)


def merge_bases(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """Of every name the higher number. Names that are not there have the number of "*", or 0."""
    of_one, of_other = one.get("*", 0), other.get("*", 0)
    return {name: max(one.get(name, of_one), other.get(name, of_other)) for name in {**one, **other}}


def base_of(bases: Mapping[str, int], name: str) -> int:
    """The number of one name: the seq below which nothing said about it counts any more."""
    return bases.get(name, bases.get("*", 0))
