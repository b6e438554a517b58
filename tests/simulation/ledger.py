"""What the checkpoint topic says to one source (producers.ledger.Ledger), read from the simulated broker."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Sequence

from producers.checkpoint import StoredCheckpoint, positions_of
from producers.ledger import Book, ReplacedError
from producers.publisher import Publisher
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.orders import Answer, Order
from streams.contracts.topics import CHECKPOINTS
from streams.runtime.clock import now_ms
from tests.simulation.broker import Broker


class BrokerLedger:
    """A Book that is read on before each question."""

    def __init__(self, broker: Broker, source: str) -> None:
        self._broker = broker
        self._book = Book(source, uuid.uuid4().hex)
        self._next = 0

    def _read_on(self) -> Book:
        for record in self._broker.logs[CHECKPOINTS.name, 0].at(self._next, 1 << 30):
            key = (record.key or b"").decode(errors="replace")
            epoch = self._book.mine.epoch if self._book.mine else None
            self._book.read(StoredCheckpoint(key, record.value, epoch, record.timestamp), self._broker.loop.time())
            self._next = record.offset + 1
        return self._book

    def take_over(self, publisher: Publisher) -> list[Checkpoint]:
        book = self._read_on()
        publisher.publish_checkpoints([book.next_claim(now_ms()).record()])
        publisher.flush()
        assert self._read_on().mine is not None
        return positions_of(book.parts)

    @property
    def claimed_ms(self) -> int | None:
        return self._book.claimed_ms

    @property
    def whole_ms(self) -> int:
        return self._book.whole_ms

    def require_writer(self) -> None:
        if self._read_on().is_replaced:
            raise ReplacedError("another process writes it")

    def due(self) -> Order | None:
        return self._read_on().due(self._broker.loop.time(), now_ms())

    def begun(self) -> Sequence[Answer]:
        return self._read_on().begun()

    def unfinished(self) -> Sequence[str]:
        return self._read_on().unfinished()

    def begin(self, order: Order) -> Answer:
        return self._book.begin(order, now_ms())

    def note(self, answer: Answer) -> None:
        self._book.note(answer)

    def stand_by(self, stop: threading.Event) -> None: ...

    def close(self) -> None: ...
