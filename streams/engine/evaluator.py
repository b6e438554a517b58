"""Contributions, ticks and context in; findings out. One `ViewPartition` per partition of the views topic.

Rows: "<view key>" the view with its findings; "~due/<view key>" when to look again; "~context/<tenant>";
"~cause/<tenant>/<detection>" a tenant-wide cause; "~clock" the partition's time; "~backlog" while every view is
being evaluated again.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec

from streams.contracts.codec import decode, encode
from streams.contracts.facts import TenantState
from streams.contracts.finding import Finding, FindingState
from streams.contracts.identity import finding_id
from streams.contracts.times import parse_rfc3339, rfc3339
from streams.contracts.views import (
    CauseUpdate,
    ContextUpdate,
    Contribution,
    ContributionChunk,
    Control,
    Tick,
    ViewRecord,
)
from streams.detections.detection import DEFAULT_THRESHOLDS, Context, Thresholds, Verdict, context_of
from streams.detections.registry import Registered
from streams.engine.findings import transition
from streams.engine.rows import Rows
from streams.views.registry import AnyView, view_class
from streams.views.view import Entry

# How long a retraction is remembered, so that a word overtaken by it on the way cannot come back.
RETRACTION_MEMORY_MS = 600_000
# Views evaluated per record when a whole partition is evaluated again: bounds the time away from the stream.
BACKLOG_PER_RECORD = 1_000
DUE_PER_RECORD = 5_000


class ViewRow(msgspec.Struct, omit_defaults=True):
    """A view as stored.

    entries:  contributor -> [seq, changed_ms, body, expires_ms]; body None: a retraction, remembered for a while.
    findings: detection id -> the finding as last published.
    derived:  "<view> <contributor>" -> body, as last told to other views; `told` counts the tellings.
    due_ms:   when to look again; None: when something changes.
    """

    entries: dict[str, tuple[int, int, dict[str, Any] | None, int]] = {}
    findings: dict[str, Finding] = {}
    derived: dict[str, dict[str, Any]] = {}
    told: int = 0
    due_ms: int | None = None


@dataclass(slots=True)
class Outcome:
    """What one record led to.

    findings: id -> finding, or None to forget it (a tombstone).
    causes:   for every partition of the views topic.
    """

    findings: dict[str, Finding | None] = field(default_factory=dict)
    contributions: list[Contribution] = field(default_factory=list)
    causes: list[CauseUpdate] = field(default_factory=list)
    faults: list[RuleFault] = field(default_factory=list)
    evaluated: int = 0


@dataclass(frozen=True, slots=True)
class RuleFault:
    """A rule that raised, or a view ("view") that cannot be built: findings stay as they were."""

    detection: str
    view: str
    error: str


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

    def __init__(self, detections: Iterable[Registered], options: EvaluatorOptions) -> None:
        self._options = options
        self._rules: dict[type[Any], list[Registered]] = {}
        for registered in detections:
            if registered.detection.id not in options.disabled:
                for view in registered.detection.views:
                    self._rules.setdefault(view, []).append(registered)
        self.now_ms = 0
        self._tenants: dict[str, TenantState] = {}
        self._causes: dict[str, dict[str, CauseUpdate]] = {}
        self._due: list[tuple[int, str]] = []
        self._backlog: list[str] = []

    def restore(self, rows: Rows) -> None:
        """Take up where this partition's rows stand."""
        clock = rows.get("~clock")
        self.now_ms = int(clock) if clock else 0
        self._tenants = {
            key.removeprefix("~context/"): decode(raw, TenantState) for key, raw in rows.items("~context/")
        }
        self._causes = {}
        for _, raw in rows.items("~cause/"):
            cause = decode(raw, CauseUpdate)
            self._causes.setdefault(cause.tenant, {})[cause.detection] = cause
        self._due = [(int(raw), key.removeprefix("~due/")) for key, raw in rows.items("~due/")]
        heapq.heapify(self._due)
        self._backlog = _view_keys(rows) if rows.get("~backlog") else []

    @property
    def pending(self) -> int:
        """Views still to be evaluated again (re-evaluation or a changed context)."""
        return len(self._backlog)

    def row_keys(self, record: ViewRecord) -> list[str]:
        """The rows that `apply` will surely read, for one bulk read beforehand."""
        return [item.view for item in record.items] if isinstance(record, ContributionChunk) else []

    def apply(self, record: ViewRecord, rows: Rows) -> Outcome:
        """Take in one record and evaluate what it touches, what is due, and a part of the backlog."""
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
        elif isinstance(record, Control):
            self._start_backlog(rows)
        self._evaluate_due(rows, outcome)
        self._evaluate_backlog(rows, outcome)
        return outcome

    def _take_in(self, items: Iterable[Contribution], rows: Rows, outcome: Outcome) -> None:
        touched: dict[str, ViewRow] = {}
        observed: dict[str, int] = {}
        for item in items:
            row = touched.get(item.view)
            if row is None:
                row = touched[item.view] = _load(item.view, rows)
            before = row.entries.get(item.contributor)
            if before is not None and item.seq < before[0]:
                continue
            if item.body is None:
                if before is None or before[2] is not None:
                    until_ms = self.now_ms + RETRACTION_MEMORY_MS
                    row.entries[item.contributor] = (item.seq, item.changed_ms, None, until_ms)
            else:
                row.entries[item.contributor] = (item.seq, item.changed_ms, item.body, item.expires_ms)
            observed[item.view] = max(observed.get(item.view, 0), item.changed_ms)
        for key, row in touched.items():
            self._evaluate(key, row, rows, outcome, observed.get(key, self.now_ms))

    def _take_context(self, tenant: TenantState, rows: Rows) -> None:
        before = self._tenants.get(tenant.tenant)
        if before is not None and tenant.seq < before.seq:
            return
        self._tenants[tenant.tenant] = tenant
        rows.put(f"~context/{tenant.tenant}", encode(tenant))
        if self._context(tenant.tenant, before) != self._context(tenant.tenant, tenant):
            self._start_backlog(rows)

    def _take_cause(self, cause: CauseUpdate, rows: Rows) -> None:
        known = self._causes.setdefault(cause.tenant, {})
        before = known.get(cause.detection)
        if before is not None and cause.seq < before.seq:
            return
        known[cause.detection] = cause
        rows.put(f"~cause/{cause.tenant}/{cause.detection}", encode(cause))
        if (before.finding if before is not None else None) != cause.finding:
            self._start_backlog(rows)

    def _start_backlog(self, rows: Rows) -> None:
        rows.put("~backlog", b"1")
        self._backlog = _view_keys(rows)

    def _evaluate_due(self, rows: Rows, outcome: Outcome) -> None:
        for _ in range(DUE_PER_RECORD):
            if not self._due or self._due[0][0] > self.now_ms:
                return
            due_ms, key = heapq.heappop(self._due)
            row = _load(key, rows)
            if row.due_ms == due_ms:
                self._evaluate(key, row, rows, outcome, self.now_ms)

    def _evaluate_backlog(self, rows: Rows, outcome: Outcome) -> None:
        if not self._backlog:
            return
        for key in self._backlog[-BACKLOG_PER_RECORD:]:
            if rows.get(key) is not None:
                self._evaluate(key, _load(key, rows), rows, outcome, self.now_ms)
        del self._backlog[-BACKLOG_PER_RECORD:]
        if not self._backlog:
            rows.put("~backlog", None)

    def _evaluate(self, key: str, row: ViewRow, rows: Rows, outcome: Outcome, observed_ms: int) -> None:
        """Judge one view, publish what changed, store it."""
        outcome.evaluated += 1
        wake_ms: list[int] = []
        self._expire(row, wake_ms)
        try:
            view = _build(key, row)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            outcome.faults.append(RuleFault("view", key, f"{type(error).__name__}: {error}"))
            view = None
        if view is not None:
            self._judge(view, row, outcome, observed_ms, wake_ms)
            self._derive(view, row, outcome, observed_ms)
        self._forget(row, outcome, wake_ms)
        self._store(key, row, rows, min(wake_ms, default=None))

    def _judge(self, view: AnyView, row: ViewRow, outcome: Outcome, observed_ms: int, wake_ms: list[int]) -> None:
        context = self._context(view.tenant, self._tenants.get(view.tenant))
        standing: set[str] = set()
        for registered in self._rules.get(type(view), ()):
            detection = registered.detection
            standing.add(detection.id)
            try:
                verdict = registered.evaluate(view, context, self.now_ms)
            except Exception as error:  # noqa: BLE001  a broken rule must not stop the others, nor lose its finding
                outcome.faults.append(RuleFault(detection.id, view.key, f"{type(error).__name__}: {error}"))
                continue
            if verdict is not None:
                verdict = opened(verdict, detection.hold_s, self.now_ms, wake_ms)
            self._publish(registered, context, verdict, row, outcome, observed_ms)
        # A detection that was removed or disabled: its findings resolve.
        for gone in [detection for detection in row.findings if detection not in standing]:
            stored = row.findings[gone]
            if stored.state is not FindingState.RESOLVED:
                row.findings[gone] = outcome.findings[stored.id] = _resolved(stored, self.now_ms)

    def _publish(
        self,
        registered: Registered,
        context: Context,
        verdict: Verdict | None,
        row: ViewRow,
        outcome: Outcome,
        observed_ms: int,
    ) -> None:
        detection, causes = registered.detection, context.causes
        stored = row.findings.get(detection.id)
        if verdict is None and stored is None:
            return
        identity = finding_id(detection.id, verdict.subject.key) if verdict is not None else None
        if stored is not None and identity is not None and stored.id != identity:
            # The rule now speaks of another subject: the old finding ends, a new one begins.
            if stored.state is not FindingState.RESOLVED:
                outcome.findings[stored.id] = _resolved(stored, self.now_ms)
            stored = None
        after = transition(
            detection,
            context.tenant,
            verdict,
            stored,
            now_ms=self.now_ms,
            observed_ms=observed_ms,
            suppressed_by=next((causes[name] for name in detection.suppressed_by if name in causes), None),
            runbook_base_url=self._options.runbook_base_url,
        )
        if after is not None and after is not stored:
            row.findings[detection.id] = outcome.findings[after.id] = after
            if detection.tenant_wide:
                outcome.causes.append(self._cause(after))

    def _cause(self, finding: Finding) -> CauseUpdate:
        return CauseUpdate(
            sent_ms=self.now_ms,
            tenant=finding.tenant,
            detection=finding.detection,
            seq=self.now_ms,
            finding=finding.id if finding.state is FindingState.OPEN else None,
        )

    def _derive(self, view: AnyView, row: ViewRow, outcome: Outcome, observed_ms: int) -> None:
        derived = {f"{item.view} {item.contributor}": item for item in view.derived()}
        if not derived and not row.derived:
            return
        told: Mapping[str, dict[str, Any]] = row.derived
        changes: list[tuple[str, dict[str, Any] | None]] = [(name, None) for name in told if name not in derived]
        changes += [(name, item.body) for name, item in derived.items() if told.get(name) != item.body]
        for name, body in changes:
            # Above every earlier telling, even if this row was forgotten in between.
            row.told = max(row.told + 1, self.now_ms)
            view_key, _, contributor = name.rpartition(" ")
            outcome.contributions.append(
                Contribution(view=view_key, contributor=contributor, seq=row.told, changed_ms=observed_ms, body=body)
            )
        row.derived = {name: item.body for name, item in derived.items()}

    def _expire(self, row: ViewRow, wake_ms: list[int]) -> None:
        """Drop what has expired (events, retractions); plan to come back for what will."""
        for contributor, (_, _, _, expires_ms) in list(row.entries.items()):
            if expires_ms:
                if expires_ms <= self.now_ms:
                    del row.entries[contributor]
                else:
                    wake_ms.append(expires_ms)

    def _forget(self, row: ViewRow, outcome: Outcome, wake_ms: list[int]) -> None:
        """Drop resolved findings that are old enough; plan to come back for the rest."""
        for detection, finding in list(row.findings.items()):
            if finding.state is FindingState.RESOLVED and finding.resolved_at is not None:
                until = parse_rfc3339(finding.resolved_at) + self._options.resolved_retention_ms
                if until <= self.now_ms:
                    del row.findings[detection]
                    outcome.findings[finding.id] = None
                else:
                    wake_ms.append(until)

    def _store(self, key: str, row: ViewRow, rows: Rows, due_ms: int | None) -> None:
        empty = not (row.entries or row.findings or row.derived)
        if due_ms != row.due_ms:
            rows.put(f"~due/{key}", None if due_ms is None else b"%d" % due_ms)
            row.due_ms = due_ms
            if due_ms is not None:
                heapq.heappush(self._due, (due_ms, key))
        rows.put(key, None if empty else encode(row))

    def _context(self, tenant: str, state: TenantState | None) -> Context:
        causes = {name: cause.finding for name, cause in self._causes.get(tenant, {}).items() if cause.finding}
        return context_of(tenant, state, self._options.sync_interval_ms, causes, self._options.thresholds)


