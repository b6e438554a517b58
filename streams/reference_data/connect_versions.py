"""Versions of Entra Connect: what is wrong with one, from the table of releases. Pure.

A version that the table does not name is judged by its number; one newer than all is not judged at all.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from streams.reference_data.table import Row, load, start_ms


class VersionFault(StrEnum):
    """What may be wrong with a version, the gravest first."""

    UNSUPPORTED = "unsupported"  # its support has ended, or it may not synchronise from a day on that is set
    WITHDRAWN = "withdrawn"  # Microsoft took it back
    VULNERABLE = "vulnerable"  # it has a published vulnerability


class Release(Row, frozen=True, kw_only=True):
    """One statement about one release; see the table."""

    version: str
    released: date | None = None
    ends: date | None = None
    withdrawn: bool = False
    fixes: str | None = None
    required_from: date | None = None


@dataclass(frozen=True, slots=True)
class VersionStatus:
    """What the table says of a version at a time.

    faults:   the gravest first; empty: nothing is known against it.
    blocked:  Entra ID does not let it synchronise any more.
    required: the version that is, or will be, the oldest that may synchronise, and from when; None: no day is set.
    reported: the same, as it is reported but not confirmed; for people only.
    ended:    the day on which its support ended or will end.
    fixed_in: the first release without the newest vulnerability that this one has, and that vulnerability's name.
    next_ms:  when another day of the table comes that changes this.
    """

    faults: tuple[VersionFault, ...]
    blocked: bool
    required: tuple[str, date] | None
    reported: tuple[str, date] | None
    ended: date | None
    fixed_in: tuple[str, str] | None
    next_ms: int | None


TABLE = load("connect_versions", Release)
_Number = tuple[int, ...]


def number_of(text: object) -> _Number | None:
    """2.5.79.0 -> (2, 5, 79, 0); None for anything else."""
    parts = text.split(".") if isinstance(text, str) else []
    good = len(parts) > 1 and all(part.isascii() and part.isdecimal() for part in parts)
    return tuple(map(int, [*parts, "0", "0"]))[: max(4, len(parts))] if good else None


def standing_of(text: object, now_ms: int) -> VersionStatus | None:
    """What is known against the version `text`; None where it is none."""
    number = number_of(text)
    if number is None:
        return None
    required = _next_floor(number, now_ms, confirmed=True)
    reported = _next_floor(number, now_ms, confirmed=False)
    ended = _end_of(number)
    fixed_in = _fix_of(number)
    faults = []
    if required or (ended and start_ms(ended) <= now_ms):
        faults.append(VersionFault.UNSUPPORTED)
    if any(row.withdrawn and _number(row) == number for row in TABLE.rows):
        faults.append(VersionFault.WITHDRAWN)
    if fixed_in:
        faults.append(VersionFault.VULNERABLE)
    days = [required[1] if required else None, reported[1] if reported else None, ended]
    coming = [start_ms(day) for day in days if day and start_ms(day) > now_ms]
    blocked = required is not None and start_ms(required[1]) <= now_ms
    return VersionStatus(tuple(faults), blocked, required, reported, ended, fixed_in, min(coming, default=None))


def newest() -> str:
    """The newest release that the table knows."""
    return max(TABLE.rows, key=_number).version


def _next_floor(number: _Number, now_ms: int, *, confirmed: bool) -> tuple[str, date] | None:
    """The floor above `number`: of those whose day has come the highest, else the one that comes first."""
    floors = [
        (row.version, row.required_from)
        for row in TABLE.rows
        if row.required_from and row.confirmed is confirmed and number < _number(row)
    ]
    reached = [floor for floor in floors if start_ms(floor[1]) <= now_ms]
    if reached:
        return max(reached, key=lambda floor: number_of(floor[0]) or ())
    return min(floors, key=lambda floor: floor[1], default=None)


def _end_of(number: _Number) -> date | None:
    """The end of the newest release that is no newer than `number`, if that release's end is known.

    Older than all that are known: it ended no later than the oldest of them. Between two: no later than the newer one.
    """
    ends = sorted((_number(row), row.ends) for row in TABLE.rows if row.ends)
    if not ends or number > ends[-1][0]:
        return None
    return next(end for version, end in ends if number <= version)


def _fix_of(number: _Number) -> tuple[str, str] | None:
    fixes = [(row.version, row.fixes) for row in TABLE.rows if row.fixes and number < _number(row)]
    return max(fixes, key=lambda fix: number_of(fix[0]) or (), default=None)


def _number(row: Release) -> _Number:
    found = number_of(row.version)
    if found is None:
        raise ValueError(f"reference table connect_versions: {row.version!r} is no version")
    return found


for _row in TABLE.rows:
    _number(_row)
