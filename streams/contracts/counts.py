"""How many views stand somewhere: the name of a count in stored rows, and what the tenant's view is told of it.

Two written forms, both older than this module and both read here alone: "<subject>\\t<tenant>\\t<toward>\\t<label>…" in
rows, "<subject>/<label>/…" in a contribution to the view that a count is told to.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

_IN_ROWS, _TOLD = "\t", "/"


@dataclass(frozen=True, slots=True, order=True)
class Count:
    """One view stands here.

    subject: the family of counts (a file of streams.measures.counts); labels: its labels after the tenant, in order.
    toward:  the key of the view that is told the sum; "": nobody but the metrics.
    """

    subject: str
    tenant: str
    labels: tuple[str, ...]
    toward: str = ""

    @property
    def name(self) -> str:
        """As it stands in rows. A tab within a label becomes a space: it would make two labels of one."""
        return _IN_ROWS.join(
            (self.subject, self.tenant, self.toward, *(each.replace("\t", " ") for each in self.labels))
        )

    @classmethod
    def read(cls, name: str) -> Count:
        """The count behind a name in rows. Raises ValueError if it is none."""
        subject, tenant, toward, *labels = name.split(_IN_ROWS)
        return cls(subject, tenant, tuple(labels), toward)

    @property
    def told(self) -> TenantCount:
        """What the view that it is told to knows of it."""
        return TenantCount(self.subject, self.labels)


class TenantCount(NamedTuple):
    """A count as the tenant's view knows it; the first label of what counts objects is their forest, or "none"."""

    subject: str
    labels: tuple[str, ...]

    @property
    def name(self) -> str:
        """As it stands in a contribution. Labels of what is told hold no slash: forests, kinds, states, properties."""
        return _TOLD.join((self.subject, *self.labels))

    @classmethod
    def read(cls, name: str) -> TenantCount:
        """What a contribution names so."""
        subject, *labels = name.split(_TOLD)
        return cls(subject, tuple(labels))


@lru_cache(maxsize=8192)  # few names for many views
def name_of(subject: str, tenant: str, labels: tuple[str, ...], toward: str) -> str:
    """The name of a count, see Count."""
    return Count(subject, tenant, labels, toward).name


def numbers_for_views(counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """View that is told -> name -> how many, of counts by their names in rows."""
    told: dict[str, dict[str, int]] = {}
    for name, number in counts.items():
        count = Count.read(name)
        if count.toward:
            told.setdefault(count.toward, {})[count.told.name] = number
    return told


def summed_numbers(bodies: Iterable[Mapping[str, int]]) -> dict[TenantCount, int]:
    """The sums of what several partitions told, by name; without zeros."""
    total: dict[str, int] = {}
    for body in bodies:
        for name, number in body.items():
            total[name] = total.get(name, 0) + int(number)
    return {TenantCount.read(name): number for name, number in sorted(total.items()) if number}
