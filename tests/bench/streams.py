"""Objects per second through project and evaluate, memory per identity, and restart time.

    python -m tests.bench.streams [--objects 40000] [--workers 1,2] [--store rocksdb] [--broker kafka]

One AD user of about 600 bytes makes four contributions: its own view, its reference view, two addresses.
The yardstick in the same run is a plain consumer that reads the same fact and contribution records and
decodes them with orjson. Everything (broker, workers, this program) shares the machine's cores.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import socket
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path

import orjson
from kafka import KafkaConsumer, TopicPartition

from deploy.broker import kafka, tansu
from streams.contracts.codec import encode
from streams.contracts.facts import Fact, FactChunk, ObjectKind, Operation, Origin
from streams.contracts.identity import partition_of
from streams.contracts.topics import AD_CHANGES, VIEWS
from tests.e2e.worker_rig import WorkerRig
from tests.support.forked import ForkedWorker

TENANT = "11111111-2222-3333-4444-555555555555"
ORIGIN = Origin(name="ad/corp", side="ad", tenant=TENANT, forest="corp")
CHUNK = 250


def users(count: int) -> Iterator[Fact]:
    """AD users as a first DirSync pass tells them."""
    for number in range(count):
        yield Fact(
            op=Operation.READ,
            object_id=str(uuid.UUID(int=(number * 0x9E3779B97F4A7C15F39CC0605CEDC835) % (1 << 128))),
            seq=(1_790_000_000_000 << 12) + number,
            ts_ms=1_790_000_000_000,
            kind=ObjectKind.USER,
            full=True,
            attributes={
                "distinguishedName": f"CN=User {number},OU=Department {number % 40},OU=People,DC=corp,DC=local",
                "objectSid": f"S-1-5-21-1004336348-1177238915-682003330-{number + 1000}",
                "sAMAccountName": f"user{number}",
                "displayName": f"User Number {number}",
                "userPrincipalName": f"user.number{number}@contoso.com",
                "mail": f"user.number{number}@contoso.com",
                "proxyAddresses": [f"SMTP:user.number{number}@contoso.com", f"smtp:u{number}@contoso.com"],
                "userAccountControl": 512,
                "whenCreated": "2024-03-01T08:00:00.000Z",
            },
        )


def publish(rig: WorkerRig, count: int) -> int:
    """Write the users in chunks; the mean bytes per object."""
    waiting: dict[int, list[Fact]] = {}
    size = 0

    def send(partition: int, facts: list[Fact]) -> int:
        value = encode(FactChunk(origin=ORIGIN, facts=facts))
        rig._producer.send(AD_CHANGES.name, value=value, key=facts[0].object_id.encode(), partition=partition)
        return len(value)

    for fact in users(count):
        partition = partition_of(fact.object_id, rig.partitions)
        waiting.setdefault(partition, []).append(fact)
        if len(waiting[partition]) == CHUNK:
            size += send(partition, waiting.pop(partition))
    for partition, facts in waiting.items():
        size += send(partition, facts)
    rig._producer.flush()
    return size // count


def plain(bootstrap: str, topics: list[str]) -> tuple[int, float]:
    """Items read and seconds taken by a plain consumer that decodes every record."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest", fetch_max_bytes=8 << 20)
    parts = [TopicPartition(t, p) for t in topics for p in consumer.partitions_for_topic(t) or ()]
    consumer.assign(parts)
    consumer.seek_to_beginning()
    ends = consumer.end_offsets(parts)
    items, began = 0, time.perf_counter()
    while any(consumer.position(part) < end for part, end in ends.items()):
        for records in consumer.poll(timeout_ms=500).values():
            for record in records:
                document = orjson.loads(record.value)
                items += len(document.get("facts") or document.get("items") or ())
    took = time.perf_counter() - began
    consumer.close()
    return items, took


def gauge(port: int, name: str) -> float:
    """The sum of a metric's samples over its labels; 0 where the worker does not answer yet."""
    try:
        text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    except OSError:
        return 0.0
    return sum(float(v) for v in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.M))


def free_ports(count: int) -> int:
    """The first of `count` consecutive free ports."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            first = int(probe.getsockname()[1])
        if first + count < 65000:
            return first


def rss_mb(process: ForkedWorker) -> float:
    """Resident memory of a process, MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", status)[0]) / 1024


def measure(kind: str, workers: int, objects: int, store: str) -> None:
    """One run on a fresh broker."""
    broker = kafka(heap="768m") if kind == "kafka" else tansu()
    with broker as running, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        port = free_ports(workers)
        os.environ["SYNCHEALTH_STREAMS__METRICS_PORT"] = str(port)
        with WorkerRig(running.bootstrap, Path(scratch), store=store, partitions=8, session_s=20) as rig:
            per_object = publish(rig, objects)
            for number in range(workers):
                rig.start(number)
            ports = [port + number for number in range(workers)]

            def total(name: str) -> float:
                return sum(gauge(each, name) for each in ports)

            facts, contributions = "synchealth_streams_facts_total", "synchealth_streams_contributions_total"
            while total(facts) == 0:
                time.sleep(0.02)
                rig.keep_alive()
            began = time.perf_counter()
            before = [rss_mb(process) for process in rig.workers.values()]
            cpu = -sum(sum(os_times(process)) for process in rig.workers.values())
            while total(contributions) < 4 * objects:
                time.sleep(0.1)
                assert not rig.keep_alive(), (Path(scratch) / "worker-0.log").read_text()[-3000:]
            took = time.perf_counter() - began
            after = [rss_mb(process) for process in rig.workers.values()]
            cpu += sum(sum(os_times(process)) for process in rig.workers.values())
            ours = objects / took
            time.sleep(2)
            items, plain_s = plain(running.bootstrap, [AD_CHANGES.name, VIEWS.name])
            yard = objects / plain_s
            growth = (sum(after) - sum(before)) / objects * 100_000
            print(
                f"{kind} {store} workers={workers}: {ours:,.0f} objects/s ({took:.1f} s, worker cpu {cpu:.1f} s = "
                f"{cpu / objects * 1e6:.0f} us/object, "
                f"{per_object} B/object, {items / objects:.1f} records/object) | plain consumer + orjson "
                f"{yard:,.0f} objects/s | ratio {ours / yard:.3f} | RSS {sum(after):.0f} MB, "
                f"+{growth:.0f} MB per 100,000 identities"
            )
            if workers == 1:
                rig.signal(0, signal.SIGKILL)
                began = time.perf_counter()
                rig.start(0)
                while total("synchealth_streams_partitions") < 24:
                    time.sleep(0.05)
                print(
                    f"  restart after SIGKILL to recovered: {time.perf_counter() - began:.1f} s "
                    f"({total('synchealth_streams_recovered_records'):,.0f} changelog records replayed)"
                )


def os_times(process: ForkedWorker) -> tuple[float, float]:
    """User and system seconds of a process."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    tick = os.sysconf("SC_CLK_TCK")
    return int(fields[11]) / tick, int(fields[12]) / tick


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=40_000)
    parser.add_argument("--workers", default="1,2")
    parser.add_argument("--store", default="rocksdb")
    parser.add_argument("--broker", default="kafka")
    options = parser.parse_args()
    print(f"python {sys.version.split()[0]}, {os.cpu_count()} cores, {options.objects:,} objects")
    for workers in options.workers.split(","):
        measure(options.broker, int(workers), options.objects, options.store)


if __name__ == "__main__":
    main()
