"""What is in a topic: every record of every partition up to its high watermark."""

from __future__ import annotations

import time
from typing import Any

from kafka import KafkaConsumer, TopicPartition

from streams.contracts.codec import decode
from streams.contracts.facts import Fact, FactChunk, Watermark


def records(bootstrap: str, topic: str, partitions: int) -> list[Any]:
    """All records of `topic`, partition by partition in order."""
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    found = []
    try:
        places = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        until = time.monotonic() + 180
        while any(consumer.highwater(p) is None or consumer.position(p) < consumer.highwater(p) for p in places):
            assert time.monotonic() < until, f"{topic} cannot be read to its end"
            for part in consumer.poll(timeout_ms=200).values():
                found += part
    finally:
        consumer.close()
    return found


def facts_in(bootstrap: str, topic: str, partitions: int) -> list[Fact]:
    """All facts of a topic in the order of their sequence numbers."""
    said = [decode(record.value, FactChunk | Watermark) for record in records(bootstrap, topic, partitions)]  # type: ignore[arg-type]
    facts = (fact for each in said if isinstance(each, FactChunk) for fact in each.facts)
    return sorted(facts, key=lambda fact: fact.seq)
