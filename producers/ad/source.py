"""A forest as a source: its naming contexts one after the other, as one stream of facts."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial

from producers.ad.context import NamingContext
from producers.ad.servers import Servers
from producers.ad.wakeup import Wakeup
from producers.source import Batch, Progress
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.deadletter import DeadLetter
from streams.contracts.facts import Fact, Origin
from streams.runtime.clock import Sequence
from streams.runtime.logs import get_logger
from streams.runtime.settings import ForestSettings

_BREATH_S = 0.05  # between two passes over the log

log = get_logger(__name__)


class ActiveDirectorySource:
    """Reads one forest (producers.source.Source). Naming contexts: those of the settings, else the domains
    of the servers that answer.
    """

    def __init__(self, forest: ForestSettings) -> None:
        self.origin = Origin(name=f"ad/{forest.name}", side="ad", tenant=forest.tenant, forest=forest.name)
        self.progress = Progress()
        self._forest = forest
        self._servers = Servers(forest)
        self._sequence = Sequence()
        self._saved: list[Checkpoint] = []
        self._contexts: dict[str, NamingContext] = {}
        self._wakeup = Wakeup()
        self._read_at = 0.0

    def restore(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Take back every saved part; the sequence goes on above the highest number that was given out."""
        self._saved = list(checkpoints)
        self._sequence = Sequence(max((saved.seq for saved in self._saved), default=0))

    def read(self) -> Batch:
        """The next batch of any naming context.

        Raises RetriableError if no domain controller answers, FatalError if we are refused.
        """
        if not self._contexts:
            self._find_contexts()
        self._read_at = time.monotonic()
        facts: list[Fact] = []
        rejected: list[DeadLetter] = []
        checkpoints: list[Checkpoint] = []
        for context in self._contexts.values():
            batch = context.read()
            facts += batch.facts
            rejected += batch.rejected
            checkpoints += batch.checkpoints
            if batch.more:
                return Batch(facts=facts, rejected=rejected, checkpoints=checkpoints, more=True)
        return Batch(facts=facts, rejected=rejected, checkpoints=checkpoints)

    def wait(self, timeout_s: float) -> None:
        """Return when something changed, after `timeout_s`, or when `wake` was called."""
        contexts = self._contexts.values()
        end = time.monotonic() + timeout_s
        while (left := end - time.monotonic()) > 0:
            called, rung = self._wakeup.wait((each.bell for each in contexts), min(left, self._forest.poll_interval_s))
            if called:
                return
            if rung or any(context.changed() for context in contexts):
                # a directory that never rests must not be read without a pause
                time.sleep(max(0.0, self._read_at + _BREATH_S - time.monotonic()))
                return

    def wake(self) -> None:
        """End a `wait` from another thread."""
        self._wakeup.call()

    def close(self) -> None:
        """Close every connection."""
        for context in self._contexts.values():
            context.close()
        self._servers.close()
        self._wakeup.close()

    def _find_contexts(self) -> None:
        names = self._forest.naming_contexts or self._servers.naming_contexts()
        for name in names:
            context = NamingContext(
                name,
                self.origin.name,
                self._forest,
                self._servers,
                self._sequence,
                self.progress,
                elsewhere=partial(self._is_known_outside, name),
            )
            context.restore(self._saved)
            self._contexts[name] = context
        self._saved = []
        log.info("naming contexts", source=self.origin.name, names=list(self._contexts))

    def _is_known_outside(self, name: str, object_id: str) -> bool:
        return any(object_id in other.known for other in self._contexts.values() if other.name != name)
