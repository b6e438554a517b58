"""A publisher and a ledger without Kafka that keeps what a log would, and fails where it is told to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

from producers.checkpoint import StoredCheckpoint
from producers.ledger import Book, ReplacedError
from producers.publisher import Publisher, checkpoint_key
from producers.watermark import SourceWatermark
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.codec import encode
from streams.contracts.deadletter import DeadLetter
from streams.contracts.errors import RetriableError
from streams.contracts.events import Event
from streams.contracts.facts import Fact, Origin, TenantState, Watermark
from streams.contracts.orders import LONGEST_PAUSE_MS, Answer, Order, order_in
from streams.runtime.clock import now_ms


class Killed(BaseException):
    """The process died here: nothing after this happened."""


class FakeKafka:
    """Topics in memory; they outlive the publishers that write to them."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.tenants: list[TenantState] = []
        self.watermarks: list[Watermark] = []
        self.read_until: list[SourceWatermark] = []
        self.events: list[Event] = []
        self.letters: list[DeadLetter] = []
        self.parts: dict[str, Checkpoint] = {}
        self.contacts: list[Checkpoint] = []
        self.orders: list[Order] = []
        self.answers: list[Answer] = []
        self.replaced = False

    def load(self) -> list[Checkpoint]:
        return list(self.parts.values())

    def ledger(self, *, pause: bool = False) -> FakeLedger:
        """The ledger of a process that starts now; `pause`: whether it waits between two readings."""
        return FakeLedger(self, pause)


class FakeLedger:
    """A Book of what stands in a FakeKafka (producers.ledger.Ledger)."""

    def __init__(self, kafka: FakeKafka, pause: bool) -> None:
        self._kafka = kafka
        self._pause = pause
        self._book = Book("", "me")
        self.claimed_ms: int | None = None
        self.whole_ms = 0

    def take_over(self, publisher: Publisher) -> list[Checkpoint]:
        for answer in self._kafka.answers:
            self._book.note(answer)
        return self._kafka.load()

    def require_writer(self) -> None:
        if self._kafka.replaced:
            raise ReplacedError("another process writes it")

    def due(self) -> Order | None:
        for order in self._kafka.orders:
            self._book.source = order.source
            word = order.record()
            self._book.read(StoredCheckpoint(checkpoint_key(word), encode(word), None), 0.0)
        return self._book.due(1e9, now_ms() + (0 if self._pause else 2 * LONGEST_PAUSE_MS))

    def begun(self) -> list[Answer]:
        return self._book.begun()

    def unfinished(self) -> list[str]:
        self.due()
        return self._book.unfinished()

    def begin(self, order: Order) -> Answer:
        return self._book.begin(order, now_ms())

    def note(self, answer: Answer) -> None:
        self._book.note(answer)

    def stand_by(self, stop: threading.Event) -> None: ...

    def close(self) -> None: ...


class FakePublisher:
    """Writes to a FakeKafka. `before(step)` is called ahead of every record and flush, and may raise."""

    def __init__(self, kafka: FakeKafka, before: Callable[[str], None] = lambda step: None) -> None:
        self._kafka = kafka
        self._before = before
        self._pending: list[Callable[[], None]] = []
        self.closed = False

    def publish_facts(self, origin: Origin, facts: Sequence[Fact]) -> None:
        for fact in facts:
            self._record("fact", lambda fact=fact: self._kafka.facts.append(fact))

    def publish_read_until(self, origin: Origin, mark: SourceWatermark) -> None:
        self._record("read until", lambda: self._kafka.read_until.append(mark))

    def publish_watermark(self, mark: Watermark) -> None:
        self._record("watermark", lambda: self._kafka.watermarks.append(mark))

    def publish_tenant(self, state: TenantState) -> None:
        self._record("tenant", lambda: self._kafka.tenants.append(state))

    def publish_events(self, source: str, events: Sequence[Event]) -> None:
        for event in events:
            self._record("event", lambda event=event: self._kafka.events.append(event))

    def publish_dead_letters(self, letters: Iterable[DeadLetter]) -> None:
        for letter in letters:
            self._record("letter", lambda letter=letter: self._kafka.letters.append(letter))

    def publish_checkpoints(self, checkpoints: Iterable[Checkpoint]) -> None:
        for checkpoint in checkpoints:
            self._record("checkpoint", lambda checkpoint=checkpoint: self._save(checkpoint))

    def publish_contact(self, contact: Checkpoint) -> None:
        self._kafka.contacts.append(contact)

    def writes_as(self, epoch: int) -> None: ...

    def require_layout(self) -> None: ...

    def flush(self) -> None:
        """Some of what was sent may arrive although the flush fails, as in real life."""
        while self._pending:
            try:
                self._before("arrive")
            except RetriableError:
                self._pending = []
                raise
            self._pending.pop(0)()
        self._before("flushed")

    def close(self) -> None:
        self.closed = True

    def _record(self, step: str, arrives: Callable[[], None]) -> None:
        self._before(step)
        self._pending.append(arrives)

    def _save(self, checkpoint: Checkpoint) -> None:
        word = order_in(checkpoint)
        if isinstance(word, Answer):
            self._kafka.answers.append(word)
            return
        if checkpoint.position:
            self._kafka.parts[checkpoint.part] = checkpoint
        else:
            self._kafka.parts.pop(checkpoint.part, None)
