"""Where the partitions of a worker go on, asked of the broker by fetching.

Not by ListOffsets (streams.runtime.topic_reader), and not by trusting the consumer's own position: after a rebalance
Faust drops what was fetched and seeks back to the committed offset, but aiokafka's seek_to_committed does nothing where
nothing is committed yet, and the dropped records are lost (measured: one run in eight of the convergence test lost
facts until lanes checked for themselves).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping

from streams.agents.delivery.protocols import Delivery
from streams.agents.topic_reader import reading
from streams.runtime.settings import KafkaSettings

_PEEK_BYTES = 1024


class LogPositions:
    """Positions (streams.agents.delivery.lanes): what a member of the group knows, and what the log says.

    tell_again: see Positions.
    """

    def __init__(
        self, kafka: KafkaSettings, delivery: Delivery, order_again: Callable[[str, int, int, int], Awaitable[None]]
    ) -> None:
        self._kafka = kafka
        self._delivery = delivery
        self._order_again = order_again

    async def committed(self, topic: str, partitions: set[int]) -> Mapping[int, int]:
        """See Positions."""
        return await self._delivery.committed(topic, partitions)

    async def rewind(self, topic: str, partition: int, offset: int) -> None:
        """See Positions."""
        await self._delivery.rewind(topic, partition, offset)

    async def order_again(self, topic: str, partition: int, first: int, records: int) -> None:
        """See Positions."""
        await self._order_again(topic, partition, first, records)

    async def first_available(self, topic: str, offsets: Mapping[int, int]) -> dict[int, int]:
        """See Positions. An offset outside the log (cut off by retention, or of an earlier topic of the same name)
        leads to the first record there is. Raises FatalError when Kafka does not answer.
        """
        found: dict[int, int] = {}
        async with reading(self._kafka, topic, offsets, fetch_bytes=_PEEK_BYTES) as log:
            while steps := await log.next():
                for step in steps:
                    if step.records or step.at_end:
                        found[step.partition] = step.records[0].offset if step.records else step.next_offset
                        log.done(step.partition)
        return found
