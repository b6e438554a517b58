"""A table of one worker: rows by partition, changelog in Kafka, a local store that never runs ahead.

Writes collect in an overlay. `flush` sends them to the changelog as batches, waits until they are
acknowledged, and only then writes them to the local store, together with the changelog offset. What a
crash leaves behind is therefore always something the changelog has.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from streams.agents.client import MAX_RECORD_BYTES, Producer
from streams.agents.tables.recovery import recover
from streams.agents.tables.store import RESERVED, Store
from streams.contracts.errors import FatalError, InvalidRecordError
from streams.runtime.settings import KafkaSettings


class TablePartition:
    """One partition of a table, owned by exactly one worker at a time."""

    def __init__(
        self, topic: str, partition: int, store: Store, producer: Producer, fence: Callable[[], None]
    ) -> None:
        self.partition = partition
        self._topic = topic
        self._store = store
        self._producer = producer
        self._fence = fence
        self._pending: dict[bytes, bytes | None] = {}

    def get(self, key: bytes) -> bytes | None:
        """The value of `key` with all writes so far; None where there is no row."""
        return self._pending[key] if key in self._pending else self._store.get_many([key])[0]

    def get_many(self, keys: Sequence[bytes]) -> list[bytes | None]:
        """Like `get`, for many keys with one look into the store."""
        if not self._pending:
            return self._store.get_many(keys)
        pending = self._pending
        stored = self._store.get_many(keys)
        return [pending.get(key, value) for key, value in zip(keys, stored, strict=True)]

    def put(self, key: bytes, value: bytes | None) -> None:
        """Write a row, or delete it (None). Lasting only after `flush`. Raises as `admit` does."""
        self.admit(key, value)
        self._pending[key] = value

    def admit(self, key: bytes, value: bytes | None) -> None:
        """Whether the row may be written at all.

        Raises InvalidRecordError("row_too_large") where no changelog record can carry it.
        """
        if key.startswith(RESERVED):
            raise ValueError(f"row keys do not start with {RESERVED!r}: {key!r}")
        if value is not None and len(key) + len(value) > MAX_RECORD_BYTES:
            raise InvalidRecordError(
                "row_too_large", f"the row {key[:200]!r} has {len(value)} bytes, more than {MAX_RECORD_BYTES}"
            )

    def scan(self, prefix: bytes = b"") -> Iterator[tuple[bytes, bytes]]:
        """Every row whose key starts with `prefix`, with all writes so far, in any order."""
        pending = {key: value for key, value in self._pending.items() if key.startswith(prefix)}
        for key, stored in self._store.scan(prefix):
            if key not in pending:
                yield key, stored
        for key, value in pending.items():
            if value is not None:
                yield key, value

    def keys_after(self, key: bytes, most: int) -> list[bytes]:
        """The next keys behind `key` in their order, all writes so far included; one may be of a deleted row."""
        stored = self._store.keys_after(key, most)
        last = stored[-1] if len(stored) == most else None
        written = [each for each in self._pending if each > key and (last is None or each <= last)]
        return sorted({*stored, *written})[:most] if written else stored

    def about(self) -> int:
        """About how many rows there are."""
        return self._store.about() + len(self._pending)

    def discard(self) -> None:
        """Forget what was written since the last flush."""
        self._pending = {}

    async def flush(self) -> None:
        """Make all writes last: changelog first, acknowledged, then the local store.

        Raises FatalError when this worker may no longer own the partition (the lease), and Kafka's
        error when the changelog does not take the writes; the local store is untouched then.
        """
        if not self._pending:
            return
        self._fence()
        pending, self._pending = self._pending, {}
        end = await self._append(pending)
        position = self._store.position()
        if position is None:
            raise FatalError(f"{self._topic}/{self.partition} was written before it was recovered")
        self._store.apply(pending, position._replace(next_offset=max(end, position.next_offset)))

    async def _append(self, pending: dict[bytes, bytes | None]) -> int:
        """Send the writes; return the offset after the last one (0 if the broker did not tell)."""
        sent: list[tuple[int, asyncio.Future[Any]]] = []
        batch, count = self._producer.create_batch(), 0
        for key, value in pending.items():
            if batch.append(key=key, value=value, timestamp=None) is None:
                sent.append((count, await self._send(batch)))
                batch, count = self._producer.create_batch(), 0
                if batch.append(key=key, value=value, timestamp=None) is None:
                    raise FatalError(f"{self._topic}: the row {key!r} fits no changelog batch")
            count += 1
        sent.append((count, await self._send(batch)))
        ends = [(await done).offset + count for count, done in sent]  # the answer is the base offset
        return int(max(ends))

    async def _send(self, batch: Any) -> asyncio.Future[Any]:
        batch.close()
        done: asyncio.Future[Any] = await self._producer.send_batch(batch, self._topic, partition=self.partition)
        return done


class Table:
    """The partitions of one table that this worker owns.

    new_store: makes the local store of a partition.
    fence:     raises FatalError when this worker may have lost its partitions.
    """

    def __init__(
        self,
        topic: str,
        kafka: KafkaSettings,
        producer: Producer,
        new_store: Callable[[int], Store],
        fence: Callable[[], None] = lambda: None,
    ) -> None:
        self.topic = topic
        self.recovered_records = 0
        self.recovery_seconds = 0.0
        self._kafka = kafka
        self._producer = producer
        self._new_store = new_store
        self._fence = fence
        self._stores: dict[int, Store] = {}

    async def open(self, partitions: set[int]) -> dict[int, TablePartition]:
        """Own exactly `partitions` from now on: close the others, catch up with the changelog.

        A partition that was ours before is caught up too: somebody else may have written in between.
        Raises FatalError when a partition cannot be recovered completely.
        """
        for partition in set(self._stores) - partitions:
            self._stores.pop(partition).close()
        for partition in partitions - set(self._stores):
            self._stores[partition] = self._new_store(partition)
        began = time.monotonic()
        if self._stores:
            self.recovered_records = await recover(self._kafka, self.topic, self._stores, self._producer)
        self.recovery_seconds = time.monotonic() - began
        return {
            partition: TablePartition(self.topic, partition, store, self._producer, self._fence)
            for partition, store in self._stores.items()
        }

    def close(self) -> None:
        """Close every local store."""
        for store in self._stores.values():
            store.close()
        self._stores = {}
