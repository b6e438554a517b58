"""Workers as separate processes on a real broker: fed with facts, killed, and asked what they found."""

from __future__ import annotations

import signal
import time
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

from kafka import KafkaConsumer, KafkaProducer, TopicPartition

from producers.topics import create
from streams.contracts.codec import decode, encode
from streams.contracts.deadletter import DeadLetter
from streams.contracts.facts import Fact, FactChunk, Origin, TenantState, Watermark
from streams.contracts.finding import Finding
from streams.contracts.identity import partition_of
from streams.contracts.topics import AD_CHANGES, DEADLETTERS, ENTRA_CHANGES, ENTRA_TENANT, FINDINGS
from streams.runtime.settings import KafkaSettings
from tests.support.forked import ForkedWorker


class WorkerRig:
    """Topics on `bootstrap`, and workers by number. `extra`: lines for the settings file."""

    def __init__(
        self, bootstrap: str, folder: Path, *, store: str, partitions: int = 4, session_s: float = 3, extra: str = ""
    ) -> None:
        self.kafka = KafkaSettings(bootstrap_servers=[bootstrap], partitions=partitions)
        self.partitions = partitions
        self.config = folder / "settings.toml"
        self.config.write_text(
            f'[kafka]\nbootstrap_servers = ["{bootstrap}"]\npartitions = {partitions}\n'
            "[dead_letters]\nkeep_documents = true\n"
            f'[streams]\nstore = "{store}"\ndata_dir = "{folder}/data"\nsession_timeout_s = {session_s}\n'
            f"tick_interval_s = 0.5\nmetrics_port = 0\n{extra}"
        )
        self.folder = folder
        self.workers: dict[int, ForkedWorker] = {}
        create(self.kafka)
        self._connected: KafkaProducer | None = None
        self._marked: set[str] = set()

    def __enter__(self) -> WorkerRig:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number in list(self.workers):
            self.signal(number, signal.SIGKILL)
        self.disconnect()
        if error is not None:
            for log in sorted(self.folder.glob("worker-*.log")):
                print(f"--- {log.name}\n{log.read_text()[-6000:]}")

    @property
    def _producer(self) -> KafkaProducer:
        if self._connected is None:
            self._connected = KafkaProducer(bootstrap_servers=self.kafka.bootstrap_servers, acks="all", linger_ms=2)
        return self._connected

    def disconnect(self) -> None:
        """Have no connection of our own while the broker is away (kafka-python leaks sockets then)."""
        if self._connected is not None:
            self._connected.close()
            self._connected = None

    def start(self, number: int, prelude: str = "") -> None:
        """Start worker `number`; it finds what the last one of that number left on disk.

        `prelude`: Python that runs in the worker before it starts.
        """
        arguments = ["--config", str(self.config), "--worker", str(number)]
        self.workers[number] = ForkedWorker(arguments, self.folder / f"worker-{number}.log", prelude)

    def log(self, number: int) -> str:
        """What the workers of this number printed so far."""
        return (self.folder / f"worker-{number}.log").read_text()

    def signal(self, number: int, what: signal.Signals) -> int:
        """Signal worker `number` and wait for its end; the exit code."""
        process = self.workers.pop(number)
        process.send_signal(what)
        return process.wait(120)

    def keep_alive(self) -> list[int]:
        """What a supervisor does: start again who ended; the exit codes seen."""
        ended = {number: code for number, process in self.workers.items() if (code := process.poll()) is not None}
        for number in ended:
            self.start(number)
        return list(ended.values())

    def feed(self, facts: Iterable[tuple[Origin, Fact]]) -> None:
        """Publish facts in this order, chunked by partition as sources do."""
        chunks: dict[tuple[str, int, str], list[tuple[Origin, Fact]]] = defaultdict(list)
        for origin, fact in facts:
            topic = AD_CHANGES if origin.side == "ad" else ENTRA_CHANGES
            chunks[topic.name, partition_of(fact.object_id, self.partitions), origin.name].append((origin, fact))
        for (topic_name, partition, _), items in chunks.items():
            value = encode(FactChunk(origin=items[0][0], facts=[fact for _, fact in items]))
            key = items[0][1].object_id.encode()
            self._producer.send(topic_name, value=value, key=key, partition=partition)
            if items[0][0].side == "ad":
                self._mark(items[0][0])
        self._producer.flush()

    def tell(self, tenant: TenantState) -> None:
        """Publish a tenant's state; a collected one was read whole."""
        if tenant.collected:
            self._mark(Origin(name=f"entra/{tenant.tenant}", side="entra", tenant=tenant.tenant))
        self._producer.send(ENTRA_TENANT.name, value=encode(tenant), key=tenant.tenant.encode())
        self._producer.flush()

    def _mark(self, origin: Origin) -> None:
        if origin.name in self._marked:
            return
        self._marked.add(origin.name)
        topic = AD_CHANGES if origin.side == "ad" else ENTRA_CHANGES
        for partition in range(self.partitions):
            self._producer.send(
                topic.name, value=encode(Watermark(origin=origin, read_ms=1)), partition=partition
            )

    def raw(self, topic: str, value: bytes, partition: int = 0) -> None:
        """Publish anything."""
        self._producer.send(topic, value=value, key=b"raw", partition=partition)
        self._producer.flush()

    def findings(self) -> dict[str, Finding]:
        """The latest record of every finding."""
        found: dict[str, Finding] = {}
        for _, key, value in self._read(FINDINGS.name):
            if value is None:
                found.pop(key.decode(), None)
            else:
                found[key.decode()] = decode(value, Finding)
        return found

    def rows(self, topic: str) -> dict[str, bytes]:
        """What a table's changelog says, over all partitions."""
        rows: dict[str, bytes] = {}
        for _, key, value in self._read(topic):
            if value is None:
                rows.pop(key.decode(), None)
            elif not key.startswith(b"\0"):
                rows[key.decode()] = value
        return rows

    def dead_letters(self) -> list[DeadLetter]:
        """Every dead letter so far."""
        return [decode(value, DeadLetter) for _, _, value in self._read(DEADLETTERS.name)]

    def _read(self, topic: str) -> list[tuple[int, bytes, bytes | None]]:
        consumer = KafkaConsumer(bootstrap_servers=self.kafka.bootstrap_servers, auto_offset_reset="earliest")
        parts = [TopicPartition(topic, p) for p in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(parts)
        consumer.seek_to_beginning()
        ends = consumer.end_offsets(parts)
        records = []
        while any(consumer.position(part) < end for part, end in ends.items()):
            for batch in consumer.poll(timeout_ms=500).values():
                records += [(record.partition, record.key, record.value) for record in batch]
        consumer.close()
        return records


def wait_until(what: object, within_s: float, every_s: float = 0.5) -> bool:
    """Whether `what()` comes true within the time."""
    assert callable(what)
    deadline = time.monotonic() + within_s
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(every_s)
    return True
