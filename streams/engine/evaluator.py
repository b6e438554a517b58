"""Contributions, ticks and context in; findings out. One `ViewPartition` per partition of the views topic.

Rows: "<view key>" the view with its findings; "~due/<view key>" when to look again; "~context/<tenant>";
"~cause/<tenant>/<detection>" a tenant-wide cause; "~clock" the partition's time; "~backlog" while every view is
being evaluated again; "~census/<name>" how many views count under that name; "~syncs/<tenant>" when it was last
synchronised, the latest times; "~read/<tenant>/<source>" how far its sources are worked off.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from streams.contracts.codec import decode, encode
from streams.contracts.facts import TenantState
from streams.contracts.views import (
    CauseUpdate,
    ContextUpdate,
    Contribution,
    ContributionChunk,
    Control,
    Tick,
    ViewRecord,
    WatermarkUpdate,
)
from streams.detections.detection import DEFAULT_THRESHOLDS, Context, Thresholds, context_of
from streams.detections.registry import Registered
from streams.engine.cadence import learned_cycle_ms, with_reading
from streams.engine.census import count_of, counts_of, recount_at
from streams.engine.judge import Judge, derive
from streams.engine.outcome import Outcome, RuleFault
from streams.engine.readings import Readings
from streams.engine.rows import Rows
from streams.engine.view_row import ViewRow, load_view, view_keys
from streams.engine.waiting import measured, waiting
from streams.views.tenant import CENSUS, TenantView, cloud_source, tenant_view_key
from streams.views.view import tenant_of

# Views evaluated per record when a whole partition is evaluated again: bounds the time away from the stream.
BACKLOG_PER_RECORD = 1_000
DUE_PER_RECORD = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorOptions:
    """Settings the engine needs, in its own units."""

    sync_interval_ms: int = 1_800_000
    resolved_retention_ms: int = 7 * 86_400_000
    runbook_base_url: str = ""
    disabled: frozenset[str] = frozenset()
    thresholds: Thresholds = DEFAULT_THRESHOLDS


class ViewPartition:
    """The correlating state of one partition. `restore` first, then `apply` record by record."""

    def __init__(
        self, detections: Iterable[Registered], options: EvaluatorOptions, number: int = 0, partitions: int = 1
    ) -> None:
        """`number` of the partition, one of `partitions`: the name under which it tells what it counts."""
        self._options = options
        self._number, self._partitions = number, partitions
        self._judge = Judge(
            [registered for registered in detections if registered.detection.id not in options.disabled],
            retention_ms=options.resolved_retention_ms,
            runbook_base_url=options.runbook_base_url,
        )
        self.now_ms = 0
        self._tenants: dict[str, TenantState] = {}
        self._syncs_ms: dict[str, tuple[int, ...]] = {}
        self._causes: dict[str, dict[str, CauseUpdate]] = {}
        self._readings = Readings()
        self._contexts: dict[str, Context] = {}
        self._due: list[tuple[int, str]] = []
        self._backlog: list[str] = []
        self.tenant_views: dict[str, TenantView] = {}
        self.census: Counter[str] = Counter()
        self._recounted: set[str] = set()
        self._uncounted = True

    def restore(self, rows: Rows) -> None:
        """Take up where this partition's rows stand."""
        clock = rows.get("~clock")
        self.now_ms = int(clock) if clock else 0
        self._tenants = {
            key.removeprefix("~context/"): decode(raw, TenantState) for key, raw in rows.items("~context/")
        }
        self._syncs_ms = {key.removeprefix("~syncs/"): _syncs_of(raw) for key, raw in rows.items("~syncs/")}
        self._readings.restore(rows)
        self._causes, self._contexts = {}, {}
        for _, raw in rows.items("~cause/"):
            cause = decode(raw, CauseUpdate)
            self._causes.setdefault(cause.tenant, {})[cause.detection] = cause
        self._due = [(int(raw), key.removeprefix("~due/")) for key, raw in rows.items("~due/")]
        heapq.heapify(self._due)
        self._backlog = view_keys(rows) if rows.get("~backlog") else []
        self.census = Counter({key.removeprefix("~census/"): int(raw) for key, raw in rows.items("~census/")})
        self.tenant_views = {}
        for tenant in self._tenants:
            view = load_view(tenant_view_key(tenant), rows).view(tenant_view_key(tenant))
            if isinstance(view, TenantView) and view.read_ms is not None:
                self.tenant_views[tenant] = view
        self._uncounted = True  # told once more: whoever had the partition may have died over it

    @property
    def pending(self) -> int:
        """Views still to be evaluated again (re-evaluation or a changed context)."""
        return len(self._backlog)

    def row_keys(self, record: ViewRecord) -> list[str]:
        """The rows that `apply` will surely read, for one bulk read beforehand."""
        return [item.view for item in record.items] if isinstance(record, ContributionChunk) else []

    def apply(self, record: ViewRecord, rows: Rows) -> Outcome:
        """Take in one record and evaluate what it touches, what is due, and a part of the backlog."""
        counted = self.census.copy()
        self._recounted.clear()
        try:
            return self._apply(record, rows)
        except Exception:
            self.census = counted  # the caller drops the rows, too
            raise

    def _apply(self, record: ViewRecord, rows: Rows) -> Outcome:
        outcome = Outcome()
        sent_ms = record.now_ms if isinstance(record, Tick) else record.sent_ms
        if sent_ms > self.now_ms:
            self.now_ms = sent_ms
            if not isinstance(record, Tick):
                rows.put("~clock", b"%d" % sent_ms)
        if isinstance(record, ContributionChunk):
            self._take_in(record.items, rows, outcome)
        elif isinstance(record, ContextUpdate):
            self._take_context(record.tenant, rows)
        elif isinstance(record, CauseUpdate):
            self._take_cause(record, rows)
        elif isinstance(record, WatermarkUpdate):
            self._take_watermark(record, rows)
        elif isinstance(record, Control):
            self._start_backlog(rows)
        self._evaluate_due(rows, outcome)
        self._evaluate_backlog(rows, outcome)
        for name in self._recounted:
            rows.put(f"~census/{name}", b"%d" % self.census[name])  # a zero stays: it must be told after a restart
        self._uncounted |= bool(self._recounted)
        if isinstance(record, Tick) and self._uncounted:
            self._tell_census(outcome)
        return outcome

    def _tell_census(self, outcome: Outcome) -> None:
        """With a tick, not with every change: a snapshot changes every count thousands of times."""
        counts: dict[str, dict[str, int]] = {tenant_view_key(tenant): {} for tenant in self._readings.tenants}
        for name, number in self.census.items():
            count = count_of(name)
            if count.toward:
                counts.setdefault(count.toward, {})["/".join((count.subject, *count.labels))] = number
        self._uncounted = False
        outcome.contributions += [
            Contribution(
                view=view,
                contributor=f"{CENSUS}{self._number}",
                seq=self.now_ms,
                changed_ms=self.now_ms,
                body={"counts": counted, "read": self._readings.of(tenant_of(view)), "partitions": self._partitions},
            )
            for view, counted in counts.items()
        ]

    def _count(self, row: ViewRow, after: list[str]) -> None:
        if after == row.counts:
            return
        changes = Counter(after)
        changes.subtract(row.counts)
        for name, change in changes.items():
            if change:
                self.census[name] += change
                self._recounted.add(name)
        row.counts = after

    def _take_in(self, items: Iterable[Contribution], rows: Rows, outcome: Outcome) -> None:
        touched: dict[str, ViewRow] = {}
        observed: dict[str, int] = {}
        for item in items:
            row = touched.get(item.view)
            if row is None:
                row = touched[item.view] = load_view(item.view, rows)
            if row.take(item, self.now_ms):
                observed[item.view] = max(observed.get(item.view, 0), item.changed_ms)
        for key, row in touched.items():
            self._evaluate(key, row, rows, outcome, observed.get(key, self.now_ms))

    def _take_context(self, tenant: TenantState, rows: Rows) -> None:
        known = self._tenants.get(tenant.tenant)
        if known is not None and tenant.seq < known.seq:
            return
        before = self._context(tenant.tenant)
        self._tenants[tenant.tenant] = tenant
        rows.put(f"~context/{tenant.tenant}", encode(tenant))
        known_ms = self._syncs_ms.get(tenant.tenant, ())
        syncs_ms = with_reading(known_ms, tenant)
        if syncs_ms != known_ms:
            self._syncs_ms[tenant.tenant] = syncs_ms
            rows.put(f"~syncs/{tenant.tenant}", b",".join(b"%d" % each for each in syncs_ms))
        self._changed(tenant.tenant, before, rows)

    def _take_cause(self, cause: CauseUpdate, rows: Rows) -> None:
        known = self._causes.setdefault(cause.tenant, {})
        if cause.detection in known and cause.seq < known[cause.detection].seq:
            return
        before = self._context(cause.tenant)
        known[cause.detection] = cause
        rows.put(f"~cause/{cause.tenant}/{cause.detection}", encode(cause))
        self._changed(cause.tenant, before, rows)

    def _take_watermark(self, update: WatermarkUpdate, rows: Rows) -> None:
        before, read = self._context(update.tenant), self._readings.of(update.tenant)
        self._readings.take(update, rows)
        self._uncounted |= self._readings.of(update.tenant) != read
        self._changed(update.tenant, before, rows)

    def _changed(self, tenant: str, before: Context, rows: Rows) -> None:
        """Every view is judged anew where what rules may read of the tenant has changed."""
        del self._contexts[tenant]
        if self._context(tenant) != before:
            self._start_backlog(rows)

    def _start_backlog(self, rows: Rows) -> None:
        rows.put("~backlog", b"1")
        self._backlog = view_keys(rows)

    def _evaluate_due(self, rows: Rows, outcome: Outcome) -> None:
        for _ in range(DUE_PER_RECORD):
            if not self._due or self._due[0][0] > self.now_ms:
                return
            due_ms, key = heapq.heappop(self._due)
            row = load_view(key, rows)
            if row.due_ms == due_ms:
                self._evaluate(key, row, rows, outcome, self.now_ms)

    def _evaluate_backlog(self, rows: Rows, outcome: Outcome) -> None:
        if not self._backlog:
            return
        for key in self._backlog[-BACKLOG_PER_RECORD:]:
            if rows.get(key) is not None:
                self._evaluate(key, load_view(key, rows), rows, outcome, self.now_ms)
        del self._backlog[-BACKLOG_PER_RECORD:]
        if not self._backlog:
            rows.put("~backlog", None)

    def _evaluate(self, key: str, row: ViewRow, rows: Rows, outcome: Outcome, observed_ms: int) -> None:
        """Judge one view, publish what changed, store it."""
        outcome.evaluated += 1
        wake_ms = row.expire(self.now_ms)
        try:
            view = row.view(key)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            outcome.faults.append(RuleFault("view", key, f"{type(error).__name__}: {error}"))
            view = None
        if view is not None:
            if isinstance(view, TenantView):
                self.tenant_views[view.tenant] = view
            context = self._context(view.tenant)
            now = {"now_ms": self.now_ms, "observed_ms": observed_ms}
            wake_ms += self._judge.judge(view, row, context, outcome, **now)
            wake_ms += derive(view, row, context, outcome, **now)
            self._count(row, counts_of(view, context, self.now_ms))
            wake_ms += recount_at(view, context, self.now_ms)
            waits = waiting(view, context, self.now_ms)
            outcome.measures += measured(view, row.waiting, waits, self.now_ms)
            row.waiting = waits
        wake_ms += self._judge.forget(row, outcome, self.now_ms)
        self._store(key, row, rows, min(wake_ms, default=None))

    def _store(self, key: str, row: ViewRow, rows: Rows, due_ms: int | None) -> None:
        if due_ms != row.due_ms:
            rows.put(f"~due/{key}", None if due_ms is None else b"%d" % due_ms)
            row.due_ms = due_ms
            if due_ms is not None:
                heapq.heappush(self._due, (due_ms, key))
        rows.put(key, None if row.is_empty else encode(row))

    def _context(self, tenant: str) -> Context:
        context = self._contexts.get(tenant)
        if context is None:
            causes = {name: cause.finding for name, cause in self._causes.get(tenant, {}).items() if cause.finding}
            options = self._options
            context = self._contexts[tenant] = context_of(
                tenant,
                self._as_worked_off(tenant),
                options.sync_interval_ms,
                causes,
                options.thresholds,
                learned_cycle_ms(self._syncs_ms.get(tenant, ()), options.sync_interval_ms),
            )
        return context


    def _as_worked_off(self, tenant: str) -> TenantState | None:
        """The tenant's state; it was collected for us when all that it had has come by, and not when that was sent."""
        state, read = self._tenants.get(tenant), self._readings.of(tenant)
        if state is None:
            return None
        here: dict[str, Any] = {
            "collected": state.collected and cloud_source(tenant) in read,
            "devices_collected": state.devices_collected and cloud_source(tenant, "devices") in read,
        }
        return replace(state, **here)


def _syncs_of(raw: bytes) -> tuple[int, ...]:
    return tuple(int(each) for each in raw.split(b","))
