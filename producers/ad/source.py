"""A forest as a source: its naming contexts one after the other, as one stream of facts."""

from __future__ import annotations

import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from msgspec.structs import replace

from producers.ad.attributes import Watched
from producers.ad.forest import ForestWatch
from producers.ad.naming_context import ForestReading, NamingContext
from producers.ad.notifications import Wakeup
from producers.ad.servers import Servers
from producers.metrics import ERRORS
from producers.sequence import last_number
from producers.source import STREAMING, WATERMARK_S, Batch, Progress
from producers.watermark import SourceWatermark
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.deadletter import DeadLetter
from streams.contracts.errors import RetriableError
from streams.contracts.facts import Fact, Origin, Watermark
from streams.runtime.clock import HybridClock, now_ms
from streams.runtime.logs import get_logger
from streams.runtime.settings import ForestSettings

READ_UNTIL_S = 15.0  # between two watermarks of the forest: views that wait for a change ask how far was read
_MIN_INTERVAL_S = 0.05  # between two passes over the log
_TENANTS = "tenants"  # the part of the position that says to whom the forest was told
_SCOPE = "scope"  # and by which scope: a fact is judged by the settings of its time, and so by changed ones only anew
_LOOK_AGAIN_S = 300.0  # for domains whose servers did not answer at the start
_NOT_FOUND = "the domain of a domain controller that has not answered yet"

log = get_logger(__name__)