def opened(verdict: Verdict, hold_s: int, now_ms: int, wake_ms: list[int]) -> Verdict | None:
    """The verdict if it has stood long enough to open; None, with a time to wake, if it has not."""
    open_at_ms = verdict.open_at_ms if verdict.open_at_ms is not None else verdict.since_ms + hold_s * 1000
    if now_ms < open_at_ms:
        wake_ms.append(open_at_ms)
        return None
    if verdict.recheck_at_ms is not None and verdict.recheck_at_ms > now_ms:
        wake_ms.append(verdict.recheck_at_ms)
    return verdict


def _resolved(finding: Finding, now_ms: int) -> Finding:
    return msgspec.structs.replace(
        finding,
        state=FindingState.RESOLVED,
        resolved_at=rfc3339(now_ms),
        updated_at=rfc3339(now_ms),
        revision=finding.revision + 1,
    )


def _build(key: str, row: ViewRow) -> AnyView | None:
    """The view; None where there is nothing to judge, nothing to resolve and nothing to take back."""
    shape = view_class(key)
    if shape is None:
        raise ValueError("this version knows no view of this kind")
    entries = {
        contributor: Entry(changed_ms, body)
        for contributor, (_, changed_ms, body, _) in row.entries.items()
        if body is not None
    }
    if not (row.findings or row.derived or shape.contested(entries)):
        return None
    return shape.build(key, entries)


def _load(key: str, rows: Rows) -> ViewRow:
    raw = rows.get(key)
    return decode(raw, ViewRow) if raw else ViewRow()


def _view_keys(rows: Rows) -> list[str]:
    return [key for key, _ in rows.items("") if not key.startswith("~")]
