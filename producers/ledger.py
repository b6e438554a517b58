"""What the checkpoint topic says to one source: its position, who writes it, which readings are ordered.

One writer per source. A process that starts claims the source, and the last claim in the log stands: the log's order
decides and no clock does. The older process sees the claim, stops writing and stands by. What it wrote behind the claim
is told by the epoch in its records; the newer one then starts afresh, to take that in, too.
"""

from __future__ import annotations

import contextlib
import threading
import time
import uuid
from collections.abc import Sequence
from typing import Protocol

from producers import metrics
from producers.checkpoint import CheckpointLog, StoredCheckpoint, positions_of
from producers.installation import INSTALLATION, Identity
from producers.publisher import Publisher, checkpoint_key
from streams.contracts.checkpoint import CONTACT, Checkpoint, read_whole_ms
from streams.contracts.codec import decode
from streams.contracts.errors import FatalError, InvalidRecordError, RetriableError
from streams.contracts.orders import (
    EPOCHS,
    FIRST_PAUSE_MS,
    LONGEST_PAUSE_MS,
    Answer,
    Order,
    WriterClaim,
    answered,
    order_in,
)
from streams.runtime.clock import now_ms
from streams.runtime.logs import get_logger
from streams.runtime.settings import KafkaSettings

_SETTLE_S = 3.0
"""How long an order waits for others: whoever finds a loss finds it in several partitions."""
_LOOK_EVERY_S = 1.0
_BLIND_S = 5.0
"""How old the last look at the log may be for anything to be written."""
SILENT_S = 120.0
"""How long the writer (a contact record every 15 s) must be silent for one that stands by to take its place."""
_CLAIM_S = 30.0
_MOST_SCOPES = 100
# Counts on while the machine sleeps, where the system has such a clock.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)

log = get_logger(__name__)


class ReplacedError(FatalError):
    """Another process has taken the source over."""


class Ledger(Protocol):
    """What a runner asks of it."""

    def take_over(self, publisher: Publisher) -> list[Checkpoint]:
        """Become the source's writer; its saved position. Raises RetriableError."""

    @property
    def claimed_ms(self) -> int | None:
        """When we became the writer, by the broker's clock; None where it tells no time, and before `take_over`."""

    @property
    def whole_ms(self) -> int:
        """When the source's first reading came to its end, as it said in an earlier life; 0: it has not said so."""

    def require_writer(self) -> None:
        """Return if we write the source. Raises ReplacedError, FatalError, or RetriableError while that is unknown."""

    def due(self) -> Order | None:
        """The ordered reading to begin now."""

    def begun(self) -> Sequence[Answer]:
        """The ordered readings that began and are not said to be done."""

    def unfinished(self) -> Sequence[str]:
        """The scopes of every ordered reading that is not done, begun or not."""

    def begin(self, order: Order) -> Answer:
        """The answer to an order whose reading begins."""

    def note(self, answer: Answer) -> None:
        """An answer was written."""

    def stand_by(self, stop: threading.Event) -> None:
        """After ReplacedError: return when `stop` is set, or when the other one has been silent for long."""

    def close(self) -> None: ...


