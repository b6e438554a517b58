"""One look at one view, as one value. Nothing lasts until the partition takes it over, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from streams.contracts.codec import encode
from streams.detections.detection import Context
from streams.evaluation.outcome import Outcome, RuleFault
from streams.evaluation.rules import Judge, derive
from streams.evaluation.view_row import ViewRow
from streams.measures.registry import counts_of, durations_of, recount_at, waits_of
from streams.views.registry import AnyView


@dataclass(slots=True)
class ViewEvaluation:
    """What one look led to.

    row:     the row after it, and `value` as it is to be stored (None: nothing is left to remember).
    outcome: findings, words to other views, causes, waits that are over, faults.
    counts:  the names under which it counts now; `counted`: under which it did.
    due_ms:  when to look again even if nothing changes; `was_due_ms`: when that was to be.
    view:    the view itself; None where there was nothing to judge.
    """

    row: ViewRow
    counted: list[str]
    was_due_ms: int | None
    outcome: Outcome = field(default_factory=Outcome)
    view: AnyView | None = None

    @property
    def counts(self) -> list[str]:
        return self.row.counts

    @property
    def due_ms(self) -> int | None:
        return self.row.due_ms

    @property
    def value(self) -> bytes | None:
        return None if self.row.is_empty else encode(self.row)


def evaluate_view(
    key: str,
    row: ViewRow,
    judge: Judge,
    context_of: Callable[[str], Context],
    *,
    now_ms: int,
    observed_ms: int,
    told_by: frozenset[str] | None = None,
) -> ViewEvaluation:
    """Judge one view. `row` is the caller's own copy of it and becomes the row after. told_by: see ViewRow.expire.

    Raises whatever building the view, deriving from it or reading its row raises; rules and statistics are faults of
    their own in the outcome, because what else is known of the view does not depend on them.
    """
    seen = ViewEvaluation(row, counted=row.counts, was_due_ms=row.due_ms)
    wake_ms = row.expire(now_ms, told_by)
    view = seen.view = row.view(key)
    if view is not None:
        context = context_of(view.tenant)
        now = {"now_ms": now_ms, "observed_ms": observed_ms}
        looks_ms, words = judge.judge(view, row, context, seen.outcome, **now)
        wake_ms += looks_ms
        wake_ms += derive(view, row, context, seen.outcome, words, **now)
        wake_ms += _statistics(view, row, context, seen.outcome, now_ms)
    wake_ms += judge.forget(row, seen.outcome, now_ms)
    row.due_ms = min(wake_ms, default=None)
    return seen


def _statistics(view: AnyView, row: ViewRow, context: Context, outcome: Outcome, now_ms: int) -> list[int]:
    """Counts and waits of the view into its row. Returns when to count again (ms)."""
    try:
        counts, again_ms = counts_of(view, context, now_ms), recount_at(view, context, now_ms)
        waits = waits_of(view, context, now_ms)
        outcome.durations += durations_of(view, row.waiting, waits, now_ms)
    except Exception as error:  # noqa: BLE001  what is counted must not keep a finding from opening
        outcome.faults.append(RuleFault("statistics", view.key, f"{type(error).__name__}: {error}"))
        return []
    row.counts, row.waiting = counts, waits
    return again_ms
