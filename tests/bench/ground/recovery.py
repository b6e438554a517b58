"""Table writes and recovery: rows per second into the changelog, and back.

python -m tests.bench.ground.recovery kafka 200000      (broker, rows of 300 bytes, 4 partitions)
"""

from __future__ import annotations

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

from streams.agents.client import start_producer
from streams.agents.tables.store import MemoryStore, RocksStore, Store
from streams.agents.tables.table import Table
from streams.runtime.settings import KafkaSettings
from tests.bench.ground.rig import broker, create

PARTITIONS, CHUNK = 4, 1000


async def probe(bootstrap: str, rows: int, folder: Path) -> None:
    """Write, recover into memory, recover into RocksDB, recover a tenth that is missing."""
    kafka = KafkaSettings(bootstrap_servers=[bootstrap])
    producer = await start_producer(kafka, delivery_timeout_s=30)
    chance = random.Random(1)

    def rocks(name: str) -> Table:
        return Table("rows", kafka, producer, lambda partition: RocksStore(folder / f"{name}-{partition}"))

    async def write(table: Table, first: int, count: int) -> float:
        parts = await table.open(set(range(PARTITIONS)))
        began = time.perf_counter()
        for start in range(first, first + count, CHUNK):
            part = parts[start // CHUNK % PARTITIONS]
            for number in range(start, start + CHUNK):
                part.put(b"object/%032d" % number, chance.randbytes(150).hex().encode())
            await part.flush()
        return count / (time.perf_counter() - began)

    def memory(_: int) -> Store:
        return MemoryStore()

    mine = rocks("mine")
    print(f"write, RocksDB, flush every {CHUNK} rows, acked: {await write(mine, 0, rows):,.0f} rows/s")
    mine.close()
    for name, table in (("memory", Table("rows", kafka, producer, memory)), ("RocksDB", rocks("theirs"))):
        await table.open(set(range(PARTITIONS)))
        rate = table.recovered_records / table.recovery_seconds
        print(f"recover into {name}: {table.recovered_records:,} in {table.recovery_seconds:.2f} s = {rate:,.0f}/s")
        if name == "RocksDB":
            await write(table, 0, rows // 10)
        table.close()
    again = rocks("mine")
    await again.open(set(range(PARTITIONS)))
    print(f"recover what RocksDB lacks: {again.recovered_records:,} in {again.recovery_seconds:.2f} s")
    again.close()
    await producer.stop()


def main(kind: str, rows: str) -> None:
    """Run on a fresh broker."""
    with broker(kind) as running, tempfile.TemporaryDirectory() as folder:
        create(running.bootstrap, ["rows"], PARTITIONS)
        asyncio.run(probe(running.bootstrap, int(rows), Path(folder)))


if __name__ == "__main__":
    main(*sys.argv[1:])
