"""Faust's Kafka transport with the two things it does not let us set: the fetch wait and the heartbeat's echo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import OffsetAndMetadata
from faust.transport.drivers import aiokafka as driver

from streams.agents.delivery.lease import Lease

# Faust asks the broker to hold a fetch for 1500 ms. Apache Kafka answers as soon as there is data;
# Tansu holds it to the end (measured: 0.4 s per hop at the median).
_FETCH_WAIT_MS = 100


class _ConsumerThread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MS  # noqa: SLF001
        return consumer

    async def on_start(self) -> None:
        await super().on_start()
        lease: Lease = self.transport.lease
        lease.watch(self._consumer._coordinator)  # noqa: SLF001

    async def _commit(self, offsets: Mapping[Any, int]) -> bool:
        """Commit; False where the group has moved on, which Faust takes for a crash (a partition that was revoked
        between its question what is assigned and the commit). The next owner starts at what was committed before.
        """
        assigned = self.assignment()
        ours = {TopicPartition(tp.topic, tp.partition): offset for tp, offset in offsets.items() if tp in assigned}
        try:
            if ours:
                await self._ensure_consumer().commit({tp: OffsetAndMetadata(each, "") for tp, each in ours.items()})
        except (CommitFailedError, IllegalStateError):
            return False
        return len(ours) == len(offsets)

    async def committed(self, parts: list[Any]) -> dict[Any, int | None]:
        """The group's committed offsets of these partitions, asked of the broker."""
        return dict(await self.call_thread(self._committed, parts))

    async def _committed(self, parts: list[Any]) -> dict[Any, int | None]:
        return {part: await self._consumer.committed(part) for part in parts}


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> _ConsumerThread:
        return _ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    async def committed(self, parts: list[Any]) -> dict[Any, int | None]:
        """The group's committed offsets of these partitions."""
        found: dict[Any, int | None] = await self._thread.committed(parts)
        return found


class LeasedTransport(driver.Transport):
    """Consumes for an app while telling `lease` of every answered heartbeat."""

    Consumer = _Consumer

    def __init__(self, urls: Any, app: Any, lease: Lease) -> None:
        super().__init__(urls, app)
        self.lease = lease
