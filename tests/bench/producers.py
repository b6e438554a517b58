"""How fast facts reach Kafka, and how fast a whole tenant does: `python -m tests.bench.producers [OBJECTS]`.

Prints facts/s through the publisher on both brokers (every page acknowledged before the next), and objects/s of
a full Graph pass without Kafka and onto the embedded broker; the lab's Graph runs in a process of its own.
"""

from __future__ import annotations

import contextlib
import resource
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import structlog

from deploy.broker import Broker, kafka, tansu
from producers import topics
from producers.graph.source import GraphSource
from producers.id_set import IdSet
from producers.publisher import KafkaPublisher, Publisher
from producers.runner import Runner
from streams.contracts.facts import Fact, ObjectKind, Operation, Origin
from streams.runtime.settings import KafkaSettings, TenantSettings
from tests.support.fake_kafka import FakeKafka, FakePublisher

ORIGIN = Origin(name="entra/bench", side="entra", tenant="bench")
TENANT = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"


def fact(number: int) -> Fact:
    name = f"given.family{number}@contoso.com"
    return Fact(
        op=Operation.READ,
        object_id=str(uuid.UUID(int=number * 0x9E3779B97F4A7C15F39CC0605CEDC835 % 2**128)),
        seq=number,
        ts_ms=1_793_456_789_000,
        kind=ObjectKind.USER,
        full=True,
        attributes={
            "userPrincipalName": name,
            "mail": name,
            "displayName": f"Given Family {number}",
            "proxyAddresses": [f"SMTP:{name}", f"smtp:u{number}@contoso.onmicrosoft.com"],
            "onPremisesImmutableId": "kCwabn1bOE+cIQpL430fVQ==",
            "onPremisesSyncEnabled": True,
            "onPremisesDistinguishedName": f"CN=Given Family {number},OU=Staff,DC=corp,DC=contoso,DC=com",
        },
    )


def publishing(name: str, start: Callable[[], contextlib.AbstractContextManager[Broker]], count: int) -> None:
    facts = [fact(number) for number in range(count)]
    with start() as broker:
        settings = KafkaSettings(bootstrap_servers=[broker.bootstrap])
        topics.create(settings)
        publisher = KafkaPublisher(settings, "bench")
        for page in (200, 1000):
            begun, cpu = time.perf_counter(), time.process_time()
            for start_at in range(0, count, page):
                publisher.publish_facts(ORIGIN, facts[start_at : start_at + page])
                publisher.flush()
            wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
            print(f"publish, {name}, pages of {page}: {count / wall:,.0f} facts/s, cpu {cpu / count * 1e6:.0f} us each")
        publisher.close()


class UntilIdle(GraphSource):
    """Stops its runner once everything has been read and verified."""

    stop: Callable[[], None]

    def wait(self, timeout_s: float) -> None:
        if self._collected:
            self.stop()
        super().wait(0.05)


@contextlib.contextmanager
def lab(objects: int, directory: Path) -> Iterator[TenantSettings]:
    command = [sys.executable, "-m", "tests.bench.producers_lab", str(objects), str(directory)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        yield TenantSettings(
            id=TENANT,
            authority=f"{url}/{TENANT}",
            graph_url=url,
            scope="https://graph.microsoft.com/.default",
            client_id="2c7e9a10-4b3d-4f68-8d21-a5c0e7b9f314",
            client_secret="lab-secret",
            ca_file=directory / "ca.pem",
        )
        process.kill()


def full_pass(name: str, settings: TenantSettings, publisher: Publisher, told: Callable[[], int]) -> None:
    source = UntilIdle(settings)
    runner = Runner(source, publisher, FakeKafka().ledger())
    source.stop = runner.stop
    begun, cpu = time.perf_counter(), time.process_time()
    runner.run()
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    count = told()
    print(
        f"full Graph pass, {name}: {count / wall:8,.0f} objects/s, cpu of the producer {cpu / count * 1e6:3.0f} us each"
    )


def known(count: int) -> None:
    ids = [fact(number).object_id for number in range(count)]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun = time.perf_counter()
    found = IdSet(ids)
    wall = time.perf_counter() - begun
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / count
    print(f"known ids: {count / wall:,.0f} additions/s, {grown:.0f} bytes an id at {len(found):,}")


def main(objects: int) -> None:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    known(1_000_000)
    publishing("embedded broker", tansu, 50_000)
    publishing("Apache Kafka", kafka, 50_000)
    with tempfile.TemporaryDirectory() as scratch, lab(objects, Path(scratch)) as settings:
        nowhere = FakeKafka()
        full_pass("no Kafka", settings, FakePublisher(nowhere), lambda: len({f.object_id for f in nowhere.facts}))
        with tansu() as broker:
            kafka_settings = KafkaSettings(bootstrap_servers=[broker.bootstrap])
            topics.create(kafka_settings)
            full_pass("embedded broker", settings, KafkaPublisher(kafka_settings, "bench"), lambda: objects * 19 // 20)
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"resident at most {resident:.0f} MiB, the facts of this program included")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40_000)
