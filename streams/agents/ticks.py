"""Ticks: each worker sends time to the views partitions it owns, through the views topic itself."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from streams.agents.client import Producer
from streams.agents.evaluate import EvaluatePartition
from streams.contracts.codec import encode
from streams.contracts.topics import VIEWS
from streams.contracts.views import Tick
from streams.runtime.clock import now_ms

_RESEND_S = 10.0


class Ticker:
    """Sends one tick per partition and interval; holds back while the last one has not come back.

    A partition that works off a backlog has no use for ticks that queue behind it; after ten seconds
    one is sent all the same, should the last have been lost in a rebalance.
    """

    def __init__(self, producer: Producer) -> None:
        self._producer = producer
        self._sent: dict[int, tuple[int, float]] = {}

    async def tick(self, partitions: Mapping[int, EvaluatePartition]) -> None:
        """Send what is due now. Raises Kafka's error."""
        at_ms, at_s = now_ms(), time.monotonic()
        due = [number for number, views in partitions.items() if self._is_due(number, views.ticked_ms, at_s)]
        value = encode(Tick(now_ms=at_ms))
        waiting = [await self._producer.send(VIEWS.name, value, key=b"tick", partition=partition) for partition in due]
        for partition in due:
            self._sent[partition] = (at_ms, at_s)
        await asyncio.gather(*waiting)

    def forget(self) -> None:
        """What was sent went to partitions of an earlier assignment."""
        self._sent = {}

    def _is_due(self, partition: int, ticked_ms: int, at_s: float) -> bool:
        # Patience by a clock that nobody sets: one that was an hour ahead must not end the ticks for an hour.
        sent_ms, sent_s = self._sent.get(partition, (0, at_s))
        return sent_ms <= ticked_ms or at_s - sent_s >= _RESEND_S