class ActiveDirectorySource:
    """Reads one forest (producers.source.Source). Naming contexts: those of the settings, else the domains
    of the servers that answer. A domain that is away does not keep the others waiting.
    """

    def __init__(self, forest: ForestSettings, added: Iterable[str] = (), scope: str = "") -> None:
        """added: attributes that are read beside the usual ones, because settings of tenants name them.

        scope: names what the settings say of who is synchronised; with another one everything is emitted again.
        """
        self._origins = [
            Origin(name=f"ad/{forest.name}", side="ad", tenant=tenant, forest=forest.name)
            for tenant in sorted(forest.tenants, key=lambda each: each != forest.tenant)
        ]
        self.origin = self._origins[0]
        self.progress = Progress()
        self._forest = forest
        self._watched = Watched(added)
        self._scope = scope
        self._servers = Servers(forest)
        self._sequence = HybridClock()
        self._watch: ForestWatch | None = None
        self._marked_at = -WATERMARK_S
        self._read_until_at = time.monotonic()
        self._saved: list[Checkpoint] = []
        self._first: list[Checkpoint] = []  # what the first batch saves
        self._contexts: dict[str, NamingContext] = {}
        self._turn: list[NamingContext] = []
        self._look_at = 0.0  # when to look for naming contexts (again)
        self._wakeup = Wakeup()
        self._read_at = 0.0

    def restore(self, checkpoints: Iterable[Checkpoint], claimed_ms: int | None = None) -> None:
        """Take back every saved part; the sequence goes on above the highest number that was given out."""
        self._saved = list(checkpoints)
        self._sequence = HybridClock(last_number(self._saved, claimed_ms))
        self._begin_anew_where_settings_changed()

    def read(self) -> Batch:
        """The next batch of any naming context; `contacted` only if every one of them answers.

        Raises RetriableError if no domain controller answers, FatalError if we are refused.
        """
        if not self._contexts or time.monotonic() >= self._look_at:
            self._find_contexts()
        self._read_at = time.monotonic()
        began_ms = now_ms()
        facts: list[Fact] = []
        rejected: list[DeadLetter] = []
        checkpoints = [*self._first]
        more = False
        # the turn goes round, so that a full pass of one domain does not keep the others waiting
        self._turn = [*self._turn[1:], *self._turn[:1]]
        for context in self._turn:
            if not context.session.is_due:
                continue
            try:
                batch = context.read()
            except RetriableError as error:
                self._back_off(context, error)
                continue
            context.session.succeeded()
            facts += batch.facts
            rejected += batch.rejected
            checkpoints += batch.checkpoints
            more = batch.more
            if more:
                break
        if not more:
            facts += self._forest_facts()
        passes = {context.full_pass for context in self._contexts.values()} - {None}
        self.progress.phase = "snapshot" if "snapshot" in passes else "resync" if passes else STREAMING
        contacted = not any(context.session.failures for context in self._contexts.values())
        whole = contacted and not more and self._look_at == float("inf")  # every domain was found, and answers
        watermarks = self._watermarks(began_ms) if whole else []
        read_until = self._read_until(began_ms) if contacted and not more else None
        self._first = []
        return Batch(
            facts=facts, rejected=rejected, checkpoints=checkpoints, watermarks=watermarks, read_until=read_until,
            more=more, contacted=contacted, beside=self._origins[1:],
        )  # fmt: skip

    def wait(self, timeout_s: float) -> None:
        """Return when something changed, after `timeout_s`, or when `wake` was called."""
        end = time.monotonic() + timeout_s
        while (left := end - time.monotonic()) > 0:
            sessions = [context.session for context in self._contexts.values()]
            notifications = [session.notification for session in sessions if not session.failures]
            woken, notified = self._wakeup.wait(notifications, min(left, self._forest.poll_interval_s))
            if woken:
                return
            if notified or any(context.session.is_due and context.changed() for context in self._contexts.values()):
                # a directory that never rests must not be read without a pause
                time.sleep(max(0.0, self._read_at + _MIN_INTERVAL_S - time.monotonic()))
                return

    def wake(self) -> None:
        """End a `wait` from another thread."""
        self._wakeup.wake()

    def close(self) -> None:
        """Close every connection."""
        for context in self._contexts.values():
            context.close()
        self._servers.close()
        self._wakeup.close()

    @property
    def collections(self) -> list[str]:
        """The naming contexts that were found."""
        return [*self._contexts]

    def resync(self, collection: str) -> list[Checkpoint]:
        """See producers.source.Source.resync; `collection`: a naming context."""
        if collection:
            [named] = [name for name in self._contexts if name.lower() == collection.lower()] or [collection]
            return self._contexts[named].emit_again()
        self._watch = None  # tells the forest anew
        # Those that do not answer yet: without a position each will be read in full.
        lost = [saved for saved in self._saved if saved.part.startswith("position/")]
        lost = [saved for saved in lost if saved.part.removeprefix("position/") not in self._contexts]
        self._saved = [saved for saved in self._saved if saved not in lost]
        forgotten = [replace(saved, position={}) for saved in lost]
        return forgotten + [part for context in self._contexts.values() for part in context.emit_again()]

    def resyncing(self, collection: str) -> bool:
        """See producers.source.Source.resyncing."""
        contexts = [each for name, each in self._contexts.items() if collection.lower() in ("", name.lower())]
        if not contexts and self._look_at == float("inf"):
            return False
        return not contexts or any(context.position.again for context in contexts)

    def _begin_anew_where_settings_changed(self) -> None:
        """Drop the positions where a tenant was added, or the scope is another: all is read and emitted again."""
        saved = {each.part: each.position for each in self._saved}
        positions: dict[str, dict[str, Any]] = {}
        tenants = [origin.tenant for origin in self._origins]
        stored = saved.get(_TENANTS, {}).get("tenants")
        again = False
        if stored is not None or len(tenants) > 1:
            again = not isinstance(stored, list) or any(tenant not in stored for tenant in tenants)
            positions |= {_TENANTS: {"tenants": tenants}} if stored != tenants else {}
        if saved.get(_SCOPE, {}).get("scope", "") != self._scope:
            again = True
            positions[_SCOPE] = {"scope": self._scope}
        if again:
            lost = [each for each in self._saved if each.part.startswith("position/")]
            self._saved = [each for each in self._saved if each not in lost]
            self._first = [replace(each, position={}) for each in lost]
        self._first += [
            Checkpoint(source=self.origin.name, part=part, seq=self._sequence.last, ts_ms=now_ms(), position=position)
            for part, position in positions.items()
        ]

    def _forest_facts(self) -> list[Fact]:
        """News of the forest itself, where hybrid join is watched; after a full pass, not in between."""
        if not self._forest.hybrid_join or not self._turn:
            return []
        if self._watch is None:
            self._watch = ForestWatch(self._forest.name, self._servers, self._sequence, self._forest.forest_interval_s)
        return self._watch.read(self._turn[0].name) if self._watch.is_due else []

    def _watermarks(self, began_ms: int) -> list[Watermark]:
        now = time.monotonic()
        if now < self._marked_at + WATERMARK_S:
            return []
        self._marked_at = now
        return [Watermark(origin=origin, read_ms=began_ms) for origin in self._origins]

    def _read_until(self, began_ms: int) -> SourceWatermark | None:
        """How far was read, if it is time to say so. `began_ms`: when the pass began that has read everything."""
        now = time.monotonic()
        if now < self._read_until_at + READ_UNTIL_S:
            return None
        self._read_until_at = now
        return SourceWatermark(read_until_ms=began_ms, seq=self._sequence.next(), ts_ms=now_ms())

    def _back_off(self, context: NamingContext, error: RetriableError) -> None:
        """Let a failing naming context wait. Raises `error` where no other one answers: the runner waits."""
        if all(other is context or other.session.failures for other in self._contexts.values()):
            raise error
        wait_s = context.session.back_off(error.retry_after_s)
        ERRORS.labels(self.origin.name, "read", type(error).__name__).inc()
        log.warning(
            "a naming context is put off",
            source=self.origin.name,
            naming_context=context.name,
            error=str(error),
            wait_s=round(wait_s, 1),
        )

    def _find_contexts(self) -> None:
        names, complete = self._forest.naming_contexts, True
        if not names:
            names, complete = self._servers.naming_contexts()
        self._look_at = float("inf") if complete else time.monotonic() + _LOOK_AGAIN_S
        if complete:
            self.progress.unheard.pop(_NOT_FOUND, None)
        else:
            self.progress.unheard.setdefault(_NOT_FOUND, time.monotonic())
        shared = ForestReading(
            self.origin.name, self._forest, self._servers, self._sequence, self.progress, self._watched
        )
        for name in names:
            if name in self._contexts:
                continue
            context = NamingContext(name, shared, elsewhere=partial(self._is_known_outside, name))
            context.restore(self._saved)
            self._contexts[name] = context
            self._turn.append(context)
            log.info("naming context", source=self.origin.name, name=name, known=len(context.published))
        if complete:
            self._saved = []

    def _is_known_outside(self, name: str, object_id: str) -> bool:
        return any(object_id in other.published for other in self._contexts.values() if other.name != name)
