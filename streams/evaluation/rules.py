"""Judges one view: every rule that looks at its kind, and what follows for findings, causes and other views."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from streams.contracts.finding import Finding, FindingState
from streams.contracts.identity import finding_id
from streams.contracts.times import parse_rfc3339
from streams.contracts.views import CauseUpdate, Contribution
from streams.detections.detection import Context, Detection, Verdict
from streams.detections.registry import Registered
from streams.evaluation.explaining import (
    BETWEEN,
    Words,
    as_explanation,
    ended_words,
    explains,
    known_to,
    words_from,
    words_told,
)
from streams.evaluation.findings import resolved, transition
from streams.evaluation.outcome import Outcome, RuleFault
from streams.evaluation.view_row import ViewRow
from streams.views.address.unique_value_view import UniqueValueView
from streams.views.device.device_view import DeviceView
from streams.views.explanations import Explanation
from streams.views.identity.object_view import ObjectView
from streams.views.membership.reference_view import ReferenceView
from streams.views.registry import AnyView
from streams.views.view import Derived


class Judge:
    """The rules, by the kind of view they look at. Changes rows and outcomes in place; keeps nothing itself.

    retention_ms: how long a resolved finding is remembered before it is forgotten.
    """

    def __init__(self, detections: Collection[Registered], *, retention_ms: int, runbook_base_url: str = "") -> None:
        self._rules: dict[type[Any], list[Registered]] = {}
        for registered in detections:
            for view in registered.detection.views:
                self._rules.setdefault(view, []).append(registered)
        self._rules = {view: causes_first(rules) for view, rules in self._rules.items()}
        self._proven = frozenset(each.detection.id for each in detections if each.detection.ends_proven)
        self._retention_ms = retention_ms
        self._runbook_base_url = runbook_base_url

    def judge(
        self, view: AnyView, row: ViewRow, context: Context, outcome: Outcome, *, now_ms: int, observed_ms: int
    ) -> tuple[list[int], Words]:
        """Let every rule speak. Returns when to look again even if nothing changes (ms), and what findings tell."""
        wake_ms: list[int] = []
        words: Words = {}
        told = explanations_of(view)
        rules = self._rules.get(type(view), ())
        for registered in rules:
            detection = registered.detection
            try:
                verdict = registered.evaluate(view, context, now_ms)
            except Exception as error:  # noqa: BLE001  a broken rule must not stop the others, nor lose its finding
                outcome.faults.append(RuleFault(detection.id, view.key, f"{type(error).__name__}: {error}"))
                words |= words_told(row, detection.id)
                continue
            stored = row.findings.get(detection.id)
            if verdict is not None:
                verdict = opened(verdict, detection.hold_s, now_ms, wake_ms, stored)
            if verdict is not None or stored is not None:
                by = None
                if verdict is not None:
                    by = self._explanation(detection, verdict, view, row, told, context, now_ms, wake_ms)
                    by = by or _still_patient(verdict, stored, now_ms, wake_ms)
                self._publish(detection, verdict, stored, row, context, outcome, now_ms, observed_ms, by)
            if verdict is not None and verdict.explains_in:
                words |= words_from(as_explanation(row.findings[detection.id]), verdict.explains_in)
        # A detection that was removed or disabled: its findings resolve.
        standing = {registered.detection.id for registered in rules}
        for gone in [detection for detection in row.findings if detection not in standing]:
            self._end(gone, row, outcome, now_ms)
        return wake_ms, words | ended_words(row, words, self._proven, now_ms, wake_ms)

    def forget(self, row: ViewRow, outcome: Outcome, now_ms: int) -> list[int]:
        """Drop resolved findings that are old enough. Returns when the rest will be (ms)."""
        later = []
        for detection, finding in list(row.findings.items()):
            if finding.state is FindingState.RESOLVED and finding.resolved_at is not None:
                until_ms = parse_rfc3339(finding.resolved_at) + self._retention_ms
                if until_ms <= now_ms:
                    del row.findings[detection]
                    outcome.findings[finding.id] = None
                else:
                    later.append(until_ms)
        return later

    def _explanation(
        self,
        detection: Detection,
        verdict: Verdict,
        view: AnyView,
        row: ViewRow,
        told: Iterable[Explanation],
        context: Context,
        now_ms: int,
        wake_ms: list[int],
    ) -> str | None:
        """The finding that explains a verdict away: of the tenant, else of the view or of one that told it."""
        engine = engine_in(view, context) if context.causes else None
        causing = (context.cause_of(cause, engine, verdict.forest) for cause in verdict.suppressed_of(detection))
        if (by := next(filter(None, causing), None)) is not None:
            return by
        own = {
            cause: as_explanation(found)
            for cause in detection.explained_by
            if (found := row.findings.get(cause))
            and not (cause in self._proven and found.state is FindingState.RESOLVED)
        }
        return explains(detection, verdict, known_to(detection, own, told), now_ms, wake_ms)

    def _publish(
        self,
        detection: Detection,
        verdict: Verdict | None,
        stored: Finding | None,
        row: ViewRow,
        context: Context,
        outcome: Outcome,
        now_ms: int,
        observed_ms: int,
        explained_by: str | None,
    ) -> None:
        if stored is not None and verdict is not None and stored.id != finding_id(detection.id, verdict.subject.key):
            # The rule now speaks of another subject: the old finding ends, a new one begins.
            self._end(detection.id, row, outcome, now_ms)
            stored = None
        after = transition(
            detection,
            context.tenant,
            verdict,
            stored,
            now_ms=now_ms,
            observed_ms=observed_ms,
            suppressed_by=explained_by,
            runbook_base_url=self._runbook_base_url,
        )
        if after is None or after is stored:
            return
        row.findings[detection.id] = outcome.findings[after.id] = after
        if detection.tenant_wide:
            cause = None
            if after.state is FindingState.SUPPRESSED:
                cause = after.cause  # its symptoms stay explained, without a gap when the explanation changes
            elif after.state is FindingState.OPEN and verdict is not None and verdict.explains:
                cause = after.id
            outcome.causes.append(
                CauseUpdate(
                    sent_ms=now_ms,
                    tenant=after.tenant,
                    detection=after.detection,
                    seq=now_ms,
                    finding=cause,
                    only=list(verdict.only) if verdict is not None else [],
                )
            )

    @staticmethod
    def _end(detection: str, row: ViewRow, outcome: Outcome, now_ms: int) -> None:
        stored = row.findings[detection]
        if stored.state is not FindingState.RESOLVED:
            row.findings[detection] = outcome.findings[stored.id] = resolved(stored, now_ms, now_ms)


def causes_first(rules: Iterable[Registered]) -> list[Registered]:
    """The rules of a view, each behind those that explain it away."""
    known = {registered.detection.id: registered.detection for registered in rules}

    def depth(detection: Detection) -> int:
        causes = [known[cause] for cause in detection.explained_by if cause in known]
        return 1 + max(map(depth, causes), default=-1)

    return sorted(rules, key=lambda registered: depth(registered.detection))


def engine_in(view: AnyView, context: Context) -> str | None:
    """Which engine synchronises what the view is about; None where nothing says so, or it is about several."""
    sides = [side.party for side in (*view.ad, *view.gone)] if isinstance(view, ObjectView) else []
    if isinstance(view, DeviceView):
        sides = [each.party for each in (view.computer, view.computer_deleted) if each is not None]
    engines = {context.engine_of(party) for party in sides}
    return engines.pop() if len(engines) == 1 else None


def explanations_of(view: AnyView) -> tuple[Explanation, ...]:
    """What findings of other views explain here."""
    return view.explanations if isinstance(view, ObjectView | ReferenceView | UniqueValueView) else ()


def opened(
    verdict: Verdict, hold_s: int, now_ms: int, wake_ms: list[int], stored: Finding | None = None
) -> Verdict | None:
    """The verdict if it has stood long enough to open; None, with a time to wake, if it has not.

    stored: the finding as it is; if it stands and the verdict says `keep_open`, it stays.
    """
    open_at_ms = verdict.open_at_ms if verdict.open_at_ms is not None else verdict.since_ms + hold_s * 1000
    stays = verdict.keep_open and stored is not None and stored.state is not FindingState.RESOLVED
    if now_ms < open_at_ms and not stays:
        wake_ms.append(open_at_ms)
        return None
    if verdict.recheck_at_ms is not None and verdict.recheck_at_ms > now_ms:
        wake_ms.append(verdict.recheck_at_ms)
    return verdict


def _still_patient(verdict: Verdict, stored: Finding | None, now_ms: int, wake_ms: list[int]) -> str | None:
    """What explained it so far, while its patience lasts anew: it stays what it is, and opens when that is over."""
    if stored is None or stored.state is not FindingState.SUPPRESSED or verdict.open_at_ms is None:
        return None
    if now_ms >= verdict.open_at_ms:
        return None
    wake_ms.append(verdict.open_at_ms)
    return stored.cause


def derive(
    view: AnyView, row: ViewRow, context: Context, outcome: Outcome, words: Words, *, now_ms: int, observed_ms: int
) -> list[int]:
    """Tell other views what this one derives now, and take back what it no longer does. Returns when to look again.

    words: what its findings tell.
    """
    derived, wake_ms = dict(words), []
    for item in view.derived():
        name = f"{item.view}{BETWEEN}{item.contributor}"
        at_ms = tells_at_ms(item, context)
        if name in row.derived or (at_ms is not None and at_ms <= now_ms):
            derived[name] = item.body
        elif at_ms is not None:
            wake_ms.append(at_ms)
    if derived == row.derived:
        return wake_ms
    changes: list[tuple[str, dict[str, Any] | None]] = [(name, None) for name in row.derived if name not in derived]
    changes += [(name, body) for name, body in derived.items() if row.derived.get(name) != body]
    for name, body in changes:
        # Above every earlier telling, even if this row was forgotten in between.
        row.told = max(row.told + 1, now_ms)
        view_key, _, contributor = name.partition(BETWEEN)
        outcome.contributions.append(
            Contribution(view=view_key, contributor=contributor, seq=row.told, changed_ms=observed_ms, body=body)
        )
    row.derived = derived
    return wake_ms


def tells_at_ms(item: Derived, context: Context) -> int | None:
    """From when on a view tells this (ms); None: not before the tenant, or AD, was read whole."""
    if item.once_read:
        return 0 if context.forests_read else None
    if item.absent_since_ms is None:
        return 0
    return item.absent_since_ms + context.patience_ms if context.collected else None