class Book:
    """The records of the topic, as far as they concern `source`. Pure: the time is an argument."""

    def __init__(self, source: str, me: str) -> None:
        self.source = source
        self.me = me
        self.parts: dict[str, bytes | None] = {}
        self.claim: WriterClaim | None = None
        self.mine: WriterClaim | None = None
        self.claimed_ms: int | None = None
        self.late = False  # somebody else wrote to our position behind our claim
        self.installation: bytes | None = None
        self.records_read = 0  # how many records of whoever writes the source were read
        self.whole_ms = 0
        self._orders: dict[str, Order] = {}
        self._answers: dict[str, Answer] = {}
        self._since_s: dict[str, float] = {}

    def read(self, record: StoredCheckpoint, at_s: float) -> None:
        """Take in the next record of the log, at `at_s` seconds of any clock that only goes forward."""
        owner, _, part = record.key.partition("#")
        if owner == self.source:
            self.records_read += 1
            if self.mine is None:
                self.parts[record.key] = record.value
            elif self.claim == self.mine and record.epoch != self.mine.epoch:
                self.late = True
        elif record.key == INSTALLATION:
            self.installation = record.value
        elif owner == CONTACT and part == self.source:
            self.records_read += 1
            self._contact(record)
        elif part.partition("#")[0] == self.source and record.value is not None:
            self._take_order(record, at_s)

    def _contact(self, record: StoredCheckpoint) -> None:
        with contextlib.suppress(InvalidRecordError):
            if record.value is not None:
                self.whole_ms = read_whole_ms(decode(record.value, Checkpoint)) or self.whole_ms

    def _take_order(self, record: StoredCheckpoint, at_s: float) -> None:
        try:
            found = decode(record.value, Checkpoint)
            order = order_in(found)
            if checkpoint_key(found) != record.key:
                raise InvalidRecordError("wrong_shape", f"it says that it is {checkpoint_key(found)!r}")
        except InvalidRecordError as error:
            log.warning("a record about this source cannot be read", source=self.source, key=record.key, why=str(error))
            return
        if isinstance(order, WriterClaim) and order.source == self.source:
            self.claim = order
            self.records_read += 1
            if order.id == self.me:
                self.mine, self.claimed_ms = order, record.arrived_ms
        elif isinstance(order, Answer):
            self.note(order)
        elif isinstance(order, Order) and self._has_room(order):
            self._orders[order.scope] = order
            self._since_s.setdefault(order.scope, at_s)

    def _has_room(self, order: Order) -> bool:
        return order.scope in (self.source, *self._orders) or len(self._orders) < _MOST_SCOPES

    def next_claim(self, at_ms: int) -> WriterClaim:
        """Our claim: its epoch is another than that of the claim that stands, however high that one is."""
        epoch = 1 if self.claim is None else (self.claim.epoch + 1) % EPOCHS
        return WriterClaim(self.source, self.me, epoch, at_ms)

    @property
    def is_replaced(self) -> bool:
        """Whether a claim stands behind ours."""
        return self.mine is not None and self.claim != self.mine

    def note(self, answer: Answer) -> None:
        """An answer stands."""
        known = (self.source, *self._orders, *self._answers)
        if answer.scope in known or len(self._answers) < _MOST_SCOPES:
            self._answers[answer.scope] = answer

    def begun(self) -> list[Answer]:
        """See Ledger.begun."""
        return [answer for answer in self._answers.values() if answer.state == "begun"]

    def unfinished(self) -> list[str]:
        """See Ledger.unfinished."""
        waiting = {scope for scope, order in self._orders.items() if not answered(order, self._answers.get(scope))}
        return sorted(waiting | {answer.scope for answer in self.begun()})

    def due(self, at_s: float, at_ms: int) -> Order | None:
        """The oldest order that is open, has settled, and may begin; one at a time for each scope.

        `at_ms`: the wall clock, as answers have it; times of the future count as none.
        """
        for scope, order in self._orders.items():
            answer = self._answers.get(scope)
            if answer is not None and answer.id == order.id:
                self._since_s.pop(scope, None)
                continue
            if at_s - self._since_s.setdefault(scope, at_s) < _SETTLE_S:
                continue
            if answer is None or (answer.state != "begun" and not _rests(answer, at_ms)):
                return order
        return None

    def begin(self, order: Order, at_ms: int) -> Answer:
        """The answer to an order that begins: the pause after it doubles where one follows another closely."""
        last = self._answers.get(order.scope)
        pause_ms = FIRST_PAUSE_MS
        if (
            last is not None
            and 0 < last.pause_ms <= LONGEST_PAUSE_MS
            and 0 <= at_ms - last.begun_ms < 4 * last.pause_ms
        ):
            pause_ms = min(2 * last.pause_ms, LONGEST_PAUSE_MS)
        return Answer(order.scope, order.id, "begun", at_ms, begun_ms=at_ms, pause_ms=pause_ms)


def _rests(answer: Answer, at_ms: int) -> bool:
    return 0 <= at_ms - answer.begun_ms < min(answer.pause_ms, LONGEST_PAUSE_MS)


