"""What a sink is: something that findings are added to, in the order of their topic."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from streams.contracts.entries import Entry
from streams.contracts.topics import Topic
from streams.runtime.topic_reader import ReaderProgress


@dataclass(frozen=True, slots=True)
class Meta:
    """Where an entry stood.

    ts_ms: the record's timestamp, i.e. when it was published (ms since the epoch).
    live:  False while the topic's past is read again after a start, True for what came since.
    """

    topic: str
    partition: int
    offset: int
    ts_ms: int
    live: bool


class Sink(Protocol):
    """One way out for findings. Called by one thread, in the order add* -> flush -> … -> close.

    topics: what it wants to read, from the beginning at every start. A sink that keeps what it took
            keeps the offsets with it, in one transaction.
    """

    topics: tuple[Topic, ...]

    def add(self, entry: Entry, meta: Meta) -> None:
        """Take one entry. The same entry may come again after a restart: it must do no harm."""

    def flush(self, position: ReaderProgress) -> None:
        """Make everything added so far durable or visible; also called when nothing was added.

        Raises RetriableError: the loop backs off and flushes again before it reads on.
        """

    def close(self) -> None:
        """Release what the sink holds; nothing is added afterwards."""
