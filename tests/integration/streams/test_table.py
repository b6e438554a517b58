"""Tables against real brokers: what was flushed comes back, exactly, whatever happened in between."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from deploy.broker import Broker
from streams.agents.client import start_producer
from streams.agents.tables.recovery import IDENTITY_KEY
from streams.agents.tables.store import MemoryStore, RocksStore, Store, StorePosition
from streams.agents.tables.table import Table
from streams.contracts.errors import FatalError, InvalidRecordError
from streams.runtime.settings import KafkaSettings

pytestmark = pytest.mark.kafka
PARTITIONS = 2


class Rig:
    """A broker, a fresh compacted topic, and tables on it."""

    def __init__(self, broker: Broker, producer: AIOKafkaProducer, kafka: KafkaSettings) -> None:
        self.broker, self.producer, self.kafka = broker, producer, kafka
        self.topic = f"table-{uuid.uuid4().hex[:8]}"
        self.create()

    def create(self, **config: str) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.broker.bootstrap)
        topic = NewTopic(
            name=self.topic,
            num_partitions=PARTITIONS,
            replication_factor=1,
            topic_configs={"cleanup.policy": "compact", **config},
        )
        admin.create_topics([topic])
        admin.close()

    def recreate(self, **config: str) -> None:
        admin = KafkaAdminClient(bootstrap_servers=self.broker.bootstrap)
        admin.delete_topics([self.topic])
        admin.close()
        for _ in range(50):
            try:
                return self.create(**config)
            except Exception:
                time.sleep(0.1)
        raise AssertionError("the topic could not be created again")

    def table(self, new_store: Callable[[int], Store], fence: Callable[[], None] = lambda: None) -> Table:
        return Table(self.topic, self.kafka, self.producer, new_store, fence)


@pytest.fixture
async def kafka_rig(kafka_broker: Broker) -> AsyncIterator[Rig]:
    async for rig in _rig(kafka_broker):
        yield rig


@pytest.fixture(params=["kafka_broker", "tansu_broker"])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    async for rig in _rig(request.getfixturevalue(request.param)):
        yield rig


async def _rig(broker: Broker) -> AsyncIterator[Rig]:
    settings = KafkaSettings(bootstrap_servers=[broker.bootstrap])
    producer = await start_producer(settings, delivery_timeout_s=10)
    yield Rig(broker, producer, settings)
    await producer.stop()


@pytest.fixture(params=["memory", "rocksdb"])
def new_store(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int], Store]:
    if request.param == "memory":
        return lambda _partition: MemoryStore()
    return lambda partition: RocksStore(tmp_path / f"rows-{partition}")


def content(table: Table) -> dict[int, dict[bytes, bytes]]:
    return {partition: dict(store.scan(b"")) for partition, store in table._stores.items()}


async def test_flushed_rows_and_deletes_return_after_a_restart(rig: Rig, new_store: Callable[[int], Store]) -> None:
    chance = random.Random(7)
    expected: dict[int, dict[bytes, bytes]] = {0: {}, 1: {}}
    for _restart in range(4):
        table = rig.table(new_store)
        parts = await table.open({0, 1})
        assert content(table) == expected
        for _chunk in range(12):
            part = parts[chance.randrange(2)]
            for _ in range(80):
                key = b"k%d" % chance.randrange(300)
                value = None if chance.random() < 0.3 else chance.randbytes(chance.randrange(1, 400))
                part.put(key, value)
                if value is None:
                    expected[part.partition].pop(key, None)
                else:
                    expected[part.partition][key] = value
            await part.flush()
        parts[0].put(b"k1", b"never flushed")
        table.close()
    table = rig.table(new_store)
    await table.open({0, 1})
    assert content(table) == expected
    table.close()


async def test_only_the_missing_part_is_replayed(rig: Rig, tmp_path: Path) -> None:
    def mine(partition: int) -> Store:
        return RocksStore(tmp_path / f"mine-{partition}")

    def theirs(partition: int) -> Store:
        return RocksStore(tmp_path / f"theirs-{partition}")

    table = rig.table(mine)
    part = (await table.open({0}))[0]
    for number in range(500):
        part.put(b"%d" % number, b"old")
    await part.flush()
    table.close()
    other = rig.table(theirs)
    part = (await other.open({0}))[0]
    assert other.recovered_records == 501
    for number in range(0, 500, 10):
        part.put(b"%d" % number, b"new" if number % 20 else None)
    await part.flush()
    expected = content(other)
    other.close()
    again = rig.table(mine)
    await again.open({0})
    assert again.recovered_records == 50
    assert content(again) == expected
    again.close()


async def test_a_partition_that_others_wrote_in_between_is_caught_up(rig: Rig) -> None:
    mine, theirs = rig.table(lambda _: MemoryStore()), rig.table(lambda _: MemoryStore())
    part = (await mine.open({0, 1}))[0]
    part.put(b"a", b"1")
    await part.flush()
    other = (await theirs.open({0}))[0]
    other.put(b"a", b"2")
    other.put(b"b", b"2")
    await other.flush()
    part = (await mine.open({0}))[0]
    assert part.get_many([b"a", b"b", b"c"]) == [b"2", b"2", None]
    assert set(mine._stores) == {0}


async def test_overlay_shows_unflushed_writes(rig: Rig) -> None:
    table = rig.table(lambda _: MemoryStore())
    part = (await table.open({0}))[0]
    part.put(b"a", b"1")
    await part.flush()
    part.put(b"a", None)
    part.put(b"b", b"2")
    assert part.get_many([b"a", b"b"]) == [None, b"2"]
    assert part.get(b"a") is None
    part.discard()
    assert part.get_many([b"a", b"b"]) == [b"1", None]


async def test_a_store_of_another_changelog_is_rebuilt(kafka_rig: Rig, tmp_path: Path) -> None:
    rig = kafka_rig

    def new_store(partition: int) -> Store:
        return RocksStore(tmp_path / f"rows-{partition}")

    for grown in (False, True):  # the new log is shorter, then longer than the store's position
        table = rig.table(new_store)
        part = (await table.open({0}))[0]
        for number in range(50):
            part.put(b"foreign%d-%d" % (grown, number), b"x")
        await part.flush()
        table.close()
        rig.recreate()
        fresh = rig.table(lambda _: MemoryStore())
        part = (await fresh.open({0}))[0]
        for number in range(200 if grown else 1):
            part.put(b"own%d" % number, b"y")
        await part.flush()
        table = rig.table(new_store)
        await table.open({0})
        assert content(table) == content(fresh)
        table.close()


async def test_a_compacted_changelog_with_gaps_is_replayed_to_its_end(kafka_rig: Rig, tmp_path: Path) -> None:
    rig = kafka_rig
    rig.recreate(**{"segment.ms": "100", "segment.bytes": "1048576", "delete.retention.ms": "0"})
    first = rig.table(lambda partition: RocksStore(tmp_path / f"rows-{partition}"))
    part = (await first.open({0}))[0]
    for turn in range(30):
        for number in range(20):
            part.put(b"%d" % number, b"%d" % turn if number % 3 else None)
        await part.flush()
        time.sleep(0.02)
        if turn == 15:
            first.close()  # its position falls into a gap
            stale, first = first, rig.table(lambda _: MemoryStore())
            part = (await first.open({0}))[0]
    second = rig.table(lambda _: MemoryStore())
    for _ in range(600):
        await second.open(set())
        await second.open({0})
        if second.recovered_records < 200:  # of 601 written
            break
        part.put(b"roll", b"%d" % time.time_ns())
        await part.flush()
        time.sleep(0.2)
    assert second.recovered_records < 200
    assert content(second)[0] == content(first)[0]
    await stale.open({0})
    assert content(stale) == content(second)
    stale.close()


async def test_a_flush_after_losing_the_lease_changes_nothing(rig: Rig) -> None:
    def lost() -> None:
        raise FatalError("stalled")

    table = rig.table(lambda _: MemoryStore(), lost)
    part = (await table.open({0}))[0]
    part.put(b"a", b"1")
    with pytest.raises(FatalError, match="stalled"):
        await part.flush()
    fresh = rig.table(lambda _: MemoryStore())
    await fresh.open({0})
    assert content(fresh) == {0: {}}


async def test_recovery_refuses_to_start_on_half_a_table(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    from streams.agents import topic_reader
    from streams.agents.tables import recovery

    async def never(*_: object) -> bool:
        return False

    monkeypatch.setattr(topic_reader, "at_end", never)
    with pytest.raises(FatalError, match="no progress"):
        await recovery.recover(rig.kafka, rig.topic, {0: MemoryStore()}, rig.producer, stall_s=0.5)


async def test_impossible_rows_are_refused(rig: Rig) -> None:
    part = (await rig.table(lambda _: MemoryStore()).open({0}))[0]
    with pytest.raises(InvalidRecordError, match="more than"):
        part.put(b"k", b"x" * (8 * 1024 * 1024))
    with pytest.raises(ValueError, match="row keys"):
        part.put(IDENTITY_KEY, b"x")


def test_a_rocksdb_folder_in_use_is_named(tmp_path: Path) -> None:
    first = RocksStore(tmp_path / "rows")
    first.apply({b"a": b"1"}, StorePosition(1, 0, b"id"))
    with pytest.raises(FatalError, match="give each its own"):
        RocksStore(tmp_path / "rows")
    first.close()
