"""Builds of Windows: from which on a computer joins by its own task. Pure."""

from __future__ import annotations

from streams.reference_data.table import Row, load


class Build(Row, frozen=True, kw_only=True):
    """One build."""

    build: int
    name: str
    joins: bool


TABLE = load("windows_builds", Build)
OLDEST_THAT_JOINS = min(row.build for row in TABLE.rows if row.joins)
