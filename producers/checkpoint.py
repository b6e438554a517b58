"""The checkpoint topic, read from its beginning and then followed: positions, orders, who writes a source."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from producers.publisher import EPOCH_HEADER, checkpoint_key
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import decode
from streams.contracts.errors import FatalError, InvalidRecordError, RetriableError
from streams.contracts.topics import CHECKPOINTS
from streams.runtime.logs import get_logger
from streams.runtime.settings import KafkaSettings
from streams.runtime.topic_reader import StoredRecord, TopicReader

# Without a single record or answer for this long, the read has failed.
_SILENCE_S = 30.0
_HOLD_MS = 500

log = get_logger(__name__)


class StoredCheckpoint(NamedTuple):
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
        self._reader = TopicReader(
            kafka,
            [CHECKPOINTS],
            f"synchealth-checkpoints-{client}",
            fetch_max_wait_ms=_HOLD_MS,
            bootstrap_timeout_ms=int(_SILENCE_S * 1000),
        )

    def read_to_end(self) -> list[StoredCheckpoint]:
        """Everything from the beginning to the end. A partial position is worse than none."""
        with _patient():
            return [_stored(record) for record in self._reader.to_end(_SILENCE_S)]

    def poll(self, timeout_s: float) -> list[StoredCheckpoint]:
        """The next records; none after `timeout_s`. A topic that was created again is read from its beginning."""
        with _patient():
            return [_stored(record) for record in self._reader.poll(timeout_s)]

    def sees_the_end(self) -> bool:
        """Whether the broker answers now and nothing was written that `poll` has not returned."""
        with _patient():
            return self._reader.sees_the_end()

    def close(self) -> None:
        """Let go of the connections."""
        self._reader.close()


@contextlib.contextmanager
def _patient() -> Iterator[None]:
    """Rights that are missing may be granted while a source waits."""
    try:
        yield
    except FatalError as error:
        raise RetriableError(str(error)) from error


def _stored(record: StoredRecord) -> StoredCheckpoint:
    return StoredCheckpoint(
        (record.key or b"").decode(errors="replace"), record.value, epoch_of(record.headers), record.appended_ms
    )


def load_checkpoints(kafka: KafkaSettings, source: str) -> list[Checkpoint]:
    """Every saved part of `source`'s position, the newest of each; empty if it never saved one.

    A part that is not readable counts as never saved. Raises RetriableError while Kafka is away.
    """
    with contextlib.closing(CheckpointLog(kafka, source)) as reader:
        parts = {stored.key: stored.value for stored in reader.read_to_end() if stored.key.partition("#")[0] == source}
    return positions_of(parts)


def positions_of(parts: dict[str, bytes | None]) -> list[Checkpoint]:
    """The parts that stand and can be read."""
    return [found for key, value in parts.items() if value is not None and (found := _decoded(key, value)) is not None]


def epoch_of(headers: Any) -> int | None:
    """The writer's epoch in a record's headers; None where there is none, or no number."""
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
