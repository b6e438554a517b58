"""The project agent's work: facts of one partition into object state, contributions out to the views."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from streams.agents.deadletters import TRACEBACKS, Fuse, dead_letter
from streams.agents.delivery.lanes import Record
from streams.agents.delivery.outbox import Outbox
from streams.agents.metrics import EVENTS, FACTS
from streams.agents.plausible import (
    arrival_ms,
    event_in_time,
    fact_in_time,
    is_outdated,
    tenant_in_time,
    watermark_in_time,
)
from streams.agents.soundness import projector_is_sound
from streams.agents.tables.rows import PartitionRows
from streams.contracts.codec import convert, decode, encode, load_document
from streams.contracts.deadletter import DeadLetter
from streams.contracts.errors import FatalError, InvalidRecordError
from streams.contracts.events import EventChunk
from streams.contracts.facts import Fact, FactChunk, Forget, Origin, TenantState, Watermark
from streams.contracts.topics import DAY_MS
from streams.evaluation.forgetting import ForgettingPass
from streams.evaluation.projector import Projector
from streams.runtime.logs import get_logger
from streams.views.event_contributions import contributions_of_event, fact_of_event
from streams.views.installation.tenant_view import tenant_contributions

STAGE = "project"
_BREATHE_EVERY = 100
"""Facts between two looks at the event loop: heartbeats and other partitions go on meanwhile."""
_SWEPT_AT_ONCE = 1_000
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
log = get_logger(__name__)


class ProjectPartition:
    """Handles the records of one partition of a change topic.

    Order of lasting effects: contributions acknowledged, then the state flushed, then (by the lane) the
    offset committed. A crash in between repeats and never skips.
    """

    def __init__(
        self,
        projector: Projector,
        rows: PartitionRows,
        new_outbox: Callable[[str, Record], Outbox],
        fuse: Fuse,
        forget_after_ms: int = 180 * DAY_MS,
    ) -> None:
        self._forget_after_ms = forget_after_ms
        self._projector = projector
        self._rows = rows
        self._new_outbox = new_outbox
        self._fuse = fuse
        self._tracebacks = TRACEBACKS

    async def __call__(self, records: Sequence[Record]) -> None:
        """Work off the records. Raises FatalError (fuse, lease) and Kafka's errors."""
        outbox = self._new_outbox(STAGE, records[0])
        work: list[tuple[Record, Origin, Fact] | tuple[Record, Forget]] = []
        for record in records:
            arrived_ms, by_broker = arrival_ms(record), record.arrived_ms is not None
            for decoded in _facts(record, outbox):
                if isinstance(decoded, Watermark):
                    outbox.watermark(watermark_in_time(decoded, arrived_ms, by_broker=by_broker), record.partition)
                elif isinstance(decoded, Forget):
                    work.append((record, decoded))
                else:
                    origin, fact = decoded
                    work.append((record, origin, fact_in_time(fact, arrived_ms, origin.name, by_broker=by_broker)))
        facts = [each for each in work if len(each) == 3]
        self._rows.prefetch(self._projector.row_keys(fact for _, _, fact in facts))
        for side, count in Counter(origin.side for _, origin, _ in facts).items():
            FACTS.labels(side).inc(count)
        for count, item in enumerate(work, start=1):
            if len(item) == 3:
                self._project(*item, outbox)
            else:
                await self._forget(*item, outbox)
            if count % _BREATHE_EVERY == 0:
                await asyncio.sleep(0)
        await outbox.deliver()
        await self._rows.flush()

    def _project(self, record: Record, origin: Origin, fact: Fact, outbox: Outbox) -> None:
        try:
            _require_guid(fact)
            contributions = self._projector.apply(origin, fact, self._rows)
        except FatalError:
            raise
        except InvalidRecordError as error:
            self._rows.drop()
            outbox.dead(_letter(error.reason, str(error), record, origin, fact))
        except Exception as error:
            self._rows.drop()
            shown, self._tracebacks = self._tracebacks > 0, self._tracebacks - 1
            log.error("fact_failed", object_id=fact.object_id, source=origin.name, exc_info=error if shown else None)
            if not projector_is_sound(self._projector):
                self._fuse.bad(error)
            outbox.dead(_letter("project_failed", f"{type(error).__name__}: {error}", record, origin, fact))
        else:
            self._rows.keep()
            self._fuse.good()
            outbox.contributions(contributions)

    async def _forget(self, record: Record, order: Forget, outbox: Outbox) -> None:
        """Forget the objects of the order; or look for those that are due, and order all partitions to forget them."""
        try:
            if order.ids is None:
                sweep = ForgettingPass(self._rows, arrival_ms(record), self._forget_after_ms)
                for count, _ in enumerate(sweep.run()):
                    if count % _SWEPT_AT_ONCE == 0:
                        await asyncio.sleep(0)
                if sweep.due:
                    outbox.forget(record.topic, sweep.due)
            else:
                emitted, found = self._projector.forget(
                    order.ids, self._rows, even_living=order.even_living, words=order.words
                )
                outbox.contributions(emitted)
                if found and order.words:
                    outbox.forget_past(order.words)
        except FatalError:
            raise
        except Exception as error:  # noqa: BLE001  what cannot be forgotten now is looked at by the next sweep
            self._rows.drop()
            log.error("forgetting_failed", error=type(error).__name__)
            outbox.dead(_refused(error, record))
        else:
            self._rows.keep()


