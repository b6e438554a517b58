"""What events would open: the product's own projector and evaluator over rows in memory, without Kafka.

One partition, one tenant that is known by its logs alone: no object of either directory, no settings of the tenant. Of
an object that Entra ID refused the log proves that there is one.
Time is the time of the events; memory grows with what views remember, not with the file.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from deploy.cli.replay.reading import Read
from producers.refusing import STUMBLES
from streams.contracts.errors import InvalidRecordError
from streams.contracts.events import Event
from streams.contracts.facts import Fact, ObjectKind, Operation, Origin
from streams.contracts.finding import Finding
from streams.contracts.views import ContextUpdate, Contribution, ContributionChunk, Tick
from streams.detections.registry import all_detections
from streams.directory.event_slots import EXPORT_ERROR
from streams.directory.rows import MemoryRows
from streams.evaluation.outcome import Outcome
from streams.evaluation.partition import EvaluatorOptions, ViewPartition
from streams.evaluation.projector import Projector
from streams.views.event_contributions import contributions_of_event, fact_of_event
from streams.views.installation.tenant_view import tenant_contributions

_TICK_MS = 60_000
_MOST_FAULTS = 20
_MOST_AT_ONCE = 500


class Rehearsal:
    """Findings as they would open. `faults`: the first rules that failed, in words."""

    def __init__(self) -> None:
        self._projector = Projector({})
        self._objects, self._views = MemoryRows(), MemoryRows()
        self._partition = ViewPartition(all_detections(), EvaluatorOptions())
        self._partition.restore(self._views)
        self._ticked_ms = 0
        self._buffer: list[Contribution] = []
        self.findings: dict[str, Finding] = {}
        self.faults: list[str] = []
        self.first_ms: int | None = None
        self.last_ms = 0

    def take(self, entry: Read) -> None:
        """What one document says. What the engine stumbles over is a fault, as a worker would refuse it."""
        try:
            self._take(entry)
        except (InvalidRecordError, *STUMBLES) as error:
            if len(self.faults) < _MOST_FAULTS:
                self.faults.append(f"{entry.kind} cannot be worked off: {type(error).__name__}: {error}")

    def _take(self, entry: Read) -> None:
        if entry.tenant is not None:
            self._at(entry.tenant.ts_ms)
            self._judge()
            update = ContextUpdate(sent_ms=entry.tenant.ts_ms, tenant=entry.tenant)
            self._contribute(self._took(self._partition.apply(update, self._views)))
            self._contribute(tenant_contributions(entry.tenant))
        if entry.facts is not None:
            self._facts(entry.facts.origin, entry.facts.facts)
        for event in entry.events:
            self._event(event)

    def advance(self, to_ms: int) -> None:
        """Let time pass; what waits for it is judged."""
        self._judge()
        while True:
            self._contribute(self._took(self._partition.apply(Tick(now_ms=to_ms), self._views)))
            if not self._partition.pending:
                break
        self._ticked_ms = to_ms

    def _event(self, event: Event) -> None:
        self._at(event.ts_ms)
        self._buffer += contributions_of_event(event)
        about = fact_of_event(event)
        if about is not None:
            self._facts(about[0], [about[1]])
            if event.name == EXPORT_ERROR:
                self._facts(about[0], [_there_is(about[1])])
        if len(self._buffer) >= _MOST_AT_ONCE:
            self._judge()

    def _facts(self, origin: Origin, facts: Iterable[Fact]) -> None:
        for fact in facts:
            self._at(fact.ts_ms)
            self._buffer += self._projector.apply(origin, fact, self._objects)
            if len(self._buffer) >= _MOST_AT_ONCE:
                self._judge()

    def _at(self, ts_ms: int) -> None:
        """Time goes with the events and never back: what is told late is judged now, as it would be live."""
        self.first_ms = ts_ms if self.first_ms is None else min(self.first_ms, ts_ms)
        self.last_ms = max(self.last_ms, ts_ms)
        if self.last_ms >= self._ticked_ms + _TICK_MS:
            self.advance(self.last_ms)

    def _judge(self) -> None:
        """What was told since, in one go, as a worker takes records."""
        buffer, self._buffer = self._buffer, []
        self._contribute(buffer)

    def _contribute(self, contributions: list[Contribution]) -> None:
        waiting = deque([contributions])
        while waiting:
            items = waiting.popleft()
            if items:
                sent_ms = max(self._partition.now_ms, self.last_ms)
                chunk = ContributionChunk(sent_ms=sent_ms, items=items)
                waiting.append(self._took(self._partition.apply(chunk, self._views)))

    def _took(self, outcome: Outcome) -> list[Contribution]:
        for key, finding in outcome.findings.items():
            if finding is None:
                self.findings.pop(key, None)
            else:
                self.findings[key] = finding
        faults = [f"{fault.detection} on {fault.view}: {fault.error}" for fault in outcome.faults]
        self.faults += faults[: _MOST_FAULTS - len(self.faults)]
        contributions = outcome.contributions
        for cause in outcome.causes:
            contributions = contributions + self._took(self._partition.apply(cause, self._views))
        return contributions


def _there_is(logged: Fact) -> Fact:
    """An object of which only a log tells, taken for a user; older than anything that a directory tells of it."""
    return Fact(op=Operation.READ, object_id=logged.object_id, seq=1, ts_ms=logged.ts_ms, kind=ObjectKind.USER)