class KafkaLedger:
    """The Book of one source, kept by a thread that follows the topic (producers.ledger.Ledger)."""

    def __init__(
        self, kafka: KafkaSettings, source: str, identity: Identity | None = None, *, silent_s: float = SILENT_S
    ) -> None:
        """`identity`: the installation that the topics must belong to, unless they belong to none yet."""
        self._kafka = kafka
        self._identity = identity
        self._source = source
        self._silent_s = silent_s
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._log: CheckpointLog | None = None
        self._thread: threading.Thread | None = None
        self._book = Book(source, "")
        self._looked_s = 0.0

    def take_over(self, publisher: Publisher) -> list[Checkpoint]:
        """See Ledger. The position is what stands before our claim: whoever wrote until then has lost it.

        Raises SettingsError where the topics are another installation's.
        """
        self._let_go()
        self._log = CheckpointLog(self._kafka, self._source)
        me = uuid.uuid4().hex  # another one each time: an earlier claim of ours is no claim of now
        self._book = Book(self._source, me)
        for record in self._log.read_to_end():
            self._book.read(record, 0.0)
        earlier = self._book.claim
        claim = self._book.next_claim(now_ms())
        records = [claim.record()]
        if self._identity is not None and self._identity.is_news(self._book.installation):
            records.append(self._identity.record())
        publisher.publish_checkpoints(records)
        publisher.flush()
        until = time.monotonic() + _CLAIM_S
        while self._book.mine is None:
            if time.monotonic() > until:
                raise RetriableError(f"our claim to write {self._source} cannot be read back")
            for record in self._log.poll(0.25):
                self._book.read(record, _now_s())
        publisher.writes_as(claim.epoch)
        self._looked_s = _now_s()
        log.info("writes the source", source=self._source, epoch=claim.epoch, after=earlier and earlier.epoch)
        self._show()
        self._thread = threading.Thread(
            target=self._follow, args=[self._log], name=f"ledger {self._source}", daemon=True
        )
        self._thread.start()
        return positions_of(self._book.parts)

    @property
    def claimed_ms(self) -> int | None:
        """See Ledger."""
        return self._book.claimed_ms

    @property
    def whole_ms(self) -> int:
        """See Ledger."""
        return self._book.whole_ms

    def require_writer(self) -> None:
        """See Ledger."""
        with self._lock:
            claim, mine, late, age_s = self._book.claim, self._book.mine, self._book.late, _now_s() - self._looked_s
        if mine is None:
            raise RetriableError(f"{self._source} is not claimed yet")
        if claim is not None and claim != mine:
            raise ReplacedError(
                f"another process writes {self._source} since epoch {claim.epoch} (ours: {mine.epoch}): this one "
                "stands by. Two producers of one source run: stop one, or see which of two nodes should have it"
            )
        if late:
            raise FatalError(
                f"the earlier writer of {self._source} still saved its position after this one had taken over: "
                "starting afresh, from what stands now. If this repeats, a producer of an earlier version runs, too"
            )
        if age_s > _BLIND_S:
            raise RetriableError(
                f"whether another process writes {self._source} by now is not known: the checkpoint topic was last "
                f"seen {age_s:.0f} s ago"
            )

    def due(self) -> Order | None:
        """See Ledger."""
        with self._lock:
            return self._book.due(_now_s(), now_ms())

    def begun(self) -> list[Answer]:
        """See Ledger."""
        with self._lock:
            return self._book.begun()

    def unfinished(self) -> list[str]:
        """See Ledger."""
        with self._lock:
            return self._book.unfinished()

    def begin(self, order: Order) -> Answer:
        """See Ledger."""
        with self._lock:
            return self._book.begin(order, now_ms())

    def note(self, answer: Answer) -> None:
        """See Ledger."""
        with self._lock:
            self._book.note(answer)

    def stand_by(self, stop: threading.Event) -> None:
        """See Ledger. Time in which Kafka could not be read does not count as silence of the writer."""
        read, since_s = -1, _now_s()
        while not stop.wait(_LOOK_EVERY_S):
            metrics.HEARTBEAT.labels(self._source).set_to_current_time()
            with self._lock:
                now_read, looked_s = self._book.records_read, self._looked_s
            if now_read != read or _now_s() - looked_s > _BLIND_S:
                read, since_s = now_read, _now_s()
            elif _now_s() - since_s > self._silent_s:
                return

    def close(self) -> None:
        """Stop following."""
        self._closed.set()
        self._let_go()

    def _let_go(self) -> None:
        thread, self._thread = self._thread, None
        log_of, self._log = self._log, None
        if thread is not None:
            self._closed.set()
            thread.join()
            self._closed.clear()
        if log_of is not None:
            log_of.close()

    def _follow(self, reader: CheckpointLog) -> None:
        while not self._closed.is_set():
            try:
                records = reader.poll(_LOOK_EVERY_S)
                with self._lock:
                    for each in records:
                        self._book.read(each, _now_s())
                asked_s = _now_s()
                if reader.sees_the_end():
                    with self._lock:
                        self._looked_s = asked_s
            except RetriableError as error:
                log.warning("the checkpoint topic is not followed", source=self._source, error=str(error))
                self._closed.wait(_LOOK_EVERY_S)
            self._show()

    def _show(self) -> None:
        metrics.WRITER.labels(self._source).set(not self._book.is_replaced)


def _now_s() -> float:
    return time.clock_gettime(_CLOCK)
