"""One naming context: a full pass first, then its log, and now and then a sweep that looks for what the log missed.

    FullPass ──► FollowLog ──► FollowLog ──► …        lost position: FullPass
                     └── Sweep, a batch a turn ──┘

A turn begins with a connection that has just answered, and ends when its pass has no further batch.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from producers.ad.attributes import DEFAULT, Watched
from producers.ad.deletions import DeletionConfirmer
from producers.ad.facts import Assembler
from producers.ad.follow_log import FollowLog
from producers.ad.full_pass import FullPass
from producers.ad.passes import Reading, Turn
from producers.ad.position import Position
from producers.ad.servers import Servers
from producers.ad.session import ServerSession
from producers.ad.stored_context import StoredContext
from producers.ad.sweep import Sweep
from producers.id_set import DurableIdSet
from producers.metrics import RESYNCS
from producers.source import Batch, Progress
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.errors import CheckpointLostError
from streams.runtime.clock import HybridClock, now_ms
from streams.runtime.logs import get_logger
from streams.runtime.settings import ForestSettings

_ASK_ANYWAY_S = 60.0  # a pass although highestCommittedUSN stands still

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ForestReading:
    """What the naming contexts of one forest share. source: the name of the source, e.g. "ad/corp"."""

    source: str
    settings: ForestSettings
    servers: Servers
    sequence: HybridClock
    progress: Progress
    watched: Watched = DEFAULT


class NamingContext:
    """Reads one naming context in batches. One thread; `read` may be called again after any RetriableError.

    elsewhere: whether another naming context of the forest has this object (it moved between domains).
    """

    def __init__(self, name: str, forest: ForestReading, elsewhere: Callable[[str], bool]) -> None:
        self.name = name
        self.source = forest.source
        self._sweep_every_ms = forest.settings.reconcile_interval_s * 1000
        self._watched = forest.watched
        self._progress = forest.progress
        self._stored = StoredContext(name, forest.source, forest.sequence, forest.watched.selection)
        assembler = Assembler(
            self._stored.published,
            self._stored.containers,
            forest.sequence,
            elsewhere,
            self._stored.gone.add,
            forest.watched,
        )
        security = forest.settings.object_security
        self._deletions = DeletionConfirmer(forest.source, assembler, object_security=security)
        self.session = ServerSession(name, forest.servers, partial(self._deletions.look_at, name))
        self._reading = Reading(
            self._stored, self.session, assembler, self._deletions, forest.progress, forest.watched, security
        )
        self._read_at = 0.0
        self._full: FullPass | None = None  # outlives a turn
        self._sweep: Sweep | None = None  # goes on over several turns
        self._pass: FullPass | FollowLog | None = None  # of this turn
        self._may_sweep = False  # in this turn

    @property
    def published(self) -> DurableIdSet:
        """The ids of published objects."""
        return self._stored.published

    @property
    def position(self) -> Position:
        """How far it was read."""
        return self._stored.position

    def restore(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Take back what was saved."""
        self._stored.restore(checkpoints)

    def read(self) -> Batch:
        """The next batch; see producers.source.Source.read."""
        try:
            batch = self._next_batch()
            if batch is None:
                batch = self._begin_turn() or self._next_batch()
            return Batch() if batch is None else batch
        except CheckpointLostError as error:
            self.close()
            return self._lost("cookie_refused", str(error))
        except BaseException:
            self.close()
            raise

    def emit_again(self) -> list[Checkpoint]:
        """Begin a full pass that emits everything again, deletions too; what is under way ends.

        Returns the parts of the position that make it lasting.
        """
        self.close()
        self._begin_anew("ordered")
        self.position.again = True
        return self._stored.changes(worth_it=True)

    @property
    def full_pass(self) -> str | None:
        """ "snapshot" until everything was read once, "resync" in later full passes, else None."""
        if self._full is None:
            return None if self.position.complete else "snapshot"
        return "snapshot" if self._full.reason == "initial" else "resync"

    def changed(self) -> bool:
        """Whether `read` would probably bring something; about 1 ms. Never raises: reading will tell."""
        return self._sweep is not None or self._sweep_due() or self.session.has_news()

    def close(self) -> None:
        """Let go of the connection and of what was under way; the position stays."""
        self._pass, self._sweep, self._may_sweep = None, None, False
        self.session.close()

    def _begin_turn(self) -> Batch | None:
        """Choose the pass of the turn. Returns a batch where the position turns out to be worth nothing."""
        connection, identity, highest_usn = self.session.make()
        turn, domain_guid = Turn(connection, identity, highest_usn), self.session.domain_guid
        lifetime_ms = self._deletions.tombstone_lifetime_ms
        fault = self.position.fault(identity, domain_guid, highest_usn, now_ms(), lifetime_ms, self._watched.selection)
        if fault:
            return self._lost(fault, f"{connection.server.url}: {self.name}")
        if self._full is None and not self.position.complete:
            self._full = self._unfinished()
        if self._full is not None:
            self._full.begin(turn)
            self._pass = self._full
            return None
        if highest_usn != self.session.highest_usn or time.monotonic() - self._read_at > _ASK_ANYWAY_S:
            self._pass = FollowLog(self._reading, turn)
        if self._sweep is None and self._sweep_due():
            self._sweep = Sweep(self._reading, turn)
        self._may_sweep = True
        return None

    def _next_batch(self) -> Batch | None:
        """The next batch of this turn; None at its end."""
        if self._pass is not None:
            batch = self._pass.next_batch()
            if self._pass.is_over:
                self._pass = self._full = None
                self._read_at = time.monotonic()
            if batch is not None:
                return batch
        if self._sweep is None or not self._may_sweep:
            return None
        self._may_sweep = False
        batch = self._sweep.next_batch()
        if batch is None:
            self._sweep = None
        return batch

    def _unfinished(self) -> FullPass:
        """The full pass of a naming context that was never read to its end."""
        cookie = self.position.cookie
        if cookie or not len(self.published):
            return FullPass(self._reading, "initial", cookie, resumed=bool(cookie), saves=True)
        return FullPass(self._reading, "unfinished")

    def _lost(self, reason: str, message: str) -> Batch:
        """The position is worth nothing: the next turn reads everything."""
        log.warning("the position is lost: full pass", source=self.source, reason=reason, said=message)
        self._begin_anew(reason)
        return Batch(checkpoints=self._stored.changes(worth_it=True), more=True)

    def _begin_anew(self, reason: str) -> None:
        RESYNCS.labels(self.source, reason).inc()
        self._full = FullPass(self._reading, reason)
        self._pass = self._sweep = None
        self._progress.done = 0
        self._stored.begin_anew()
        self.session.read_up_to(-1)

    def _sweep_due(self) -> bool:
        return now_ms() - self.position.swept_ms > self._sweep_every_ms
