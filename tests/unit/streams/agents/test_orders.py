"""What is ordered again where records were deleted unread, and from whom."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, TopicAuthorizationFailedError
from structlog.testing import capture_logs

from streams.agents.orders import order_again, orders_for
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import decode
from streams.contracts.orders import Order, order_in
from streams.contracts.topics import AD_CHANGES, CHECKPOINTS, ENTRA_AUDITS, ENTRA_CHANGES, SERVER_EVENTS, VIEWS, Topic
from streams.runtime.settings import EventLogSettings, ForestSettings, Settings, TenantSettings

TENANT = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"
SETTINGS = Settings(
    forest=[
        ForestSettings(name=name, tenant=TENANT, servers=["ldaps://dc"], bind_user="u", bind_password="x")
        for name in ("a.example", "b.example")
    ],
    tenant=[TenantSettings(id=TENANT, client_id="c", client_secret="s")],
    eventlog=[
        EventLogSettings(name="servers", tenant=TENANT, format="winlogbeat", topics=["w"]),
        EventLogSettings(name="hub", tenant=TENANT, format="event_hub", topics=["h"]),
    ],
)
FORESTS = ["ad/a.example", "ad/b.example"]


@pytest.mark.parametrize(
    ("topic", "scopes"),
    [
        (AD_CHANGES, FORESTS),
        (ENTRA_CHANGES, [f"entra/{TENANT}#objects"]),
        (ENTRA_AUDITS, [f"entra/{TENANT}#logs", "eventlog/hub"]),
        (SERVER_EVENTS, ["eventlog/servers"]),
        (VIEWS, [*FORESTS, f"entra/{TENANT}#objects", f"entra/{TENANT}#logs", "eventlog/servers", "eventlog/hub"]),
    ],
    ids=lambda value: value.name if isinstance(value, Topic) else "",
)
def test_whoever_wrote_to_the_topic_tells_it_again(topic: Topic, scopes: list[str]) -> None:
    found = orders_for(SETTINGS, topic.name, 3, 10, 20)
    assert [order.scope for order in found] == scopes
    again = orders_for(SETTINGS, topic.name, 3, 10, 20)
    assert {order.id for order in found} == {order.id for order in again}, "the same gap is the same order"
    assert {order.id for order in orders_for(SETTINGS, topic.name, 4, 10, 20)}.isdisjoint(order.id for order in found)


class Producer:
    def __init__(self, error: Exception | None = None) -> None:
        self.sent: list[tuple[str, bytes, bytes, int]] = []
        self._error = error

    async def send_and_wait(self, topic: str, value: bytes, key: bytes, partition: int) -> None:
        if self._error is not None:
            raise self._error
        self.sent.append((topic, value, key, partition))


async def test_an_order_stands_under_the_key_of_its_scope() -> None:
    producer: Any = Producer()
    await order_again(producer, SETTINGS, ENTRA_CHANGES.name, 0, 10, 20)
    [(topic, value, key, partition)] = producer.sent
    assert (topic, key, partition) == (CHECKPOINTS.name, f"resync#entra/{TENANT}#objects".encode(), 0)
    order = order_in(decode(value, Checkpoint))
    assert isinstance(order, Order) and order.source == f"entra/{TENANT}" and "20 records" in order.why


async def test_a_worker_that_may_not_order_says_so_and_goes_on_and_one_without_kafka_does_not() -> None:
    forbidden: Any = Producer(TopicAuthorizationFailedError())
    with capture_logs() as logs:
        await order_again(forbidden, SETTINGS, AD_CHANGES.name, 0, 10, 20)
    assert [each["event"] for each in logs] == ["may_not_order"] * 2
    away: Any = Producer(KafkaConnectionError())
    with pytest.raises(KafkaConnectionError):
        await order_again(away, SETTINGS, AD_CHANGES.name, 0, 10, 20)
