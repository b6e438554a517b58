"""Positions in a compacted topic: all parts of a source are read back when it starts."""

from __future__ import annotations

import time
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from producers.publisher import checkpoint_key
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import decode
from streams.contracts.errors import InvalidRecordError, RetriableError
from streams.contracts.topics import CHECKPOINTS
from streams.runtime.kafka import client_options, require_reachable
from streams.runtime.logs import get_logger
from streams.runtime.settings import KafkaSettings

# Without a single record or answer for this long, the read has failed; a partial position is worse than none.
_SILENCE_S = 30.0

log = get_logger(__name__)


def load_checkpoints(kafka: KafkaSettings, source: str) -> list[Checkpoint]:
    """Every saved part of `source`'s position, the newest of each; empty if it never saved one.

    The end of the topic is the high watermark of a fetch: ListOffsets of Tansu 0.6.0 may answer too
    small a number, and a known id that is not read back would be taken for new.
    A part that is not readable counts as never saved. Raises RetriableError while Kafka is away.
    """
    require_reachable(kafka)
    try:
        parts = _newest_by_key(kafka, source)
    except KafkaError as error:
        raise RetriableError(
            f"{CHECKPOINTS.name} cannot be read from {', '.join(kafka.bootstrap_servers)} "
            f"({type(error).__name__}: {error})"
        ) from error
    return [found for key, value in parts.items() if (found := _decoded(key, value)) is not None]


def _newest_by_key(kafka: KafkaSettings, source: str) -> dict[str, bytes]:
    options = client_options(kafka, f"synchealth-checkpoints-{source}") | {
        "enable_auto_commit": False,
        "allow_auto_create_topics": False,
        "bootstrap_timeout_ms": int(_SILENCE_S * 1000),
    }
    consumer: Any = KafkaConsumer(**options)
    try:
        partition = TopicPartition(CHECKPOINTS.name, 0)
        consumer.assign([partition])
        consumer.seek_to_beginning(partition)
        parts: dict[str, bytes] = {}
        heard = time.monotonic()
        while True:
            for record in consumer.poll(timeout_ms=250).get(partition, ()):
                heard = time.monotonic()
                key = (record.key or b"").decode(errors="replace")
                if key.partition("#")[0] != source:
                    continue
                if record.value is None:
                    parts.pop(key, None)
                else:
                    parts[key] = record.value
            end = consumer.highwater(partition)
            if end is not None and consumer.position(partition) >= end:
                return parts
            if time.monotonic() - heard > _SILENCE_S:
                raise RetriableError(f"{CHECKPOINTS.name}: no answer for {_SILENCE_S:.0f} s; does the topic exist?")
    finally:
        consumer.close(timeout_ms=1000)


def _decoded(key: str, value: bytes) -> Checkpoint | None:
    """The part under `key`; None, with an error in the log, for one that is none: the source then reads it anew."""
    try:
        found = decode(value, Checkpoint)
        wrong = "" if checkpoint_key(found) == key else f"it says that it is {checkpoint_key(found)!r}"
    except InvalidRecordError as error:
        wrong = str(error)
    if not wrong:
        return found
    log.error("a checkpoint cannot be read: what it stood for is read anew", key=key, why=wrong)
    return None
