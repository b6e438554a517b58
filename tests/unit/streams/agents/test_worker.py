"""What a worker opens at its start it closes, and what it writes is what its role may write."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from streams.agents import worker as module
from streams.agents.delivery.lanes import Record
from streams.agents.delivery.lease import Lease
from streams.agents.delivery.outbox import Outbox
from streams.agents.orders import order_again
from streams.agents.ticks import Ticker
from streams.agents.worker import Worker
from streams.contracts.deadletter import dead_letter
from streams.contracts.errors import FatalError
from streams.contracts.facts import Fact, Operation, Origin, TenantState, Watermark
from streams.contracts.topics import TOPICS
from streams.contracts.views import CauseUpdate, Contribution
from streams.runtime.settings import ForestSettings, Settings
from tests.support.words import body_of

TENANT = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"
SETTINGS = Settings(
    forest=[ForestSettings(name="a.example", tenant=TENANT, servers=["ldaps://dc"], bind_user="u", bind_password="x")]
)


class Producer:
    def __init__(self, partitions: int = 8) -> None:
        self.partitions, self.topics, self.stopped = partitions, set[str](), False

    async def partitions_for(self, topic: str) -> set[int]:
        single = any(each.partitions == 1 for each in TOPICS if each.name == topic)
        return set(range(1 if single else self.partitions))

    async def send(self, topic: str, *_: Any, **__: Any) -> asyncio.Future[None]:
        self.topics.add(topic)
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def send_and_wait(self, topic: str, *_: Any, **__: Any) -> None:
        self.topics.add(topic)

    async def flush(self) -> None: ...

    async def stop(self) -> None:
        self.stopped = True


class Reader:
    opened: list[Reader]

    def __init__(self) -> None:
        self.stopped = False
        self.opened.append(self)


class Member:
    """Delivers nothing."""

    async def commit(self, positions: Mapping[tuple[str, int], int]) -> bool:
        return True

    async def committed(self, topic: str, partitions: set[int]) -> Mapping[int, int]:
        return {}

    async def rewind(self, topic: str, partition: int, offset: int) -> None: ...

    def highwater(self, topic: str, partition: int) -> int | None:
        return None


def fresh(monkeypatch: pytest.MonkeyPatch, producer: Producer, unreachable: bool = False) -> Worker:
    @contextlib.asynccontextmanager
    async def new_reader(_kafka: object) -> AsyncIterator[Reader]:
        if unreachable:
            raise FatalError("gone")
        reader = Reader()
        try:
            yield reader
        finally:
            reader.stopped = True

    async def start_producer(_kafka: object, delivery_timeout_s: float) -> Producer:
        return producer

    Reader.opened = []
    monkeypatch.setattr(module, "new_reader", new_reader)
    monkeypatch.setattr(module, "start_producer", start_producer)
    return Worker(SETTINGS, Path("unused"), (), {}, lease=Lease(60), delivery=Member(), on_failure=pytest.fail)


async def test_what_was_opened_at_the_start_is_closed_at_the_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    producer = Producer()
    worker = fresh(monkeypatch, producer)
    await worker.stop()  # before it has started
    await worker.start()
    assert [each.stopped for each in Reader.opened] == [False] and not producer.stopped
    await worker.stop()
    assert [each.stopped for each in Reader.opened] == [True] and producer.stopped


@pytest.mark.parametrize(("partitions", "unreachable"), [(3, False), (8, True)])
async def test_a_start_that_fails_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch, partitions: int, unreachable: bool
) -> None:
    producer = Producer(partitions)
    with pytest.raises(FatalError):
        await fresh(monkeypatch, producer, unreachable).start()
    assert producer.stopped and all(each.stopped for each in Reader.opened)


async def test_a_worker_writes_to_the_topics_that_name_it(monkeypatch: pytest.MonkeyPatch) -> None:
    producer: Any = Producer()
    record = Record(TOPICS[0].name, 0, 0, b"k", b"v", 1)
    outbox = Outbox(producer, lambda: None, 8, "test", record)
    outbox.contributions([Contribution(view="user/t/a", contributor="x", seq=1, changed_ms=1, body=body_of({}))])
    for side in ("ad", "entra"):
        origin = Origin(name=side, side=side, tenant=TENANT, forest="a.example" if side == "ad" else None)
        outbox.fact(origin, Fact(op=Operation.READ, object_id="x", seq=1, ts_ms=1))
        outbox.watermark(Watermark(origin=origin, read_ms=1), 0)
    outbox.findings({"x": None})
    outbox.context(TenantState(tenant=TENANT, seq=1, ts_ms=1))
    outbox.causes([CauseUpdate(sent_ms=1, tenant=TENANT, detection="x", seq=1)])
    outbox.forget_past(["x"])
    outbox.dead(dead_letter("r", "e", stage="test", ts_ms=1, original=b""))
    await outbox.deliver()
    await Ticker(producer).tick({0: type("Views", (), {"ticked_ms": 0})()})
    for topic in TOPICS:
        await order_again(producer, SETTINGS, topic.name, 0, 0, 1)
    worker = fresh(monkeypatch, producer)
    await worker.start()
    written = producer.topics | set(worker._on.tables)
    await worker.stop()
    assert written == {topic.name for topic in TOPICS if "worker" in topic.writers}
