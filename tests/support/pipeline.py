"""The pure pipeline in one process and one partition: facts in, findings out, no Kafka and no clock."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from streams.contracts.events import Event
from streams.contracts.facts import Fact, Origin, TenantState, Watermark
from streams.contracts.finding import Finding, FindingState
from streams.contracts.views import ContextUpdate, Contribution, ContributionChunk, Tick, WatermarkUpdate
from streams.detections.registry import all_detections
from streams.directory.rows import MemoryRows
from streams.directory.scope import Scope
from streams.evaluation.forgetting import ForgettingPass
from streams.evaluation.outcome import Outcome
from streams.evaluation.partition import EvaluatorOptions, ViewPartition
from streams.evaluation.projector import Projector
from streams.views.event_contributions import contributions_of_event, fact_of_event
from streams.views.installation.tenant_view import tenant_contributions

TENANT = "11111111-2222-3333-4444-555555555555"
AD = Origin(name="ad/corp", side="ad", tenant=TENANT, forest="corp")
ENTRA = Origin(name=f"entra/{TENANT}", side="entra", tenant=TENANT)


class Pipeline:
    """Projector and evaluator over rows in memory; `findings` is what the findings topic would hold."""

    def __init__(self, scopes: Mapping[str, Scope] | None = None, **options: Any) -> None:
        self.projector = Projector(scopes or {})
        self.options = EvaluatorOptions(**options)
        self.object_rows, self.view_rows = MemoryRows(), MemoryRows()
        self.findings: dict[str, Finding] = {}
        self.published: list[tuple[str, Finding | None]] = []
        self._worked_off: set[tuple[str, str]] = set()
        self.restart()

    def restart(self) -> None:
        """Lose everything that is not in rows, as a killed worker does."""
        self.partition = ViewPartition(all_detections(), self.options)
        self.partition.restore(self.view_rows)

    def feed(self, origin: Origin, facts: Iterable[Fact], *, now_ms: int | None = None) -> None:
        """Project the facts and evaluate what follows, views' words to each other included."""
        contributions: list[Contribution] = []
        for fact in facts:
            contributions += self.projector.apply(origin, fact, self.object_rows)
        self.contribute(contributions, now_ms=now_ms)
        if origin.side == "ad":
            self.worked_off(origin)

    def worked_off(self, origin: Origin, part: str = "") -> None:
        """A source was read whole, and everything it told has come by."""
        mark = Watermark(origin=origin, read_ms=1, part=part)
        if (origin.tenant, mark.source) not in self._worked_off:  # a forest of several tenants is a source of each
            self._worked_off.add((origin.tenant, mark.source))
            update = WatermarkUpdate(
                sent_ms=self.partition.now_ms, tenant=origin.tenant, source=mark.source, partition=0, partitions=1,
                read_ms=mark.read_ms,
            )  # fmt: skip
            self.contribute(self._take(self.partition.apply(update, self.view_rows)))

    def contribute(self, contributions: list[Contribution], *, now_ms: int | None = None) -> None:
        """Evaluate contributions until views have nothing more to tell each other."""
        waiting = deque([contributions])
        while waiting:
            items = waiting.popleft()
            if not items:
                continue
            sent_ms = now_ms or max(self.partition.now_ms, max(item.changed_ms for item in items))
            waiting.append(
                self._take(self.partition.apply(ContributionChunk(sent_ms=sent_ms, items=items), self.view_rows))
            )

    def log(self, events: Iterable[Event], *, now_ms: int) -> None:
        """Logs tell of events, as streams.agents.project.EventPartition passes them on."""
        for event in events:
            self.contribute(contributions_of_event(event), now_ms=now_ms)
            about = fact_of_event(event)
            if about is not None:
                self.feed(about[0], [about[1]], now_ms=now_ms)

    def tell(self, tenant: TenantState) -> None:
        """A new state of the tenant; what it calls collected has come by."""
        cloud = Origin(name=f"entra/{tenant.tenant}", side="entra", tenant=tenant.tenant)
        for part, collected in (("", tenant.collected), ("devices", tenant.devices_collected)):
            if collected:
                self.worked_off(cloud, part)
        self.contribute(
            self._take(self.partition.apply(ContextUpdate(sent_ms=tenant.ts_ms, tenant=tenant), self.view_rows))
        )
        self.contribute(tenant_contributions(tenant), now_ms=tenant.ts_ms)
        self.tick(self.partition.now_ms)

    def tick(self, now_ms: int) -> None:
        """Time passes; ticks go on until all that is due, and the backlog, is done."""
        while True:
            self.contribute(self._take(self.partition.apply(Tick(now_ms=now_ms), self.view_rows)))
            if not self.partition.is_behind:
                return

    def forget(self, forget_after_ms: int) -> list[str]:
        """Forget what has been dead for long enough; returns the ids."""
        sweep = ForgettingPass(self.object_rows, self.partition.now_ms, forget_after_ms)
        list(sweep.run())
        said, _ = self.projector.forget(sweep.due, self.object_rows)
        self.contribute(said)
        return sweep.due

    def open(self) -> dict[str, Finding]:
        """Open findings by id."""
        return {key: finding for key, finding in self.findings.items() if finding.state is FindingState.OPEN}

    def _take(self, outcome: Outcome) -> list[Contribution]:
        assert not outcome.faults, outcome.faults
        for key, finding in outcome.findings.items():
            self.published.append((key, finding))
            if finding is None:
                self.findings.pop(key, None)
            else:
                self.findings[key] = finding
        told = outcome.contributions
        for cause in outcome.causes:
            told = told + self._take(self.partition.apply(cause, self.view_rows))
        return told
