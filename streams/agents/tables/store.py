"""What a worker keeps locally of one table partition: rows, and how far into the changelog they reach.

Rows and position change together or not at all, so a killed worker restarts from a consistent earlier state.
"""

from __future__ import annotations

import bisect
import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol

from rocksdict import BlockBasedOptions, Cache, Options, Rdict, RdictIter, WriteBatch

from streams.contracts.errors import FatalError
from streams.runtime.logs import get_logger

log = get_logger(__name__)
RESERVED = b"\0"
"""No row key starts with this byte."""
_FIRST = b"\1"
"""Where keys of rows begin."""
_POSITION_KEY = RESERVED + b"position"
_MIB = 1024 * 1024
# A database that cannot be opened for one of these reasons is none the worse for it.
_NOT_THE_CONTENT = (
    "lock hold", "lock file", "No space left", "Permission denied", "Too many open files", "Read-only file system",
)  # fmt: skip
_CACHE = Cache(64 * _MIB)  # one for all partitions of the process

Writes = Mapping[bytes, bytes | None]
"""Key -> new value; None deletes."""


class StorePosition(NamedTuple):
    """How far a store has followed its changelog partition.

    next_offset: the first changelog offset that the rows do not contain.
    identity_offset, identity_id: where the partition's identity record stands and what it says
    (see streams.agents.tables.recovery): they tell this changelog from another of the same name.
    """

    next_offset: int
    identity_offset: int
    identity_id: bytes


class Store(Protocol):
    """The local copy of one table partition."""

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """The values of `keys`, in their order; None where there is no row."""

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """All rows whose key starts with `prefix`, in key order."""

    def keys_after(self, key: bytes, most: int) -> list[bytes]:
        """The next keys behind `key` in their order, at most `most`; their rows are not read."""

    def about(self) -> int:
        """About how many rows there are, without counting them."""

    def position(self) -> StorePosition | None:
        """How far the rows follow the changelog; None for an empty, unbound store."""

    def apply(self, writes: Writes, position: StorePosition) -> None:
        """Write rows and position atomically."""

    def clear(self) -> None:
        """Forget everything."""

    def close(self) -> None:
        """Let go of files and locks; the rows stay on disk where there is one."""


class MemoryStore:
    """Rows in a dict: rebuilt from the changelog at every start."""

    def __init__(self) -> None:
        self._rows: dict[bytes, bytes] = {}
        self._in_order: list[bytes] = []
        self._position: StorePosition | None = None

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See Store."""
        return list(map(self._rows.get, keys))

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See Store. Sorts the matching keys: meant for start-up, not for every tick."""
        for key in sorted(key for key in self._rows if key.startswith(prefix)):
            yield key, self._rows[key]

    def keys_after(self, key: bytes, most: int) -> list[bytes]:
        """See Store. Of the keys as they were when somebody began at the first."""
        if not key or not self._in_order:
            self._in_order = sorted(self._rows)
        at = bisect.bisect_right(self._in_order, key)
        found = self._in_order[at : at + most]
        if len(found) < most:
            self._in_order = []
        return found

    def about(self) -> int:
        """See Store."""
        return len(self._rows)

    def position(self) -> StorePosition | None:
        """See Store."""
        return self._position

    def apply(self, writes: Writes, position: StorePosition) -> None:
        """See Store."""
        rows = self._rows
        for key, value in writes.items():
            if value is None:
                rows.pop(key, None)
            else:
                # orjson and msgspec hand out bytes with spare room behind them; kept by the hundred
                # thousand they cost five times their length (826 against 161 MB for 200,000 rows).
                rows[key] = bytes(memoryview(value))
        self._position = position

    def clear(self) -> None:
        """See Store."""
        self._rows.clear()
        self._position = None

    def close(self) -> None:
        """See Store."""


