"""Contributions, ticks and context in; findings out. One `ViewPartition` per partition of the views topic.

Rows: "<view key>" the view with its findings; "~due/<view key>" when to look again; "~clock" the partition's time;
"~settings" the version, and a name for the settings, by which the views were judged;
"~backlog" while every view is being evaluated again: behind which of them it goes on; "~census/<name>" how many views
count under that name; and those of `streams.evaluation.knowledge` and `streams.evaluation.failing`.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
import importlib.metadata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, fields, is_dataclass
from itertools import chain
from typing import Any
from zlib import crc32

from msgspec.structs import replace

from streams.contracts import view_keys
from streams.contracts.codec import encode
from streams.contracts.contributors import ContributorKind
from streams.contracts.counts import numbers_for_views
from streams.contracts.errors import FatalError, InvalidRecordError
from streams.contracts.finding import FindingState
from streams.contracts.view_keys import tenant_of
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
from streams.detections.detection import DEFAULT_THRESHOLDS, Thresholds
from streams.detections.registry import Registered
from streams.directory.event_slots import is_past
from streams.directory.rows import Rows
from streams.evaluation.failing import FailingViews
from streams.evaluation.forgetting import naming
from streams.evaluation.knowledge import TenantKnowledge, TenantOptions
from streams.evaluation.outcome import Outcome, RuleFault
from streams.evaluation.rules import RuleRunner
from streams.evaluation.view_evaluation import ViewEvaluation, evaluate_view
from streams.evaluation.view_row import ViewRow, load_view
from streams.views.installation.tenant_view import TenantView
from streams.views.messages import Counted, written

# Views looked at in one step because they are due, or because all are looked at again: some 50 ms away from the loop.
VIEWS_PER_STEP = 250
_FROM_THE_START = "1"
"""A backlog that has not begun, or of an earlier version, which listed all views anew after a restart."""
DEFAULT_INTERVAL_MS = 1_800_000


def _version() -> str:
    """Of this program; "" where it runs without being installed."""
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        return importlib.metadata.version("synchealth")
    return ""


VERSION = _version()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatorOptions:
    """Settings the engine needs, in its own units."""

    sync_interval_ms: int = DEFAULT_INTERVAL_MS
    resolved_retention_ms: int = 7 * 86_400_000
    runbook_base_url: str = ""
    disabled: frozenset[str] = frozenset()
    thresholds: Thresholds = DEFAULT_THRESHOLDS
    tenants: Mapping[str, TenantOptions] = field(default_factory=dict, hash=False)

    @property
    def fingerprint(self) -> bytes:
        """A digest of all that rules read of it, the same in every process; b"" where nothing is set."""
        read = (self.sync_interval_ms, self.disabled, self.thresholds, self.tenants)
        if read == (DEFAULT_INTERVAL_MS, frozenset(), DEFAULT_THRESHOLDS, {}):
            return b""
        return hashlib.blake2b(repr([_ordered(each) for each in read]).encode(), digest_size=8).hexdigest().encode()


def _judged_by(detections: Iterable[Registered], options: EvaluatorOptions) -> bytes:
    """A short name for what views are judged by: the version, which may read more of the contributions, its rules, and
    the settings.
    """
    rules = ",".join(sorted(registered.detection.id for registered in detections))
    return b" ".join((VERSION.encode(), b"%x" % crc32(rules.encode()), options.fingerprint))


def _ordered(value: Any) -> Any:
    if is_dataclass(value):
        return [(each.name, _ordered(getattr(value, each.name))) for each in fields(value)]
    if isinstance(value, Mapping):
        return sorted((key, _ordered(each)) for key, each in value.items())
    return sorted(value) if isinstance(value, Set) else value


class ViewPartition:
    """The correlating state of one partition. `restore` first, then `apply` record by record."""

    def __init__(
        self, detections: Iterable[Registered], options: EvaluatorOptions, number: int = 0, partitions: int = 1
    ) -> None:
        """`number` of the partition, one of `partitions`: the name under which it contributes its counts."""
        detections = list(detections)
        self._number, self._partitions = number, partitions
        self._rules = RuleRunner(
            [registered for registered in detections if registered.detection.id not in options.disabled],
            retention_ms=options.resolved_retention_ms,
            runbook_base_url=options.runbook_base_url,
        )
        self.now_ms = 0
        self._known = TenantKnowledge(options.sync_interval_ms, options.thresholds, options.tenants)
        self._settings = _judged_by(detections, options)
        self._settings_changed = False
        self._due: list[tuple[int, str]] = []
        self._failing = FailingViews()
        self._backlog: str | None = None
        self._looked = self._to_look = 0
        self.tenant_views: dict[str, TenantView] = {}
        self.counts: Counter[str] = Counter()
        self._recounted: set[str] = set()
        self._uncounted = True

    def restore(self, rows: Rows, latest_ms: int | None = None) -> None:
        """Take up where this partition's rows stand. Time never runs backwards.

        latest_ms: a stored clock that is later was never the time, and is not taken up.
        """
        clock_ms = int(rows.get("~clock") or 0)
        self.now_ms = max(self.now_ms, clock_ms if latest_ms is None or clock_ms <= latest_ms else 0)
        self._known.restore(rows)
        self._due = [(int(raw), key.removeprefix("~due/")) for key, raw in rows.items("~due/")]
        self._due += self._failing.restore(rows)
        heapq.heapify(self._due)
        cursor = rows.get("~backlog")
        self._backlog = cursor.decode() if cursor else None
        self._looked, self._to_look = 0, rows.about() if cursor else 0
        self._settings_changed = (rows.get("~settings") or b"") != self._settings
        self.counts = Counter({key.removeprefix("~census/"): int(raw) for key, raw in rows.items("~census/")})
        self.tenant_views = {}
        for tenant in self._known.tenants:
            key = view_keys.tenant(tenant)
            with contextlib.suppress(InvalidRecordError, KeyError, TypeError, ValueError, AttributeError):
                view = load_view(key, rows).view(key)  # one that fails is told of when it is looked at
                if isinstance(view, TenantView) and view.read_ms is not None:
                    self.tenant_views[tenant] = view
        self._uncounted = True  # told once more: whoever had the partition may have died over it

    @property
    def failing(self) -> int:
        """Views that stand failing."""
        return len(self._failing)

    @property
    def pending(self) -> int:
        """About how many views are still to be evaluated again (re-evaluation or a changed context)."""
        return 0 if self._backlog is None else max(1, self._to_look - self._looked)

    @property
    def is_behind(self) -> bool:
        """Whether more is due, or to be evaluated again, than was looked at: `go_on` does."""
        return self._backlog is not None or bool(self._due and self._due[0][0] <= self.now_ms)

    def row_keys(self, record: ViewRecord) -> list[str]:
        """The rows that `apply` will surely read, for one bulk read beforehand."""
        return [item.view for item in record.items] if isinstance(record, ContributionChunk) else []

    def apply(self, record: ViewRecord, rows: Rows) -> Outcome:
        """Take in one record and evaluate what it touches, what is due, and a part of the backlog.

        What fails within one view is a fault in the outcome. Raises what is wrong with the record itself: the caller
        drops the rows, and restores this partition from them.
        """
        self._recounted.clear()
        sent_ms = record.now_ms if isinstance(record, Tick) else record.sent_ms
        if sent_ms > self.now_ms:
            self.now_ms = sent_ms
            if not isinstance(record, Tick):
                rows.put("~clock", b"%d" % sent_ms)
        outcome = Outcome.of(self._looks(record, rows))
        self._store_counts(rows)
        if isinstance(record, Tick) and self._uncounted:
            outcome = replace(outcome, contributions=[*outcome.contributions, *self._count_contributions()])
        return outcome

    def go_on(self, rows: Rows) -> Outcome:
        """Another step of what is due and of the backlog. Raises only what ends the worker."""
        self._recounted.clear()
        outcome = Outcome.of(chain(self._evaluate_due(rows), self._evaluate_backlog(rows)))
        self._store_counts(rows)
        return outcome

    def _store_counts(self, rows: Rows) -> None:
        for name in self._recounted:
            rows.put(f"~census/{name}", b"%d" % self.counts[name])  # a zero stays: it must be told after a restart
        self._uncounted |= bool(self._recounted)

    def _looks(self, record: ViewRecord, rows: Rows) -> Iterator[Outcome]:
        """Take the record in, then look at what it touches, what is due, and a part of the backlog."""
        if self._settings_change(rows):
            self._start_backlog(rows)
        if isinstance(record, ContributionChunk):
            yield from self._take_in(record.items, rows)
        elif isinstance(record, Control) and record.action == "forget":
            yield from self._forget(naming(record.words), rows)
        if self._changes_knowledge(record, rows):
            self._start_backlog(rows)
        yield from self._evaluate_due(rows)
        yield from self._evaluate_backlog(rows)

    def _settings_change(self, rows: Rows) -> bool:
        """Store by what views are judged. Returns whether that is another: a tenant forgets a lost forest, and what
        rules read of the settings counts for all views, as do the rules of a new version.
        """
        changed, self._settings_changed = self._settings_changed, False
        if changed:
            rows.put("~forests", None)  # of an earlier version, which kept a part of it
            rows.put("~settings", self._settings)
        return changed and any(not key.startswith("~") for key in rows.keys_after("", 1))

    def _changes_knowledge(self, record: ViewRecord, rows: Rows) -> bool:
        """Take in what is known of a tenant. Returns whether every view is to be looked at again."""
        if isinstance(record, ContextUpdate):
            return self._known.take_state(record.tenant, rows)
        if isinstance(record, CauseUpdate):
            return self._known.take_cause(record, rows)
        if isinstance(record, WatermarkUpdate):
            read = self._known.read(record.tenant)
            changed = self._known.take_watermark(record, rows)
            self._uncounted |= self._known.read(record.tenant) != read
            return changed
        return isinstance(record, Control) and record.action == "reevaluate"

    def _count_contributions(self) -> Iterator[Contribution]:
        """With a tick, not with every change: a snapshot changes every count thousands of times."""
        tenants = self._known.tenants_with_watermarks
        counts: dict[str, dict[str, int]] = {view_keys.tenant(tenant): {} for tenant in tenants}
        counts |= numbers_for_views(self.counts)
        self._uncounted = False
        for view, counted in counts.items():
            yield Contribution(
                view=view,
                contributor=ContributorKind.COUNTS.named(self._number),
                seq=self.now_ms,
                changed_ms=self.now_ms,
                body=written(Counted(counted, self._known.read(tenant_of(view)), self._partitions)),
            )

    def _count(self, before: Sequence[str], after: Sequence[str]) -> None:
        changes = dict.fromkeys((*before, *after), 0)
        for name in before:
            changes[name] -= 1
        for name in after:
            changes[name] += 1
        for name, change in changes.items():
            if change:
                self.counts[name] += change
                self._recounted.add(name)

    def _take_in(self, items: Iterable[Contribution], rows: Rows) -> Iterator[Outcome]:
        by_view: dict[str, list[Contribution]] = {}
        for item in items:
            by_view.setdefault(item.view, []).append(item)
        for key, of_view in by_view.items():
            yield self._look(key, rows, of_view)

    def _forget(self, names: Callable[[str], bool], rows: Rows) -> Iterator[Outcome]:
        """Drop what views remember of the past of whom `names` tells: events, and findings that are resolved."""
        for key in [key for key, raw in rows.items("") if not key.startswith("~") and names(f"{key} {raw.decode()}")]:
            row = load_view(key, rows)
            row.entries = {
                name: entry
                for name, entry in row.entries.items()
                if not (is_past(name) and names(f"{name} {bytes(entry[2]).decode()}"))
            }
            rows.put(key, encode(row))
            yield self._look(key, rows)
            row = load_view(key, rows)
            past = {
                detection: finding
                for detection, finding in row.findings.items()
                if finding.state is FindingState.RESOLVED and names(encode(finding).decode())
            }
            row.findings = {name: finding for name, finding in row.findings.items() if name not in past}
            rows.put(key, None if row.is_empty else encode(row))
            if row.is_empty:
                rows.put(f"~due/{key}", None)
            yield Outcome({finding.id: None for finding in past.values()})

    def _start_backlog(self, rows: Rows) -> None:
        self._backlog, self._looked, self._to_look = _FROM_THE_START, 0, rows.about()
        rows.put("~backlog", self._backlog.encode())

    def _evaluate_due(self, rows: Rows) -> Iterator[Outcome]:
        for _ in range(VIEWS_PER_STEP):
            if not self._due or self._due[0][0] > self.now_ms:
                return
            due_ms, key = heapq.heappop(self._due)
            yield self._look(key, rows, due_ms=due_ms)

    def _evaluate_backlog(self, rows: Rows) -> Iterator[Outcome]:
        """By a cursor: a view that is made behind it is judged as it is made, by what is known then."""
        if self._backlog is None:
            return
        found = rows.keys_after("" if self._backlog == _FROM_THE_START else self._backlog, VIEWS_PER_STEP)
        keys = [key for key in found if not key.startswith("~")]
        for key in keys:
            if rows.get(key) is not None:
                yield self._look(key, rows)
        self._looked += len(keys)
        self._backlog = keys[-1] if len(keys) == VIEWS_PER_STEP else None
        rows.put("~backlog", self._backlog.encode() if self._backlog else None)

    def _look(
        self, key: str, rows: Rows, items: Sequence[Contribution] = (), due_ms: int | None = None
    ) -> Outcome:
        """Look at one view, as one transaction over rows and memory; a view that fails harms no other.

        items:  the contributions received. due_ms: look only if this is the time at which it wanted, or is tried again.
        """
        try:
            before = load_view(key, rows)
            if due_ms is not None and due_ms != before.due_ms and not self._failing.is_due(key, due_ms):
                return Outcome()
            changed_ms = [item.changed_ms for item in items if before.take(item, self.now_ms)]
            if items and not changed_ms and key not in self._failing:
                # All of it stands, as after a crash or in a full reading: a look would find what the last one did.
                self._store_numbers(key, before, rows)
                return Outcome()
            observed_ms = max(0, *changed_ms) if changed_ms else self.now_ms
            evaluation = evaluate_view(
                key,
                before,
                self._rules,
                self._known.context,
                now_ms=self.now_ms,
                observed_ms=observed_ms,
                reporting_forests=self._known.reporting_forests(tenant_of(key)),
            )
            rows.put(key, evaluation.value)
        except FatalError:
            raise
        except Exception as error:  # noqa: BLE001  whatever it is, it is this view's
            return self._failed(key, items, error, rows)
        return self._take_over(key, before, evaluation, items, rows)

    def _store_numbers(self, key: str, row: ViewRow, rows: Rows) -> None:
        """Newer numbers of the same words: what is older must not come back."""
        value = encode(row)
        if value != rows.get(key):
            rows.put(key, value)

    def _take_over(
        self, key: str, before: ViewRow, evaluation: ViewEvaluation, items: Sequence[Contribution], rows: Rows
    ) -> Outcome:
        """The look went well and its row is stored: the rest follows, and nothing of it can fail."""
        after, outcome = evaluation.row, evaluation.outcome
        if after.due_ms != before.due_ms:
            rows.put(f"~due/{key}", None if after.due_ms is None else b"%d" % after.due_ms)
            if after.due_ms is not None:
                heapq.heappush(self._due, (after.due_ms, key))
        if after.counts != before.counts:
            self._count(before.counts, after.counts)
        if isinstance(evaluation.view, TenantView):
            self.tenant_views[evaluation.view.tenant] = evaluation.view
        if outcome.faults:
            self._again(key, rows)
            return replace(outcome, faults=[replace(fault, items=tuple(items)) for fault in outcome.faults])
        if key in self._failing:
            name = self._failing.mended(key, rows)
            self._count([name] if name else [], [])
        return outcome

    def _failed(self, key: str, items: Sequence[Contribution], error: Exception, rows: Rows) -> Outcome:
        """Its findings and emitted contributions stay; what it received is stored for the next look, if possible."""
        lost = False
        if items:
            try:
                row = load_view(key, rows)
                for item in items:
                    row.take(item, self.now_ms)
                rows.put(key, encode(row))
            except FatalError:
                raise
            except Exception:  # noqa: BLE001  the first error says why
                lost = True
        reason = error.reason if isinstance(error, InvalidRecordError) else "view_failed"
        text = f"{type(error).__name__}: {error}"
        self._again(key, rows)
        return Outcome(faults=[RuleFault("view", key, text, reason, tuple(items), lost)], evaluated=1)

    def _again(self, key: str, rows: Rows) -> None:
        known = key in self._failing
        failing = self._failing.failed(key, rows, self.now_ms, self._known.tenants)
        if failing is None:
            return
        heapq.heappush(self._due, (failing.due_ms, key))
        if not known:
            self._count([], [failing.count])
