"""What a source is: something that is read in batches and can say how far it has come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from producers.watermark import SourceWatermark
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.deadletter import DeadLetter
from streams.contracts.events import Event
from streams.contracts.facts import Fact, Origin, TenantState, Watermark


@dataclass(frozen=True, slots=True)
class Batch:
    """What one `read` brought: at most a few thousand facts, so that memory stays bounded.

    checkpoints: the parts of the position that are true once everything in this batch is in Kafka;
                 saved only after the flush, in this order (the part that relies on the others last).
                 A restart repeats what came after them.
    more:        read again at once (a snapshot or resync is under way), do not wait for a wake-up.
    rejected:    entries the source delivered and we could not map, with their reason.
    read_until:  how far the directory of a forest was read, while it is not behind; for its forest view.
    watermarks:  the source was read whole, and is told up to then: facts that are in Kafka, or in this batch.
    beside:      other origins for whom the same facts count: further tenants of a forest.
    contacted:   the other side answered; False where nothing was due, so nobody was asked.
    """

    facts: Sequence[Fact] = ()
    tenants: Sequence[TenantState] = ()
    events: Sequence[Event] = ()
    checkpoints: Sequence[Checkpoint] = ()
    rejected: Sequence[DeadLetter] = ()
    watermarks: Sequence[Watermark] = ()
    read_until: SourceWatermark | None = None
    beside: Sequence[Origin] = ()
    more: bool = False
    contacted: bool = True


# How often a source says how far it is told: seldom enough to cost nothing, as it goes to every partition of the views.
WATERMARK_S = 60.0

# The phase of a source that has read everything and follows changes: no pass is under way.
STREAMING = "streaming"


@dataclass(slots=True)
class Progress:
    """Where a long pass stands, for people: `total` None while unknown.

    phase: "starting", "snapshot", "resync", or STREAMING.
    unread: kinds of entries that no reader knows, e.g. "adsync/6012" -> how many; bounded by the source.
    unheard: parts that do not answer, though others do -> since when, by the monotonic clock.
    """

    phase: str = "starting"
    done: int = 0
    total: int | None = None
    notes: dict[str, str] = field(default_factory=dict)
    unread: dict[str, int] = field(default_factory=dict)
    unheard: dict[str, float] = field(default_factory=dict)


class Source(Protocol):
    """One place facts come from. The runner is the only caller; one thread, no overlap.

    `restore` is called once, before anything else, with every saved checkpoint part of this source, and with the
    broker's time at which this process became its writer (None: it tells none; producers.sequence).
    `read` returns the next batch, empty if nothing changed; it raises RetriableError (the runner backs off
    and calls again), CheckpointLostError is the source's own affair (it resyncs), FatalError ends the process.
    `wait` blocks until something probably changed, or `timeout_s` passed, or `wake` was called from another
    thread (stop signal).
    `resync` begins a full reading that tells known objects again, of one of `collections` or ("") of everything; what
    it returns makes that lasting once it is saved, and until then does no harm. Called between reads, after the first.
    Raises KeyError for a collection that there is not. `resyncing`: whether such a reading is not at its end yet; never
    one of a collection that there is not.
    """

    origin: Origin
    progress: Progress

    def restore(self, checkpoints: Iterable[Checkpoint], claimed_ms: int | None = None) -> None: ...

    def read(self) -> Batch: ...

    def wait(self, timeout_s: float) -> None: ...

    def wake(self) -> None: ...

    def close(self) -> None: ...

    @property
    def collections(self) -> Sequence[str]: ...

    def resync(self, collection: str) -> Sequence[Checkpoint]: ...

    def resyncing(self, collection: str) -> bool: ...
