"""The evaluate agent's work: contributions, ticks and context of one partition in, findings out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from msgspec.structs import replace

from streams.agents.deadletters import TRACEBACKS, Fuse, dead_letter
from streams.agents.delivery.lanes import Record
from streams.agents.delivery.outbox import Outbox
from streams.agents.metrics import CONTRIBUTIONS, EVALUATIONS, FINDINGS, RULE_FAULTS, observe_duration
from streams.agents.plausible import arrival_ms, record_in_time
from streams.agents.soundness import partition_is_sound
from streams.agents.tables.rows import PartitionRows
from streams.contracts.codec import decode, encode
from streams.contracts.errors import FatalError, InvalidRecordError
from streams.contracts.views import Contribution, ContributionChunk, Tick, ViewRecord
from streams.evaluation.outcome import Outcome
from streams.evaluation.partition import EvaluatorOptions, ViewPartition
from streams.runtime.clock import CLOCK_SKEW_MS, HybridClock, now_ms
from streams.runtime.logs import get_logger
from streams.views.installation.tenant_view import TenantView

STAGE = "evaluate"
_ITEMS_AT_ONCE = 100
"""Contributions between two looks at the event loop."""
_STEPS, _STEPS_OF_A_TICK = 4, 20
"""How often what is due and to be evaluated again goes on behind a record: a tick has nobody waiting behind it."""
_FAULTS_REMEMBERED = 10_000
log = get_logger(__name__)


class EvaluatePartition:
    """Handles the records of one partition of the views topic.

    Order of lasting effects: findings and derived contributions acknowledged, then the views flushed,
    then (by the lane) the offset committed.
    """

    def __init__(
        self,
        views: ViewPartition,
        rows: PartitionRows,
        new_outbox: Callable[[str, Record], Outbox],
        fuse: Fuse,
        options: EvaluatorOptions | None = None,
    ) -> None:
        self._views = views
        self._rows = rows
        self._new_outbox = new_outbox
        self._fuse = fuse
        self._tracebacks = TRACEBACKS
        self._options = options or EvaluatorOptions()
        self._sequence = HybridClock()
        self._reported: dict[tuple[str, str], None] = {}
        self.ticked_ms = 0
        """What the latest tick that came back had said: the proof that this partition moves."""
        views.restore(rows, latest_ms=now_ms() + CLOCK_SKEW_MS)

    @property
    def clock_ms(self) -> int:
        """The partition's time."""
        return self._views.now_ms

    @property
    def counts(self) -> Counter[str]:
        """What this partition counts (streams.contracts.counts)."""
        return self._views.counts

    @property
    def tenants(self) -> dict[str, TenantView]:
        """The tenants whose own views are in this partition."""
        return self._views.tenant_views

    @property
    def backlog(self) -> int:
        """Views still to be evaluated again."""
        return self._views.pending

    async def __call__(self, records: Sequence[Record]) -> None:
        """Work off the records. Raises FatalError (fuse, lease) and Kafka's errors."""
        outbox = self._new_outbox(STAGE, records[0])
        work = [(record, part) for record in records for part in _parts(record, outbox)]
        self._rows.prefetch(key for _, part in work for key in self._views.row_keys(part))
        for record, part in work:
            if isinstance(part, Tick):
                self.ticked_ms = part.now_ms
            part = record_in_time(part, arrival_ms(record), by_broker=record.arrived_ms is not None)
            self._apply(record, part, outbox)
            await asyncio.sleep(0)
            for _ in range(_STEPS_OF_A_TICK if isinstance(part, Tick) else _STEPS):
                if not self._views.is_behind:
                    break
                self._apply(record, None, outbox)
                await asyncio.sleep(0)
        await outbox.deliver()
        await self._rows.flush()

    def _apply(self, record: Record, part: ViewRecord | None, outbox: Outbox) -> None:
        """Take in a part of the record; None: go on with what is due or to be evaluated again."""
        try:
            outcome = self._views.go_on(self._rows) if part is None else self._views.apply(part, self._rows)
        except FatalError:
            raise
        except Exception as error:  # noqa: BLE001 - nothing may raise out of an agent; the fuse counts
            self._rows.drop()
            self._views.restore(self._rows, latest_ms=now_ms() + CLOCK_SKEW_MS)
            self._refuse(record, part, error, outbox)
        else:
            self._rows.keep()
            self._publish(record, part, outcome, outbox)

    def _refuse(self, record: Record, part: ViewRecord | None, error: Exception, outbox: Outbox) -> None:
        reason = error.reason if isinstance(error, InvalidRecordError) else "evaluate_failed"
        if not isinstance(error, InvalidRecordError):
            shown, self._tracebacks = self._tracebacks > 0, self._tracebacks - 1
            where = {"partition": record.partition, "offset": record.offset}
            log.error("record_failed", **where, error=str(error)[:200], exc_info=error if shown else None)
            if not partition_is_sound(self._options):
                self._fuse.bad(error)
        said = record.value if part is None else encode(part)
        outbox.dead(dead_letter(STAGE, reason, f"{type(error).__name__}: {error}", record, said))

    def _publish(self, record: Record, part: ViewRecord | None, outcome: Outcome, outbox: Outbox) -> None:
        self._fuse.good()
        EVALUATIONS.inc(outcome.evaluated)
        FINDINGS.inc(len(outcome.findings))
        if isinstance(part, ContributionChunk):
            CONTRIBUTIONS.inc(len(part.items))
        outbox.findings(outcome.findings)
        # Numbered by the broker's time of the record that led to them: whoever reads it again says the same with the
        # same number, and an owner whose clock is wrong says nothing that looks older, or newer for ever.
        at_ms = now_ms() if record.arrived_ms is None else max(record.arrived_ms, self.clock_ms)
        outbox.contributions(replace(each, seq=self._sequence.next(at_ms)) for each in outcome.contributions)
        outbox.causes(replace(cause, seq=self._sequence.next(at_ms)) for cause in outcome.causes)
        for sample in outcome.durations:
            observe_duration(sample)
        for fault in outcome.faults:
            RULE_FAULTS.labels(fault.detection).inc()
            name = (fault.detection, fault.view)
            if name in self._reported and not fault.lost:
                continue  # a broken rule fails at every look; one letter per view says it all
            self._reported[name] = None
            if len(self._reported) > _FAULTS_REMEMBERED:
                self._reported.clear()
            log.error("rule_failed", detection=fault.detection, error=fault.error, partition=record.partition)
            error = f"{fault.detection} on {fault.view}: {fault.error}"
            original = encode(ContributionChunk(sent_ms=self.clock_ms, items=list(fault.items))) if fault.items else b""
            outbox.dead(dead_letter(STAGE, fault.reason, error, record, original))


def _parts(record: Record, outbox: Outbox) -> Iterator[ViewRecord]:
    """The record in pieces small enough not to hold up the loop; a dead letter where it is not one of ours."""
    try:
        part: ViewRecord = decode(record.value, ViewRecord)  # type: ignore[arg-type]
    except InvalidRecordError as error:
        outbox.dead(dead_letter(STAGE, error.reason, str(error), record))
        return
    if isinstance(part, ContributionChunk) and len(part.items) > _ITEMS_AT_ONCE:
        for start in range(0, len(part.items), _ITEMS_AT_ONCE):
            yield _chunk(part, part.items[start : start + _ITEMS_AT_ONCE])
    else:
        yield part


def _chunk(part: ContributionChunk, items: list[Contribution]) -> ContributionChunk:
    return ContributionChunk(sent_ms=part.sent_ms, items=items)
