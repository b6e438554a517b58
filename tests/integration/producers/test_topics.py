"""Topics are created once, and what is wrong with them is said."""

from __future__ import annotations

import pytest
from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from deploy.broker import Broker
from producers import topics
from streams.contracts.topics import CHECKPOINTS, TOPICS
from streams.runtime.settings import KafkaSettings

pytestmark = pytest.mark.kafka


def test_topics_are_created_once_and_checked(empty_kafka: Broker) -> None:
    settings = KafkaSettings(bootstrap_servers=[empty_kafka.bootstrap], partitions=3)
    faults = topics.check(settings)
    assert len(faults) == len(TOPICS) and all("topics create" in fault for fault in faults)
    assert topics.create(settings) == [topic.name for topic in TOPICS]
    assert topics.create(settings) == [] and topics.check(settings) == []

    wider = KafkaSettings(bootstrap_servers=[empty_kafka.bootstrap], partitions=5, replication_factor=2)
    faults = topics.check(wider)
    assert any("has 3 partitions, not 5" in fault for fault in faults)
    assert any("has 1 replicas, not 2" in fault for fault in faults)


def test_a_topic_with_the_wrong_cleanup_is_reported(empty_kafka: Broker) -> None:
    settings = KafkaSettings(bootstrap_servers=[empty_kafka.bootstrap], partitions=3)
    admin = KafkaAdminClient(bootstrap_servers=empty_kafka.bootstrap)
    admin.create_topics([NewTopic(CHECKPOINTS.name, 1, 1)])
    admin.close()
    topics.create(settings)
    assert [fault for fault in topics.check(settings) if "cleanup.policy is delete, not compact" in fault]
