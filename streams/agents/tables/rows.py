"""The rows an engine works on, over one table partition: read in bulk, written all or not at all."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from streams.agents.tables.table import TablePartition


class PartitionRows:
    """Implements `streams.directory.rows.Rows`. Writes wait until `keep` or `drop`; `flush` makes them last."""

    def __init__(self, table: TablePartition) -> None:
        self._table = table
        self._read: dict[str, bytes | None] = {}
        self._staged: dict[str, bytes | None] = {}

    def prefetch(self, keys: Iterable[str]) -> None:
        """Read these rows with one look into the store."""
        wanted = [key for key in dict.fromkeys(keys) if key not in self._read]
        self._read.update(zip(wanted, self._table.get_many([key.encode() for key in wanted]), strict=True))

    def get(self, key: str) -> bytes | None:
        """The value, or None."""
        if key in self._staged:
            return self._staged[key]
        if key not in self._read:
            self._read[key] = self._table.get(key.encode())
        return self._read[key]

    def put(self, key: str, value: bytes | None) -> None:
        """Set the value; None deletes the row. Raises InvalidRecordError if it is too large to keep."""
        self._table.admit(key.encode(), value)
        self._staged[key] = value

    def items(self, prefix: str) -> Iterator[tuple[str, bytes]]:
        """Every row whose key starts with `prefix`."""
        staged = {key: value for key, value in self._staged.items() if key.startswith(prefix)}
        for raw_key, value in self._table.scan(prefix.encode()):
            try:
                key = raw_key.decode()
            except UnicodeDecodeError:
                continue  # none of ours: somebody else wrote into the changelog
            if key not in staged:
                yield key, value
        for key, staged_value in staged.items():
            if staged_value is not None:
                yield key, staged_value

    def keys_after(self, key: str, most: int) -> list[str]:
        """The next keys behind `key` in their order, at most `most`; none at the end."""
        start = key.encode()
        while raw := self._table.keys_after(start, most):
            start, found = raw[-1], []
            for each in raw:
                with contextlib.suppress(UnicodeDecodeError):  # none of ours, as in `items`
                    found.append(each.decode())
            if found:
                staged = [each for each in self._staged if key < each <= found[-1]]
                return sorted({*found, *staged})[:most] if staged else found
        return sorted(each for each in self._staged if each > key)[:most]

    def about(self) -> int:
        """About how many rows there are."""
        return self._table.about()

    def keep(self) -> None:
        """Take the writes since the last `keep` or `drop` into the batch."""
        for key, value in self._staged.items():
            self._table.put(key.encode(), value)
            self._read[key] = value
        self._staged = {}

    def drop(self) -> None:
        """Forget the writes since the last `keep` or `drop`."""
        self._staged = {}

    async def flush(self) -> None:
        """Make what was kept last. Raises as `TablePartition.flush` does."""
        await self._table.flush()
        self._read.clear()
