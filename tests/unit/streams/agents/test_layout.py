"""Topics that get other partitions while a worker runs."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.errors import UnknownTopicOrPartitionError

from streams.agents.delivery.layout import Layout
from streams.contracts.errors import FatalError
from streams.contracts.topics import CHECKPOINTS, DEADLETTERS, TOPICS, VIEWS
from streams.runtime.settings import KafkaSettings


class Cluster:
    """What the layout asks of aiokafka's producer, its client and its cluster, in one."""

    def __init__(self) -> None:
        self.counts = {topic.name: topic.partitions or 2 for topic in TOPICS}
        self.client = self.cluster = self
        self.asked = 0

    async def force_metadata_update(self) -> None:
        self.asked += 1

    def partitions_for_topic(self, name: str) -> set[int] | None:
        return set(range(self.counts[name])) if name in self.counts else None

    async def partitions_for(self, name: str) -> set[int]:
        if name not in self.counts:
            raise UnknownTopicOrPartitionError
        return set(range(self.counts[name]))


async def test_partitions_that_were_added_are_noticed_and_named() -> None:
    cluster: Any = Cluster()
    layout = Layout(cluster, KafkaSettings(partitions=2))
    await layout.require()
    for _ in range(3):
        await layout.look()
    cluster.counts[VIEWS.name] = 3
    await layout.look()  # it may be a moment's
    with pytest.raises(FatalError, match=rf"{VIEWS.name} has 3 partitions, not 2"):
        await layout.look()
    assert cluster.asked == 5
    with pytest.raises(FatalError, match="has 3 partitions, not 2"):
        await layout.require()


async def test_a_topic_that_an_older_version_did_not_have_is_named() -> None:
    cluster: Any = Cluster()
    del cluster.counts[VIEWS.name]
    with pytest.raises(FatalError, match=rf"{VIEWS.name} does not exist: run `synchealth topics create`"):
        await Layout(cluster, KafkaSettings(partitions=2)).require()


async def test_a_topic_that_is_created_again_ends_nobody() -> None:
    cluster: Any = Cluster()
    layout = Layout(cluster, KafkaSettings(partitions=2))
    for name in (VIEWS.name, CHECKPOINTS.name, DEADLETTERS.name):
        count = cluster.counts.pop(name)
        await layout.look()
        await layout.look()
        cluster.counts[name] = count
        await layout.look()
