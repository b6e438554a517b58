"""The only loop: read -> publish -> flush -> save the position.

One runner, one source, one thread. While Kafka is away it keeps the batch it has and reads nothing more,
so memory stays bounded and nothing is lost; while the source is away it backs off. A kill at any step
repeats what came after the last saved position and never skips.

It writes only while it is the source's writer, and carries out the readings that are ordered (producers.ledger): the
position that begins one goes to Kafka before the answer that says so, so that a kill in between begins it again.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TypeVar

import msgspec
from tenacity import RetryCallState

from producers import metrics
from producers.ledger import Ledger, ReplacedError
from producers.publisher import Publisher
from producers.source import STREAMING, Batch, Source
from streams.contracts.checkpoint import Checkpoint, contact_record
from streams.contracts.deadletter import DeadLetter
from streams.contracts.errors import RetriableError
from streams.contracts.orders import Answer
from streams.runtime.backoff import retrying
from streams.runtime.clock import now_ms
from streams.runtime.logs import get_logger

# How long a source may wait for news before the loop turns again, so that the heartbeat stays young.
_WAIT_S = 5.0
_PROGRESS_EVERY_S = 10.0
# How often the last contact is published, and at once when a pass begins or ends.
_CONTACT_EVERY_S = 15.0
# Dead letters of one batch: a page of a thousand items that cannot be read must not become a thousand, each time.
_MOST_REFUSED = 100
_MOST_NAMED = 20  # orders and silent parts in one contact record

T = TypeVar("T")
log = get_logger(__name__)


class Runner:
    """Carries one source's facts into Kafka until `stop` is called."""

    def __init__(self, source: Source, publisher: Publisher, ledger: Ledger) -> None:
        self._source = source
        self._publisher = publisher
        self._ledger = ledger
        self._name = source.origin.name
        self._stop = threading.Event()
        self._progress_at = 0.0
        self._contact_at: float | None = None
        self._contact_published_at: float | None = None
        self._published_state: tuple[object, ...] = ()
        self._marked = False
        self._whole_ms = 0

    def run(self) -> None:
        """Run until `stop`. Raises FatalError, and whatever is a fault of ours; never a RetriableError.

        Once another process has taken the source over: stand by, and raise ReplacedError when that one fell silent, so
        that a fresh process takes it over in turn.
        """
        log.info("source starts", source=self._name)
        # Each is closed, whatever the closing of another raises.
        with closing(self._ledger), closing(self._publisher), closing(self._source):
            try:
                saved = self._retry("restore", lambda: self._ledger.take_over(self._publisher))
                self._whole_ms = self._ledger.whole_ms
                self._source.restore(saved, self._ledger.claimed_ms)
                while not self._stop.is_set():
                    self._turn()
            except ReplacedError as error:
                log.error("replaced", source=self._name, error=str(error))
                metrics.ERRORS.labels(self._name, "deliver", type(error).__name__).inc()
                metrics.ORDERS.labels(self._name).set(0)
                self._ledger.stand_by(self._stop)
                if not self._stop.is_set():
                    raise
            except RetriableError:
                if not self._stop.is_set():  # only a set stop ends the retries
                    raise
        log.info("source stopped", source=self._name)

    def stop(self) -> None:
        """End `run` soon, from any thread; what is not acknowledged yet will be read again."""
        self._stop.set()
        self._source.wake()

    def _turn(self) -> None:
        metrics.HEARTBEAT.labels(self._name).set_to_current_time()
        self._retry("deliver", self._ledger.require_writer)
        batch = self._retry("read", self._source.read)
        if batch.contacted:
            metrics.LAST_CONTACT.labels(self._name).set_to_current_time()
            self._contact_at = time.monotonic()
        if _has_content(batch):
            self._retry("deliver", lambda: self._deliver(batch))
            self._count(batch)
            self._marked |= any(not mark.part for mark in batch.watermarks)
        self._retry("deliver", self._publish_contact)
        self._follow_orders()
        self._report()
        if not batch.more and not self._stop.is_set():
            self._source.wait(_WAIT_S)

    def _deliver(self, batch: Batch) -> None:
        with metrics.DELIVERY_SECONDS.labels(self._name).time():
            self._ledger.require_writer()
            if batch.facts:
                for origin in (self._source.origin, *batch.beside):
                    self._publisher.publish_facts(origin, batch.facts)
            if batch.read_until is not None:
                for origin in (self._source.origin, *batch.beside):
                    self._publisher.publish_read_until(origin, batch.read_until)
            for mark in batch.watermarks:
                self._publisher.publish_watermark(mark)
            for state in batch.tenants:
                self._publisher.publish_tenant(state)
            self._publisher.publish_events(self._name, batch.events)
            self._publisher.publish_dead_letters(_bounded(batch.rejected))
            self._publisher.flush()
            self._ledger.require_writer()
            self._publisher.publish_checkpoints(batch.checkpoints)
            self._publisher.flush()

    def _follow_orders(self) -> None:
        """Say what is done, then begin what is due: what a kill repeats does no harm, what it left out would."""
        for answer in self._ledger.begun():
            if not self._source.resyncing(answer.scope.partition("#")[2]):
                self._answer(answer.done(now_ms()))
                log.info("an ordered reading is done", source=self._name, order=answer.id, scope=answer.scope)
        order = self._ledger.due()
        if order is None:
            return
        answer = self._ledger.begin(order)
        fields = {"source": self._name, "order": order.id, "scope": order.scope, "by": order.by, "why": order.why}
        log.warning("reading again in full, as ordered", **fields)
        try:
            position = self._source.resync(order.collection)
        except KeyError:
            there = ", ".join(self._source.collections) or "nothing but the whole"
            position, answer = (), replace(answer, state="refused", note=f"no such collection: there is {there}"[:400])
        self._answer(answer, position)

    def _answer(self, answer: Answer, position: Sequence[Checkpoint] = ()) -> None:
        batch = Batch(checkpoints=[*position, answer.record()])
        self._retry("deliver", lambda: self._deliver(batch))
        self._ledger.note(answer)

    def _publish_contact(self) -> None:
        """Tell in Kafka how fresh this source is: whoever reads findings without Prometheus must be able to know."""
        progress, now_s = self._source.progress, time.monotonic()
        orders = self._ledger.unfinished()
        metrics.ORDERS.labels(self._name).set(len(orders))
        if self._marked and not self._whole_ms and progress.phase == STREAMING:
            self._whole_ms = now_ms()
            self._contact_published_at = None
        due = self._contact_published_at is None or now_s - self._contact_published_at >= _CONTACT_EVERY_S
        state = (progress.phase, *orders)
        if not due and state == self._published_state:
            return
        at_ms = now_ms()
        contact = contact_record(
            self._name,
            # How long ago it was, whatever the clock did since: streams.contracts.checkpoint.contacted_ms.
            contact_ms=0 if self._contact_at is None else at_ms - int((now_s - self._contact_at) * 1000),
            ts_ms=at_ms,
            phase=progress.phase,
            done=progress.done,
            unread=progress.unread,
            unheard={name: int(now_s - at_s) for name, at_s in list(progress.unheard.items())[:_MOST_NAMED]},
            orders=orders[:_MOST_NAMED],
            whole_ms=self._whole_ms,
        )
        self._publisher.publish_contact(contact)  # not worth a flush of its own
        self._publisher.require_layout()
        self._contact_published_at, self._published_state = now_s, state

    def _count(self, batch: Batch) -> None:
        for op, number in Counter(fact.op for fact in batch.facts).items():
            metrics.FACTS.labels(self._name, op.value).inc(number)
        for name, number in Counter(event.log for event in batch.events).items():
            metrics.EVENTS.labels(self._name, name.value).inc(number)
        for letter in batch.rejected:
            metrics.REJECTED.labels(self._name, letter.reason).inc()
        if batch.facts or batch.events:  # the tenant's state is told with every reading, changed or not
            metrics.LAST_CHANGE.labels(self._name).set_to_current_time()
        if batch.checkpoints:
            metrics.CHECKPOINT_SAVED.labels(self._name).set_to_current_time()

    def _report(self) -> None:
        progress = self._source.progress
        metrics.IN_PASS.labels(self._name).set(progress.phase != STREAMING)
        if progress.phase == STREAMING:
            return
        metrics.PASS_OBJECTS.labels(self._name).set(progress.done)
        if time.monotonic() - self._progress_at >= _PROGRESS_EVERY_S:
            self._progress_at = time.monotonic()
            log.info(
                "progress",
                source=self._name,
                phase=progress.phase,
                done=progress.done,
                total=progress.total,
                **progress.notes,
            )

    def _retry(self, stage: str, step: Callable[[], T]) -> T:
        def before_sleep(state: RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            metrics.HEARTBEAT.labels(self._name).set_to_current_time()
            metrics.ERRORS.labels(self._name, stage, type(error).__name__).inc()
            wait_s = state.next_action.sleep if state.next_action else 0.0
            log.warning("trying again", source=self._name, stage=stage, error=str(error), wait_s=round(wait_s, 1))

        return retrying(self._stop, before_sleep=before_sleep)(step)


def _has_content(batch: Batch) -> bool:
    """Whether there is anything to write."""
    parts = (batch.facts, batch.tenants, batch.events, batch.rejected, batch.checkpoints, batch.watermarks)
    return any(parts) or batch.read_until is not None


def _bounded(rejected: Sequence[DeadLetter]) -> Sequence[DeadLetter]:
    """The first of many, and a last one that says how many more there were; the metric counts all of them."""
    if len(rejected) <= _MOST_REFUSED:
        return rejected
    *kept, last = rejected[:_MOST_REFUSED]
    more = len(rejected) - _MOST_REFUSED
    error = f"and {more} more of this batch, which have no dead letters of their own; of this one: {last.error}"
    return [*kept, msgspec.structs.replace(last, error=error)]
