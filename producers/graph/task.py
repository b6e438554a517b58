"""What the Graph source does side by side: each task fetches in a thread and is applied in the source's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from streams.contracts.checkpoint import Checkpoint
from streams.contracts.deadletter import DeadLetter
from streams.contracts.events import Event
from streams.contracts.facts import Fact, TenantState


@dataclass(slots=True)
class Step:
    """What one answer amounts to. checkpoints: in saving order, the position last."""

    facts: list[Fact] = field(default_factory=list)
    tenants: list[TenantState] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    rejected: list[DeadLetter] = field(default_factory=list)
    checkpoints: list[Checkpoint] = field(default_factory=list)


class Task(Protocol):
    """One thing to ask Graph for again and again.

    interval_s: how long to rest once `resting` is true.
    `fetch` runs in a pool thread and raises RetriableError; it may be repeated. `apply` takes its result in the
    source's thread. The next `fetch` begins only after `apply`, so the two never overlap.
    """

    name: str

    @property
    def interval_s(self) -> float: ...

    def restore(self, checkpoints: list[Checkpoint]) -> None: ...

    def fetch(self) -> Any: ...

    def apply(self, answer: Any) -> Step: ...

    @property
    def ready(self) -> bool:
        """Whether it makes sense to begin at all."""
        ...

    @property
    def resting(self) -> bool:
        """Whether the round is complete, so that nothing is to be asked until `interval_s` has passed."""
        ...

    @property
    def full_pass(self) -> str | None:
        """ "snapshot" or "resync" while everything is being read, else None."""
        ...
