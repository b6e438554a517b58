"""Reading other people's topics from where we were.

Positions are ours, not a consumer group's: they are saved only once what was read is in our own Kafka.
"""

from __future__ import annotations

from collections.abc import Sequence

from streams.runtime.settings import KafkaConnection
from streams.runtime.topic_reader import TopicReader

# Of strangers: what is packed into so many bytes is unpacked all at once, by the client.
_MOST_FETCHED = 1024 * 1024


def shipped_reader(
    kafka: KafkaConnection, topics: Sequence[str], client_id: str, *, max_records: int = 500, tail: int | None = None
) -> TopicReader:
    """A reader of topics that others fill; some may be missing while others are there."""
    return TopicReader(
        kafka,
        topics,
        client_id,
        tail=tail,
        max_records=max_records,
        partly=True,
        absent="nobody has shipped anything",
        fetch_max_bytes=_MOST_FETCHED,
        max_partition_fetch_bytes=_MOST_FETCHED,
        request_timeout_ms=60_000,  # what Event Hubs ask for
    )