class ContextPartition:
    """Handles the tenant topic: context for every views partition, and contributions to the tenant's own view."""

    def __init__(self, new_outbox: Callable[[str, Record], Outbox]) -> None:
        self._new_outbox = new_outbox

    async def __call__(self, records: Sequence[Record]) -> None:
        """Pass the tenants' states on. Raises Kafka's errors."""
        outbox = self._new_outbox(STAGE, records[0])
        for record in records:
            if record.value is None:
                continue  # a tombstone: what was known of the tenant stays until it is said otherwise
            try:
                tenant = tenant_in_time(decode(record.value, TenantState), arrival_ms(record))
                emitted = tenant_contributions(tenant)
            except Exception as error:  # noqa: BLE001  one reading that cannot be used costs that reading
                outbox.dead(_refused(error, record))
                continue
            outbox.context(tenant)
            outbox.contributions(emitted)
        await outbox.deliver()


class EventPartition:
    """Handles the topics of events: contributions to the views that they name, or a fact for the object that they name.

    It keeps nothing: an event that is read again says the same.
    """

    def __init__(self, new_outbox: Callable[[str, Record], Outbox]) -> None:
        self._new_outbox = new_outbox

    async def __call__(self, records: Sequence[Record]) -> None:
        """Pass the events on. Raises Kafka's errors."""
        outbox = self._new_outbox(STAGE, records[0])
        for record in records:
            try:
                chunk = decode(record.value, EventChunk)
            except InvalidRecordError as error:
                outbox.dead(dead_letter(STAGE, error.reason, str(error), record))
                continue
            arrived_ms = arrival_ms(record)
            for reported in chunk.events:
                EVENTS.labels(reported.log.value).inc()
                if is_outdated(reported, arrived_ms, chunk.source):
                    continue
                event = event_in_time(reported, arrived_ms, chunk.source)
                try:
                    emitted, about = contributions_of_event(event), fact_of_event(event)
                except Exception as error:  # noqa: BLE001  one event that cannot be used costs that event
                    outbox.dead(_refused(error, record, encode(EventChunk(source=chunk.source, events=[event]))))
                    continue
                outbox.contributions(emitted)
                if about is not None:
                    outbox.fact(*about)
            await asyncio.sleep(0)
        await outbox.deliver()


def _facts(record: Record, outbox: Outbox) -> Iterator[tuple[Origin, Fact] | Watermark | Forget]:
    """The facts of a record, or the watermark or order that it is.

    What is neither becomes a dead letter, fact by fact where the chunk is readable.
    """
    try:
        item: FactChunk | Watermark | Forget = decode(record.value, FactChunk | Watermark | Forget)  # type: ignore[arg-type]
    except InvalidRecordError as error:
        yield from _readable_facts(record, error, outbox)
    else:
        if isinstance(item, Watermark | Forget):
            yield item
        else:
            yield from ((item.origin, fact) for fact in item.facts)


def _readable_facts(record: Record, whole: InvalidRecordError, outbox: Outbox) -> Iterator[tuple[Origin, Fact]]:
    try:
        document = load_document(record.value or b"")
        origin = convert(document["origin"], Origin)
        parts = list(document["facts"])
    except (InvalidRecordError, ValueError, KeyError, TypeError):
        outbox.dead(dead_letter(STAGE, whole.reason, str(whole), record))
        return
    if document.get("type") != "facts":
        outbox.dead(dead_letter(STAGE, whole.reason, str(whole), record))
        return
    for part in parts:
        try:
            yield origin, convert(part, Fact)
        except InvalidRecordError as error:
            outbox.dead(dead_letter(STAGE, error.reason, str(error), record, _redrivable(origin, part)))


def _require_guid(fact: Fact) -> None:
    """Every object of either directory is known by a GUID; what is not has no view. Raises InvalidRecordError."""
    if not _GUID.fullmatch(fact.object_id):
        raise InvalidRecordError("object_guid", f"{fact.object_id[:100]!r} is no GUID with dashes")


def _refused(error: Exception, record: Record, original: bytes | None = None) -> DeadLetter:
    reason = error.reason if isinstance(error, InvalidRecordError) else "project_failed"
    return dead_letter(STAGE, reason, f"{type(error).__name__}: {error}", record, original)


def _letter(reason: str, error: str, record: Record, origin: Origin, fact: Fact) -> DeadLetter:
    return dead_letter(STAGE, reason, error, record, encode(FactChunk(origin=origin, facts=[fact])))


def _redrivable(origin: Origin, part: object) -> bytes | None:
    """A chunk of its own around one refused fact, so that it can be sent again as it is; None where the fact is nested
    deeper than JSON is written, though not than it is read: the whole record stands for it then.
    """
    try:
        return encode({"type": "facts", "origin": origin, "facts": [part], "schema_version": 1})
    except (TypeError, ValueError, RecursionError):
        return None
