"""A local store is a cache: one that cannot be read is set aside by itself, and nothing else is thrown away."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from streams.agents.tables.store import RocksStore, StorePosition
from streams.contracts.errors import FatalError

HERE = StorePosition(7, 0, b"birth")


def _filled(path: Path) -> None:
    store = RocksStore(path)
    for number in range(200):
        store.apply({b"%d" % key: b"x" * 500 for key in range(number * 100, number * 100 + 100)}, HERE)
    store._db.flush()
    store.close()


def _empty_current(path: Path) -> None:
    (path / "CURRENT").write_bytes(b"")


def _no_manifest(path: Path) -> None:
    next(path.glob("MANIFEST-*")).unlink()


def _flipped(pattern: str) -> Callable[[Path], None]:
    def flip(path: Path) -> None:
        for file in path.glob(pattern):
            content = bytearray(file.read_bytes())
            for at in range(0, len(content), 97):
                content[at] ^= 0xFF
            file.write_bytes(content)

    return flip


@pytest.mark.parametrize(
    "harm",
    [_empty_current, _no_manifest, _flipped("MANIFEST-*"), _flipped("*.sst"), _flipped("CURRENT")],
    ids=["empty CURRENT", "no MANIFEST", "MANIFEST", "tables", "CURRENT"],
)
def test_a_store_that_cannot_be_read_is_built_anew_at_the_latest_after_a_restart(
    tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    path = tmp_path / "0"
    _filled(path)
    harm(path)
    for _ in range(2):
        try:
            store = RocksStore(path)
            if store.position() is None:
                break
            list(store.scan(b""))
            store.get_many([b"%d" % key for key in range(20_000)])
        except FatalError:
            continue  # the worker ends, and is started again
    else:
        store = RocksStore(path)
    assert store.position() is None  # empty: everything comes from the changelog
    store.apply({b"a": b"b"}, HERE)
    assert list(store.scan(b"")) == [(b"a", b"b")]
    store.close()
    assert (tmp_path / "0.corrupt").is_dir()
    again = RocksStore(path)
    assert again.position() == HERE
    again.close()


def test_a_store_that_another_process_holds_is_not_thrown_away(tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "0")
    store.apply({b"a": b"b"}, HERE)
    with pytest.raises(FatalError, match="another worker"):
        RocksStore(tmp_path / "0")
    assert store.get_many([b"a"]) == [b"b"]
    store.close()
    assert not (tmp_path / "0.corrupt").exists()


def test_scan_finds_what_begins_so(tmp_path: Path) -> None:
    store = RocksStore(tmp_path / "0")
    store.apply({b"a/1": b"1", b"a/2": b"2", b"b/1": b"3"}, HERE)
    assert list(store.scan(b"a/")) == [(b"a/1", b"1"), (b"a/2", b"2")]
    assert [key for key, _ in store.scan(b"")] == [b"a/1", b"a/2", b"b/1"]
    store.close()
