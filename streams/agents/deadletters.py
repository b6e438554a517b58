"""What cannot be used is kept with its reason; when the code itself looks broken, the worker stops."""

from __future__ import annotations

from collections import deque

from streams.agents.delivery.lanes import Record
from streams.agents.metrics import DEAD_LETTERS
from streams.contracts.deadletter import DeadLetter
from streams.contracts.deadletter import dead_letter as refusal
from streams.contracts.errors import FatalError
from streams.runtime.clock import now_ms

TRACEBACKS = 10
"""Written to the log by one partition before it names the error alone: every dead letter has it anyway."""


def dead_letter(stage: str, reason: str, error: str, record: Record, original: bytes | None = None) -> DeadLetter:
    """The dead letter of a record, or of a part of it (`original`); counted here."""
    DEAD_LETTERS.labels(stage, reason).inc()
    return refusal(
        reason,
        error,
        stage=stage,
        ts_ms=now_ms(),
        original=original if original is not None else record.value or b"",
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        key=record.key.decode(errors="replace") if record.key is not None else None,
    )


class Fuse:
    """A circuit breaker that stays open: blows when too many of the latest items failed, and not for what is in them.

    Only failures of our code count: garbage in a topic must not stop a worker for ever.
    """

    def __init__(self, stage: str, window: int = 200, limit: float = 0.5) -> None:
        self._stage = stage
        self._latest: deque[bool] = deque(maxlen=window)
        self._limit = limit
        self._failed = 0

    def good(self, count: int = 1) -> None:
        """`count` items went well."""
        for _ in range(min(count, self._latest.maxlen or count)):
            self._note(failed=False)

    def bad(self, error: BaseException) -> None:
        """An item failed. Raises FatalError when most of a full window did."""
        self._note(failed=True)
        if len(self._latest) == self._latest.maxlen and self._failed > self._limit * len(self._latest):
            raise FatalError(
                f"{self._stage}: {self._failed} of the latest {len(self._latest)} items failed, "
                f"the last with {type(error).__name__}: {error}. This looks like a fault of this version, "
                "not of the data: nothing more is consumed until it is replaced or rolled back"
            ) from error

    def _note(self, *, failed: bool) -> None:
        if len(self._latest) == self._latest.maxlen:
            self._failed -= self._latest[0]
        self._latest.append(failed)
        self._failed += failed
