"""An installation that follows its sources, as a command sees it in Kafka: their words, and a group's positions."""

from __future__ import annotations

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.structs import OffsetAndMetadata

from sinks.freshness_source import WORKED_OFF
from streams.contracts.checkpoint import contact_record
from streams.contracts.codec import encode
from streams.contracts.topics import CHECKPOINTS, VIEWS
from streams.contracts.views import Tick
from streams.runtime.clock import now_ms
from tests.support.prometheus import until

GROUP = "synchealth"


def follow(
    bootstrap: str, *sources: str, ago_s: float = 0.0, phase: str = "streaming", done: int = 3, whole_ms: int = 0
) -> None:
    """Each source says that it was in contact so long ago, and when its first reading came to its end."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    for source in sources:
        word = contact_record(
            source, contact_ms=now_ms() - int(ago_s * 1000), ts_ms=now_ms(), phase=phase, done=done, whole_ms=whole_ms
        )
        producer.send(CHECKPOINTS.name, key=f"contact#{source}".encode(), value=encode(word), partition=0)
    producer.flush()
    producer.close()


def work_off(bootstrap: str) -> None:
    """The workers' group gives its partitions the time, and commits the end of everything that it reads."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all")
    for number in producer.partitions_for(VIEWS.name):
        producer.send(VIEWS.name, key=b"tick", value=encode(Tick(now_ms=now_ms())), partition=number)
    producer.flush()
    producer.close()
    consumer = KafkaConsumer(bootstrap_servers=bootstrap, group_id=GROUP, enable_auto_commit=False)
    partitions = [
        TopicPartition(topic.name, number)
        for topic in WORKED_OFF
        for number in consumer.partitions_for_topic(topic.name) or ()
    ]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)

    def at_its_end(each: TopicPartition) -> bool:
        end = consumer.highwater(each)
        return end is not None and (consumer.position(each, timeout_ms=0) or 0) >= end

    until(lambda: bool(consumer.poll(timeout_ms=50)) < all(map(at_its_end, partitions)), "everything is worked off")
    consumer.commit({each: OffsetAndMetadata(consumer.highwater(each), "", -1) for each in partitions})
    consumer.close(autocommit=False)
