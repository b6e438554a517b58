"""Whether the topics have the partitions that the settings say: at the start, and while the worker runs.

A topic that got other partitions sends records to workers that hold other rows. Kafka allows it at any time
(`kafka-topics --alter`), so it is looked at again and again, not only once.
"""

from __future__ import annotations

from streams.agents.client import Producer, UnknownTopicError
from streams.contracts.errors import FatalError
from streams.contracts.topics import TOPICS
from streams.runtime.settings import KafkaSettings


class Layout:
    """The partitions of our topics, as `producer`'s client knows them."""

    def __init__(self, producer: Producer, kafka: KafkaSettings) -> None:
        self._producer = producer
        self._wanted = {topic.name: topic.partitions or kafka.partitions for topic in TOPICS}
        self._seen: list[str] = []

    async def require(self) -> None:
        """Return if all topics are as they must be. Raises FatalError."""
        found = {}
        for name in self._wanted:
            try:
                found[name] = len(await self._producer.partitions_for(name))
            except UnknownTopicError as error:
                raise FatalError(f"the topic {name} does not exist: run `synchealth topics create`") from error
        faults = self._faults(found)
        if faults:
            raise FatalError(
                f"topics are not as [kafka] partitions says: {'; '.join(faults)}. "
                "Run `synchealth topics create` before the first start; to change the number of partitions, "
                "delete all of them and start over"
            )

    async def look(self) -> None:
        """Raise FatalError where a topic has other partitions, and had them at the last look, too.

        One that is gone is being created again, or somebody else's to say.
        """
        await self._producer.client.force_metadata_update()
        cluster = self._producer.client.cluster
        found = {name: len(partitions) for name in self._wanted if (partitions := cluster.partitions_for_topic(name))}
        faults = self._faults(found)
        if faults and faults == self._seen:
            raise FatalError(
                f"partitions were changed while this worker ran: {'; '.join(faults)}. Records now meet workers that do "
                "not know their objects, so it stops. Partitions cannot be taken away again: delete all topics and "
                "start over, with the number in [kafka] partitions"
            )
        self._seen = faults

    def _faults(self, found: dict[str, int]) -> list[str]:
        return [
            f"{name} has {number} partitions, not {self._wanted[name]}"
            for name, number in found.items()
            if number != self._wanted[name]
        ]
