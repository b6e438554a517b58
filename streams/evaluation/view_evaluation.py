"""One look at one view, as one value. Nothing lasts until the partition takes it over, whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from msgspec.structs import replace

from streams.contracts.codec import encode
from streams.detections.detection import Context
from streams.evaluation.derived import derive
from streams.evaluation.outcome import QUIET, Look, Outcome, RuleFault
from streams.evaluation.rules import RuleRunner
from streams.evaluation.view_row import ViewRow
from streams.measures.family import DurationSample
from streams.measures.registry import counts_of, durations_of, recount_at, waits_of
from streams.views.registry import AnyView


class ViewEvaluation(NamedTuple):
    """Everything that one look led to.

    row:     the row after it: its findings, what it emits to others, its counts, what it waits for, when to look again
             (`due_ms`).
    outcome: what changed for others: findings to publish, contributions, causes, durations that are over, faults.
    view:    the view itself; None where there was nothing to judge.
    """

    row: ViewRow
    outcome: Outcome
    view: AnyView | None = None

    @property
    def value(self) -> bytes | None:
        """The row as it is to be stored; None: nothing is left to remember."""
        return None if self.row.is_empty else encode(self.row)


def evaluate_view(
    key: str,
    row: ViewRow,
    rules: RuleRunner,
    context_of: Callable[[str], Context],
    *,
    now_ms: int,
    observed_ms: int,
    reporting_forests: frozenset[str] | None = None,
) -> ViewEvaluation:
    """Look at one view: a pure function of its row, of what is known of its tenant, and of the time.

    reporting_forests: see ViewRow.unexpired.

    Raises whatever building the view, deriving from it or reading its row raises; rules and statistics are faults of
    their own in the outcome, because what else is known of the view does not depend on them.
    """
    row, wake_ms = row.unexpired(now_ms, reporting_forests)
    view = row.view(key)
    if view is None:
        due_ms = min(wake_ms, default=None)
        return ViewEvaluation(row if row.due_ms == due_ms else replace(row, due_ms=due_ms), QUIET)
    look = Look(context_of(view.tenant), now_ms, observed_ms)
    results = rules.run(view, row.findings, row.derived, look)
    emitted = derive(view, row.derived, row.emitted_seq, results.explanations, look)
    counted = _statistics(view, row, look)
    after = replace(
        row,
        findings=results.findings,
        derived=emitted.bodies,
        emitted_seq=emitted.seq,
        counts=counted.counts,
        waiting=counted.waiting,
        due_ms=min(wake_ms + results.wake_ms + emitted.wake_ms + counted.wake_ms, default=None),
    )
    faults = results.faults + counted.faults
    outcome = Outcome(results.published, emitted.changes, results.causes, faults, counted.durations, evaluated=1)
    return ViewEvaluation(after, outcome, view)


class _Statistics(NamedTuple):
    """What a view counts as and waits for, the waits that ended, and when to count again (ms)."""

    counts: list[str]
    waiting: dict[str, int]
    durations: list[DurationSample]
    wake_ms: list[int]
    faults: list[RuleFault]


def _statistics(view: AnyView, row: ViewRow, look: Look) -> _Statistics:
    context, now_ms = look.context, look.now_ms
    try:
        counts, again_ms = counts_of(view, context, now_ms), recount_at(view, context, now_ms)
        waits = waits_of(view, context, now_ms)
        return _Statistics(counts, waits, durations_of(view, row.waiting, waits, now_ms), again_ms, [])
    except Exception as error:  # noqa: BLE001  what is counted must not keep a finding from opening
        fault = RuleFault("statistics", view.key, f"{type(error).__name__}: {error}")
        return _Statistics(row.counts, row.waiting, [], [], [fault])