class RocksStore:
    """Rows in RocksDB, one database per table partition.

    Raises FatalError when another process holds the database: every worker needs a data folder of its own; and where
    it finds that the database cannot be read, so that the next start builds it anew.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = self._open()

    def _open(self) -> Rdict:
        if self._marker.exists():
            self._set_aside("it was found corrupt while it was read")
        try:
            return Rdict(str(self._path), options=_options())
        except Exception as error:
            if any(words in str(error) for words in _NOT_THE_CONTENT):
                raise FatalError(
                    f"the table store {self._path} cannot be opened: {error}. "
                    "If another worker runs with the same data folder, give each its own"
                ) from error
            self._set_aside(str(error))
        try:
            return Rdict(str(self._path), options=_options())
        except Exception as error:
            raise FatalError(f"the table store {self._path} cannot be made: {error}") from error

    @property
    def _marker(self) -> Path:
        return self._path.with_name(f"{self._path.name}.corrupt-marker")

    def _set_aside(self, why: str) -> None:
        """The store is only a cache of its changelog: one that cannot be read is kept for a look, and built anew."""
        aside = self._path.with_name(f"{self._path.name}.corrupt")
        shutil.rmtree(aside, ignore_errors=True)
        if aside.is_file():
            aside.unlink()
        with contextlib.suppress(FileNotFoundError):
            self._path.rename(aside)
        self._marker.unlink(missing_ok=True)
        log.error("store_set_aside", store=str(self._path), aside=str(aside), why=why)

    def _broken(self, error: Exception) -> FatalError:
        """What reading or writing ran into. Where the content is at fault, the next start sets it aside."""
        if "Corruption" in str(error):
            self._marker.touch()
            return FatalError(
                f"the table store {self._path} is corrupt: {error}. "
                "The next start sets it aside and builds it anew from its changelog; check the disk"
            )
        return FatalError(f"the table store {self._path} cannot be used: {error}")

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """See Store."""
        try:
            found: list[bytes | None] = self._db.get(list(keys))
        except Exception as error:
            raise self._broken(error) from error
        return found

    def scan(self, prefix: bytes) -> Iterator[tuple[bytes, bytes]]:
        """See Store."""
        rows = self._db.iter()
        rows.seek(prefix or RESERVED)
        while rows.valid():
            key: bytes = rows.key()
            if not key.startswith(prefix):
                return
            if not key.startswith(RESERVED):
                yield key, rows.value()
            rows.next()
        self._require_whole(rows)

    def keys_after(self, key: bytes, most: int) -> list[bytes]:
        """See Store."""
        rows, found = self._db.iter(), list[bytes]()
        rows.seek(key + b"\0" if key else _FIRST)
        while len(found) < most and rows.valid():
            found.append(rows.key())
            rows.next()
        self._require_whole(rows)
        return found

    def about(self) -> int:
        """See Store."""
        return self._db.property_int_value("rocksdb.estimate-num-keys") or 0

    def _require_whole(self, rows: RdictIter) -> None:
        """An iterator ends where it cannot read on, and says so only here."""
        try:
            rows.status()
        except Exception as error:
            raise self._broken(error) from error

    def position(self) -> StorePosition | None:
        """See Store."""
        raw = self.get_many([_POSITION_KEY])[0]
        if raw is None:
            return None
        next_offset, identity_offset, identity_id = raw.split(b" ", 2)
        return StorePosition(int(next_offset), int(identity_offset), identity_id)

    def apply(self, writes: Writes, position: StorePosition) -> None:
        """See Store."""
        batch = WriteBatch(raw_mode=True)
        for key, value in writes.items():
            if value is None:
                batch.delete(key)
            else:
                batch.put(key, value)
        batch.put(_POSITION_KEY, b"%d %d %b" % position)
        try:
            self._db.write(batch)
        except Exception as error:
            raise self._broken(error) from error

    def clear(self) -> None:
        """See Store."""
        self._db.close()
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self._path)
        self._db = self._open()

    def close(self) -> None:
        """See Store."""
        self._db.close()


def _options() -> Options:
    options = Options(raw_mode=True)
    options.create_if_missing(True)
    options.set_write_buffer_size(8 * _MIB)
    options.set_max_write_buffer_number(2)
    options.set_max_open_files(128)
    options.set_keep_log_file_num(2)
    blocks = BlockBasedOptions()
    blocks.set_bloom_filter(10, block_based=False)
    blocks.set_block_cache(_CACHE)
    options.set_block_based_table_factory(blocks)
    return options
