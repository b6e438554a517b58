"""Writing actions into their topic."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from streams.contracts.actions import Action, key_of
from streams.contracts.codec import encode
from streams.contracts.topics import ACTIONS
from streams.runtime.settings import KafkaConnection
from streams.runtime.topic_writer import TopicWriter

_WITHIN_S = 10.0  # somebody waits before a page


class ActionWriter:
    """Writes from any thread, one after the other."""

    def __init__(self, kafka: KafkaConnection, client_id: str = "synchealth-actions") -> None:
        self._writer = TopicWriter(kafka, client_id, timeout_s=_WITHIN_S)
        self._lock = threading.Lock()

    def write(self, actions: Iterable[Action]) -> None:
        """Return once Kafka has every one of them.

        Raises RetriableError while Kafka is away: some may have been written, and writing the same again does no harm.
        Raises FatalError where Kafka refuses us.
        """
        with self._lock:
            for action in actions:
                self._writer.send(ACTIONS.name, key_of(action).encode(), encode(action))
            self._writer.flush()

    def forget(self, keys: Iterable[tuple[str, str]]) -> None:
        """Write tombstones of (finding, action)s. Raises as `write` does."""
        with self._lock:
            for finding, action in keys:
                self._writer.send(ACTIONS.name, f"{finding}/{action}".encode(), None)
            self._writer.flush()

    def close(self) -> None:
        """Let go of Kafka."""
        with self._lock:
            self._writer.close()
