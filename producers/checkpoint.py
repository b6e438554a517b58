"""The checkpoint topic, read from its beginning and then followed: positions, orders, who writes a source."""

from __future__ import annotations

import time
from typing import Any, NamedTuple

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError

from producers.publisher import EPOCH_HEADER, checkpoint_key
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import decode
from streams.contracts.errors import InvalidRecordError, RetriableError
from streams.contracts.topics import CHECKPOINTS
from streams.runtime.kafka import client_options, require_reachable
from streams.runtime.kafka_ping import built
from streams.runtime.logs import get_logger
from streams.runtime.settings import KafkaSettings

# Without a single record or answer for this long, the read has failed; a partial position is worse than none.
_SILENCE_S = 30.0
_HOLD_MS = 500
_ANSWER_MS = 5_000
# Kafka's timestamp types: 0 is the writer's time, 1 the broker's (org.apache.kafka.common.record.TimestampType).
_LOG_APPEND_TIME = 1

log = get_logger(__name__)


class Said(NamedTuple):
    """One record of the topic.

    epoch: of the writer's claim under which it was written; None where it has none.
    arrived_ms: when the broker wrote it down; None where it tells the writer's time (message.timestamp.type).
    """

    key: str
    value: bytes | None
    epoch: int | None
    arrived_ms: int | None = None


class CheckpointLog:
    """Reads the topic in its order. Not thread-safe; every method raises RetriableError while Kafka is away."""

    def __init__(self, kafka: KafkaSettings, client: str) -> None:
        self._where = ", ".join(kafka.bootstrap_servers)
        self._partition = TopicPartition(CHECKPOINTS.name, 0)
        require_reachable(kafka)
        options = client_options(kafka, f"synchealth-checkpoints-{client}") | {
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "allow_auto_create_topics": False,
            "fetch_max_wait_ms": _HOLD_MS,
            "bootstrap_timeout_ms": int(_SILENCE_S * 1000),
        }
        self._consumer: Any = built(kafka, KafkaError, lambda: KafkaConsumer(**options))
        try:
            self._consumer.assign([self._partition])
            self._consumer.seek_to_beginning(self._partition)
        except KafkaError as error:
            raise self._failed(error) from error

    def read_to_end(self) -> list[Said]:
        """Everything from here to the end.

        The end is the high watermark of a fetch: ListOffsets of Tansu 0.6.0 may answer too small a number, and a
        known id that is not read back would be taken for new.
        """
        found: list[Said] = []
        heard = time.monotonic()
        while True:
            some = self.poll(0.25)
            found += some
            heard = time.monotonic() if some else heard
            if self._at_end():
                return found
            if time.monotonic() - heard > _SILENCE_S:
                raise RetriableError(f"{CHECKPOINTS.name}: no answer for {_SILENCE_S:.0f} s; does the topic exist?")

    def poll(self, timeout_s: float) -> list[Said]:
        """The next records; none after `timeout_s`. A topic that was created again is read from its beginning."""
        try:
            polled = self._consumer.poll(timeout_ms=int(timeout_s * 1000)).get(self._partition, ())
        except OffsetOutOfRangeError:
            self._consumer.seek_to_beginning(self._partition)
            return []
        except KafkaError as error:
            raise self._failed(error) from error
        return [
            Said(
                (record.key or b"").decode(errors="replace"),
                record.value,
                epoch_of(record.headers),
                record.timestamp if record.timestamp_type == _LOG_APPEND_TIME else None,
            )
            for record in polled
        ]

    def sees_the_end(self) -> bool:
        """Whether the broker answers now and nothing was written that `poll` has not returned."""
        try:
            end = self._consumer.end_offsets([self._partition], timeout_ms=_ANSWER_MS)[self._partition]
            return bool(self._consumer.position(self._partition, timeout_ms=_ANSWER_MS) >= end)
        except KafkaError as error:
            raise self._failed(error) from error

    def close(self) -> None:
        """Let go of the connections."""
        self._consumer.close(autocommit=False, timeout_ms=1000)

    def _at_end(self) -> bool:
        end = self._consumer.highwater(self._partition)
        return end is not None and self._consumer.position(self._partition) >= end

    def _failed(self, error: KafkaError) -> RetriableError:
        return RetriableError(f"{CHECKPOINTS.name} cannot be read from {self._where} ({type(error).__name__}: {error})")


def load_checkpoints(kafka: KafkaSettings, source: str) -> list[Checkpoint]:
    """Every saved part of `source`'s position, the newest of each; empty if it never saved one.

    A part that is not readable counts as never saved. Raises RetriableError while Kafka is away.
    """
    reader = CheckpointLog(kafka, source)
    try:
        parts = {said.key: said.value for said in reader.read_to_end() if said.key.partition("#")[0] == source}
    finally:
        reader.close()
    return positions_of(parts)


def positions_of(parts: dict[str, bytes | None]) -> list[Checkpoint]:
    """The parts that stand and can be read."""
    return [found for key, value in parts.items() if value is not None and (found := _decoded(key, value)) is not None]


def epoch_of(headers: Any) -> int | None:
    """The epoch that a record's headers tell; None for none, and for what is none."""
    for name, value in headers or ():
        if name == EPOCH_HEADER and isinstance(value, bytes) and value.isdigit() and len(value) < 17:
            return int(value)
    return None


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
