"""Loads a table of `streams.reference_data` and checks it: shape, dates, and that each row has a source. Pure.

A table that is wrong is a fault of the program as it was shipped, so it stops the import of whoever needs it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Generic, TypeVar

import msgspec

OUTDATED_AFTER_DAYS = 183


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every row says of itself. source: a name in the table's `sources`; as_of: only where it is not the table's.

    confirmed: whether the publisher says so itself; what is only reported is shown as such and decides little.
    """

    source: str
    as_of: date | None = None
    confirmed: bool = True


R = TypeVar("R", bound=Row)


class Table(msgspec.Struct, Generic[R], frozen=True, forbid_unknown_fields=True):
    """One table. as_of: when it was last compared with its sources."""

    as_of: date
    sources: dict[str, str]
    rows: tuple[R, ...]


def load(name: str, row: type[R]) -> Table[R]:
    """The table in `<name>.toml`. Raises ValueError, naming the table, for one that is not as it must be."""
    return read(name, files(__package__).joinpath(f"{name}.toml").read_bytes(), row)


def read(name: str, raw: bytes, row: type[R]) -> Table[R]:
    """The table in `raw`; see `load`."""
    try:
        table: Table[R] = msgspec.toml.decode(raw, type=Table[row])  # type: ignore[valid-type]
    except msgspec.DecodeError as error:
        raise ValueError(f"reference table {name}: {error}") from error
    unknown = sorted({each.source for each in table.rows} - table.sources.keys())
    if unknown:
        raise ValueError(f"reference table {name}: no source is called {', '.join(unknown)}")
    if not table.rows:
        raise ValueError(f"reference table {name}: it has no rows")
    return table


def start_ms(day: date) -> int:
    """When a day begins, UTC (ms)."""
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp() * 1000)


def outdated(tables: Iterable[tuple[str, date]], now_ms: int) -> list[tuple[str, date]]:
    """Those of the tables, each with its `as_of`, that were last compared more than half a year before `now_ms`."""
    return [(name, as_of) for name, as_of in tables if now_ms > start_ms(as_of) + OUTDATED_AFTER_DAYS * 86_400_000]
