"""The rows an engine works on: one partition of a table, whoever keeps it."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Protocol


class Rows(Protocol):
    """One partition of a key-value table. Reads see earlier writes; nothing of another partition is reachable."""

    def get(self, key: str) -> bytes | None:
        """The value, or None."""

    def put(self, key: str, value: bytes | None) -> None:
        """Set the value; None deletes the row."""

    def items(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Every row whose key starts with `prefix`, in any order; the rows may change meanwhile."""

    def keys_after(self, key: str, most: int) -> list[str]:
        """The next keys behind `key` in their order, at most `most`; none at the end. One may be of a deleted row."""

    def about(self) -> int:
        """About how many rows there are."""


class MemoryRows:
    """Rows in a dict: for tests, the oracle's counterpart and batch use."""

    def __init__(self) -> None:
        self.rows: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        """The value, or None."""
        return self.rows.get(key)

    def put(self, key: str, value: bytes | None) -> None:
        """Set the value; None deletes the row."""
        if value is None:
            self.rows.pop(key, None)
        else:
            self.rows[key] = value

    def items(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Every row whose key starts with `prefix`."""
        return iter([(key, value) for key, value in self.rows.items() if key.startswith(prefix)])

    def keys_after(self, key: str, most: int) -> list[str]:
        """The next keys behind `key` in their order."""
        return heapq.nsmallest(most, (each for each in self.rows if each > key))

    def about(self) -> int:
        """How many rows there are."""
        return len(self.rows)
