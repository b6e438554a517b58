"""A cursor over a partition's rows: every key once, in order, whatever waits to be flushed."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from streams.agents.tables.rows import PartitionRows
from streams.agents.tables.store import MemoryStore, RocksStore, Store, StorePosition
from streams.agents.tables.table import TablePartition
from streams.directory.rows import MemoryRows, Rows

AT = StorePosition(1, 0, b"birth")


def walk(rows: Rows, most: int) -> list[str]:
    found: list[str] = []
    while keys := rows.keys_after(found[-1] if found else "", most):
        found += keys
    return found


@pytest.fixture(params=["memory", "rocksdb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return MemoryStore() if request.param == "memory" else RocksStore(tmp_path / "0")


def rows_over(store: Store) -> PartitionRows:
    return PartitionRows(TablePartition("rows", 0, store, cast(Any, SimpleNamespace()), lambda: None))


@pytest.mark.parametrize("most", [1, 3, 100])
def test_every_key_once_and_in_order(store: Store, most: int) -> None:
    store.apply({b"user/%03d" % number: b"x" for number in range(0, 60, 2)}, AT)
    rows = rows_over(store)
    for number in range(1, 60, 4):
        rows.put(f"user/{number:03}", b"waits to be flushed")
    rows.keep()
    for number in range(3, 60, 4):
        rows.put(f"user/{number:03}", b"waits to be kept")
    rows.put("user/zzz", b"behind all that is stored")
    assert walk(rows, most) == [*(f"user/{number:03}" for number in range(60)), "user/zzz"]


def test_what_is_not_ours_is_passed_over(store: Store) -> None:
    store.apply({b"a": b"1", b"b\xff": b"2", b"b\xff\xff": b"2", b"c": b"3"}, AT)
    assert walk(rows_over(store), 1) == ["a", "c"]


def test_rows_in_memory_alike() -> None:
    rows = MemoryRows()
    for key in ("b", "c", "a", "~due/a"):
        rows.put(key, b"x")
    assert walk(rows, 2) == ["a", "b", "c", "~due/a"]
    assert rows.about() == 4
