"""The one asyncio producer of a worker, and what its records may weigh.

Faust brings this client (aiokafka) along and consumes with it; tables and outgoing records use it directly,
because Faust sends every table write as a record of its own (measured: DECISIONS.md).
"""

from __future__ import annotations

import asyncio
from typing import TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    KafkaError,
    TopicAuthorizationFailedError,
    UnknownError,
    UnknownTopicOrPartitionError,
)

from streams.contracts.errors import RetriableError
from streams.runtime.kafka import connection_options
from streams.runtime.kafka_ping import cause
from streams.runtime.logs import get_logger
from streams.runtime.settings import KafkaSettings

Producer: TypeAlias = AIOKafkaProducer
MayNotWriteError = TopicAuthorizationFailedError
UnknownTopicError = UnknownTopicOrPartitionError
log = get_logger(__name__)

MAX_BATCH_BYTES = 900_000
"""Under the broker's default `message.max.bytes` (1,048,588), which counts a whole batch."""
MAX_RECORD_BYTES = 7 * 1024 * 1024
"""A single record may be larger where its topic's `max.message.bytes` allows it."""


async def start_producer(kafka: KafkaSettings, *, delivery_timeout_s: float) -> Producer:
    """A started, durable producer: acknowledged by all in-sync replicas, idempotent where the broker can.

    `delivery_timeout_s`: how long a record may stay unacknowledged before sending it fails.
    Tansu refuses the request for a producer id ("UnknownError"); there a retry may write twice, which
    every reader of ours bears. Raises RetriableError, which names the cause, where Kafka refuses us.
    """
    try:
        return await _started(_producer(kafka, delivery_timeout_s, idempotent=True))
    except UnknownError:
        log.warning("producer_not_idempotent", why="the broker refused a producer id")
        return await _started(_producer(kafka, delivery_timeout_s, idempotent=False))
    except KafkaError as error:
        why = await asyncio.to_thread(cause, kafka, error)
        raise RetriableError(f"Kafka at {', '.join(kafka.bootstrap_servers)}: {why}") from error


def _producer(kafka: KafkaSettings, delivery_timeout_s: float, *, idempotent: bool) -> Producer:
    return Producer(
        **connection_options(kafka),
        acks="all",
        enable_idempotence=idempotent,
        linger_ms=0,
        max_batch_size=MAX_BATCH_BYTES,
        max_request_size=MAX_RECORD_BYTES + 65536,
        request_timeout_ms=int(delivery_timeout_s * 1000),
    )


async def _started(producer: Producer) -> Producer:
    try:
        await producer.start()
    except BaseException:
        await producer.client.close()  # stop() would wait for a sender that never started
        producer._closed = True  # noqa: SLF001
        raise
    return producer
