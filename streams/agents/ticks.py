"""Ticks: each worker sends time to the views partitions it owns, through the views topic itself."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from aiokafka import AIOKafkaProducer

from streams.agents.evaluate import EvaluatePartition
from streams.contracts.codec import encode
from streams.contracts.topics import VIEWS
from streams.contracts.views import Tick
from streams.runtime.clock import now_ms

_RESEND_MS = 10_000


class Ticker:
    """Sends one tick per partition and interval; holds back while the last one has not come back.

    A partition that works off a backlog has no use for ticks that queue behind it; after ten seconds
    one is sent all the same, should the last have been lost in a rebalance.
    """

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self._producer = producer
        self._sent_ms: dict[int, int] = {}

    async def tick(self, partitions: Mapping[int, EvaluatePartition]) -> None:
        """Send what is due now. Raises Kafka's error."""
        at_ms = now_ms()
        due = [
            partition
            for partition, views in partitions.items()
            if self._sent_ms.get(partition, 0) <= max(views.ticked_ms, at_ms - _RESEND_MS)
        ]
        value = encode(Tick(now_ms=at_ms))
        waiting = [await self._producer.send(VIEWS.name, value, key=b"tick", partition=partition) for partition in due]
        for partition in due:
            self._sent_ms[partition] = at_ms
        await asyncio.gather(*waiting)
