"""A topic read whole, as the command line reads the findings."""

from __future__ import annotations

import pytest
from kafka import KafkaProducer

from deploy.broker import Broker
from producers.topics import create
from streams.agents.topic_reader import read_whole
from streams.contracts.errors import RetriableError
from streams.contracts.topics import FINDINGS
from streams.runtime.settings import KafkaSettings

pytestmark = pytest.mark.kafka


def test_every_record_of_every_partition_in_their_order_and_of_a_missing_topic_a_sentence(empty_kafka: Broker) -> None:
    kafka = KafkaSettings(bootstrap_servers=[empty_kafka.bootstrap], partitions=4)
    found: list[tuple[bytes | None, bytes | None]] = []
    with pytest.raises(RetriableError, match=r"there is no topic .*findings.*topics create"):
        read_whole(kafka, FINDINGS.name, lambda *record: found.append(record), stall_s=60)
    create(kafka)
    read_whole(kafka, FINDINGS.name, lambda *record: found.append(record), stall_s=60)
    assert found == []
    producer = KafkaProducer(bootstrap_servers=empty_kafka.bootstrap, acks="all")
    for number in range(3000):  # partition 3 stays empty
        value = b"%d" % number if number % 7 else None
        producer.send(FINDINGS.name, key=b"key-%d" % (number % 3), value=value, partition=number % 3)
    producer.close()
    read_whole(kafka, FINDINGS.name, lambda *record: found.append(record), stall_s=60)
    for partition in range(3):
        values = [value for key, value in found if key == b"key-%d" % partition]
        assert values == [b"%d" % number if number % 7 else None for number in range(partition, 3000, 3)]
