"""Stock Faust against chunks, batches and a plain client: one hop of objects through a table.

    python -m tests.bench.ground.stock kafka 6000           (broker, objects of about 600 bytes)

stock:   one record per object, faust.Table (in memory), one send per object.
ours:    chunks of 250 objects, streams.agents.tables.table (in memory), consumed and sent by the same client.
plain:   the chunks, consumed and decoded, nothing kept.
"""

from __future__ import annotations

import asyncio
import sys
import time

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from kafka import KafkaConsumer, KafkaProducer

from streams.agents.client import start_producer
from streams.agents.tables.store import MemoryStore
from streams.agents.tables.table import Table
from streams.runtime.settings import KafkaSettings
from tests.bench.ground.rig import Workers, broker, create

PARTITIONS, CHUNK = 4, 250


def thing(number: int) -> dict[str, object]:
    """An object of about 600 bytes of JSON."""
    return {"id": f"{number:032d}", "seq": number, "attributes": {f"attribute{n}": f"{number:040d}" for n in range(9)}}


def stock(bootstrap: str, count: int) -> float:
    """Objects per second through a stock worker, counted at its output."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks=1, linger_ms=20)
    for number in range(count):
        producer.send("in", key=b"%d" % number, value=orjson.dumps(thing(number)))
    producer.flush()
    consumer = KafkaConsumer(
        "out", bootstrap_servers=bootstrap, auto_offset_reset="earliest", consumer_timeout_ms=60000
    )
    environment = {"PROBE_BOOTSTRAP": bootstrap, "PROBE_TABLE": "1", "PROBE_SESSION_S": "20"}
    with Workers("tests.bench.ground.echo_worker", environment) as workers:
        workers.start("w1")
        began = 0.0
        for seen, _ in enumerate(consumer, start=1):
            began = began or time.perf_counter()
            if seen == count:
                break
        took = time.perf_counter() - began
    consumer.close()
    producer.close()
    return count / took


async def ours(bootstrap: str, count: int, *, keep: bool) -> float:
    """Objects per second of the chunked, batched shape; `keep` False: consume and decode only."""
    kafka = KafkaSettings(bootstrap_servers=[bootstrap])
    producer = await start_producer(kafka, delivery_timeout_s=30)
    if keep:
        for start in range(0, count, CHUNK):
            value = orjson.dumps([thing(number) for number in range(start, start + CHUNK)])
            await producer.send_and_wait("chunks", value, partition=start // CHUNK % PARTITIONS)
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", group_id=None)
    await consumer.start()
    consumer.assign([TopicPartition("chunks", partition) for partition in range(PARTITIONS)])
    parts = await Table("rows", kafka, producer, lambda _: MemoryStore()).open(set(range(PARTITIONS)))
    done, began = 0, time.perf_counter()
    while done < count:
        for tp, records in (await consumer.getmany(timeout_ms=500)).items():
            for record in records:
                things = orjson.loads(record.value)
                done += len(things)
                if keep:
                    part = parts[tp.partition]
                    part.get_many([each["id"].encode() for each in things])
                    for each in things:
                        part.put(each["id"].encode(), orjson.dumps(each))
                    await producer.send_and_wait("chunks-out", orjson.dumps(things), partition=tp.partition)
                    await part.flush()
    took = time.perf_counter() - began
    await consumer.stop()
    await producer.stop()
    return count / took


def main(kind: str, objects: str) -> None:
    """Run all three on one broker."""
    count = int(objects) // CHUNK * CHUNK
    with broker(kind) as running:
        create(running.bootstrap, ["in", "out", "probe-counts-changelog", "chunks", "chunks-out", "rows"], PARTITIONS)
        slow = stock(running.bootstrap, count)
        fast = asyncio.run(ours(running.bootstrap, count * 5, keep=True))
        bare = asyncio.run(ours(running.bootstrap, count * 5, keep=False))
        print(f"{kind}: stock {slow:,.0f} | chunks and batches {fast:,.0f} | plain client {bare:,.0f} objects/s")
        print(f"chunks and batches / stock = {fast / slow:.1f}, chunks and batches / plain = {fast / bare:.2f}")


if __name__ == "__main__":
    main(*sys.argv[1:])
