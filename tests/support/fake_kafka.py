"""A publisher without Kafka that keeps what a log would, and fails where it is told to."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from streams.contracts.checkpoint import Checkpoint
from streams.contracts.deadletter import DeadLetter
from streams.contracts.errors import RetriableError
from streams.contracts.events import Event
from streams.contracts.facts import Fact, Origin, TenantState, Watermark


class Killed(BaseException):
    """The process died here: nothing after this happened."""


class FakeKafka:
    """Topics in memory; they outlive the publishers that write to them."""

    def __init__(self) -> None:
        self.facts: list[Fact] = []
        self.tenants: list[TenantState] = []
        self.watermarks: list[Watermark] = []
        self.events: list[Event] = []
        self.letters: list[DeadLetter] = []
        self.parts: dict[str, Checkpoint] = {}
        self.contacts: list[Checkpoint] = []

    def load(self) -> list[Checkpoint]:
        return list(self.parts.values())


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
        if checkpoint.position:
            self._kafka.parts[checkpoint.part] = checkpoint
        else:
            self._kafka.parts.pop(checkpoint.part, None)
