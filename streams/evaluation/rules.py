"""Runs the rules of one view, and turns their verdicts into findings, causes and explanations. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from streams.contracts.finding import Finding, FindingState
from streams.contracts.identity import finding_id
from streams.contracts.times import parse_rfc3339
from streams.contracts.views import CauseUpdate
from streams.detections.detection import Context, Detection, Gate, Verdict
from streams.detections.registry import Registered
from streams.evaluation.explaining import (
    Bodies,
    Explained,
    as_explanation,
    candidates,
    emitted_explanations,
    ended_explanations,
    explains,
    explanation_bodies,
)
from streams.evaluation.findings import resolved, transition
from streams.evaluation.outcome import Look, RuleFault
from streams.views.address.unique_value_view import UniqueValueView
from streams.views.device.device_view import DeviceView
from streams.views.explanations import Explanation
from streams.views.identity.object_view import ObjectView
from streams.views.membership.reference_view import ReferenceView
from streams.views.registry import AnyView


class RuleResults(NamedTuple):
    """What the rules of a view say of it, given what they said before.

    findings:     detection id -> its finding as it is now, resolved ones included.
    published:    finding id -> the finding, where it changed; None: it is forgotten.
    causes:       the changes of tenant-wide causes.
    explanations: what the findings tell the views whose findings they may explain.
    faults:       of rules that raised; their findings stay as they were.
    wake_ms:      when to look again even if nothing changes.
    """

    findings: dict[str, Finding]
    published: dict[str, Finding | None]
    causes: list[CauseUpdate]
    explanations: Bodies
    faults: list[RuleFault]
    wake_ms: list[int]


class _Rules:
    """The rules of one kind of view, each behind those that explain it away."""

    def __init__(self, rules: Sequence[Registered]) -> None:
        self._rules = rules
        self.places = {registered.detection.id: place for place, registered in enumerate(rules)}
        gated: dict[Gate, list[int]] = {}
        self._ungated: list[int] = []
        for place, registered in enumerate(rules):
            only_if = registered.detection.only_if
            (self._ungated if only_if is None else gated.setdefault(only_if, [])).append(place)
        self._gated = list(gated.items())

    def of(self, view: AnyView, context: Context, findings: Collection[str]) -> Sequence[Registered]:
        """Those that may have something to say of the view, and those of which a finding is known, in order."""
        found = self._ungated.copy()
        for only_if, places in self._gated:
            try:
                opens = only_if(view, context)
            except Exception:  # noqa: BLE001  whoever stands behind it will raise as well, and is told of by name
                opens = True
            if opens:
                found += places
        if findings:
            found = [*{*found, *(self.places[name] for name in findings if name in self.places)}]
        found.sort()
        return [self._rules[place] for place in found]


_NO_RULES = _Rules(())


class RuleRunner:
    """The rules, by the kind of view they look at. Keeps nothing of a view.

    retention_ms: how long a resolved finding is remembered before it is forgotten.
    """

    def __init__(
        self, detections: Collection[Registered], *, retention_ms: int = 0, runbook_base_url: str = ""
    ) -> None:
        by_view: dict[type[Any], list[Registered]] = {}
        for registered in detections:
            for view in registered.detection.views:
                by_view.setdefault(view, []).append(registered)
        self._rules = {view: _Rules(causes_first(rules)) for view, rules in by_view.items()}
        self._proven = frozenset(each.detection.id for each in detections if each.detection.ends_proven)
        self._retention_ms = retention_ms
        self._runbook_base_url = runbook_base_url

    def run(self, view: AnyView, stored: Mapping[str, Finding], emitted: Bodies, look: Look) -> RuleResults:
        """Run every rule that looks at this kind of view.

        stored: detection id -> its finding as last published. emitted: what the view told others at the last look.
        """
        now = RuleResults(dict(stored), {}, [], {}, [], [])
        rules = self._rules.get(type(view), _NO_RULES)
        for registered in rules.of(view, look.context, stored):
            detection = registered.detection
            try:
                verdict = registered.evaluate(view, look.context, look.now_ms)
            except Exception as error:  # noqa: BLE001  a broken rule must not stop the others, nor lose its finding
                now.faults.append(RuleFault(detection.id, view.key, f"{type(error).__name__}: {error}"))
                now.explanations.update(emitted_explanations(emitted, detection.id))
                continue
            if verdict is None and detection.id not in now.findings:
                continue
            concluded = self._conclude(detection, verdict, view, now.findings, look)
            now.wake_ms.extend(concluded.wake_ms)
            now.published.update({each.id: each for each in concluded.changed})
            if concluded.changed:
                now.findings[detection.id] = concluded.changed[-1]
                now.causes.extend(_causes(detection, concluded, look.now_ms))
            if concluded.verdict is not None and concluded.verdict.explains_in:
                explanation = as_explanation(now.findings[detection.id])
                now.explanations.update(explanation_bodies(explanation, concluded.verdict.explains_in))
        # A detection that was removed or disabled: its findings resolve.
        for retired in [detection for detection in now.findings if detection not in rules.places]:
            for ended in _ended(now.findings[retired], look.now_ms):
                now.findings[retired] = now.published[ended.id] = ended
        if emitted:
            lingering, until_ms = ended_explanations(emitted, now.explanations, self._proven, look.now_ms)
            now.explanations.update(lingering)
            now.wake_ms.extend(until_ms)
        for past, forget_ms in self._forgotten_at_ms(now.findings):
            if forget_ms <= look.now_ms:
                now.published[now.findings.pop(past).id] = None
            else:
                now.wake_ms.append(forget_ms)
        return now

    def _forgotten_at_ms(self, findings: Mapping[str, Finding]) -> list[tuple[str, int]]:
        """The resolved ones of these, and when each may be forgotten (ms)."""
        return [
            (detection, parse_rfc3339(finding.resolved_at) + self._retention_ms)
            for detection, finding in findings.items()
            if finding.state is FindingState.RESOLVED and finding.resolved_at is not None
        ]

    def _conclude(
        self, detection: Detection, stated: Verdict | None, view: AnyView, findings: Mapping[str, Finding], look: Look
    ) -> _Conclusion:
        """From what one rule said to what is to be published."""
        stored = findings.get(detection.id)
        verdict, wake_ms = opened(stated, detection.hold_s, look.now_ms, stored) if stated is not None else (None, [])
        explained = Explained()
        if verdict is not None:
            explained = self._explained(detection, verdict, view, findings, look)
            if explained.by is None:
                explained = _still_patient(verdict, stored, look.now_ms)
        changed: list[Finding] = []
        if stored is not None and verdict is not None and stored.id != finding_id(detection.id, verdict.subject.key):
            # The rule now speaks of another subject: the old finding ends, a new one begins.
            changed, stored = _ended(stored, look.now_ms), None
        after = transition(
            detection,
            look.context.tenant,
            verdict,
            stored,
            now_ms=look.now_ms,
            observed_ms=look.observed_ms,
            suppressed_by=explained.by,
            runbook_base_url=self._runbook_base_url,
        )
        if after is not None and after is not stored:
            changed.append(after)
        wake_ms += [explained.until_ms] if explained.until_ms is not None else []
        return _Conclusion(verdict, changed, wake_ms)

    def _explained(
        self, detection: Detection, verdict: Verdict, view: AnyView, findings: Mapping[str, Finding], look: Look
    ) -> Explained:
        """What explains a verdict away: a cause of the tenant, else a finding of the view or of one that told it."""
        context = look.context
        engine = engine_in(view, context) if context.causes else None
        for cause in verdict.suppressed_of(detection):
            if by := context.cause_of(cause, engine, verdict.forest):
                return Explained(by)
        own = {
            cause: as_explanation(found)
            for cause in detection.explained_by
            if (found := findings.get(cause)) and not (cause in self._proven and found.state is FindingState.RESOLVED)
        }
        return explains(detection, verdict, candidates(detection, own, explanations_of(view)), look.now_ms)


class _Conclusion(NamedTuple):
    """verdict: None: nothing is wrong, or not for long. changed: findings to publish, the one that stays last."""

    verdict: Verdict | None
    changed: list[Finding]
    wake_ms: list[int]


def _causes(detection: Detection, concluded: _Conclusion, now_ms: int) -> Iterator[CauseUpdate]:
    """That a tenant-wide cause began, changed or ended."""
    if not detection.tenant_wide:
        return
    verdict, after = concluded.verdict, concluded.changed[-1]
    cause = None
    if after.state is FindingState.SUPPRESSED:
        cause = after.cause  # its symptoms stay explained, without a gap when the explanation changes
    elif after.state is FindingState.OPEN and verdict is not None and verdict.explains:
        cause = after.id
    only = list(verdict.only) if verdict is not None else []
    yield CauseUpdate(
        sent_ms=now_ms, tenant=after.tenant, detection=after.detection, seq=now_ms, finding=cause, only=only
    )


def _ended(stored: Finding, now_ms: int) -> list[Finding]:
    """The finding as it ends; [] if it has."""
    return [] if stored.state is FindingState.RESOLVED else [resolved(stored, now_ms, now_ms)]


def causes_first(rules: Iterable[Registered]) -> list[Registered]:
    """The rules of a view, each behind those that explain it away."""
    by_id = {registered.detection.id: registered.detection for registered in rules}

    def depth(detection: Detection) -> int:
        causes = [by_id[cause] for cause in detection.explained_by if cause in by_id]
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
    verdict: Verdict, hold_s: int, now_ms: int, stored: Finding | None = None
) -> tuple[Verdict | None, list[int]]:
    """The verdict if it has stood long enough to open, else None; and when to look again (ms).

    stored: the finding as it is; if it stands and the verdict says `keep_open`, it stays.
    """
    open_at_ms = verdict.open_at_ms if verdict.open_at_ms is not None else verdict.since_ms + hold_s * 1000
    stays = verdict.keep_open and stored is not None and stored.state is not FindingState.RESOLVED
    if now_ms < open_at_ms and not stays:
        return None, [open_at_ms]
    recheck_at_ms = verdict.recheck_at_ms
    return verdict, [recheck_at_ms] if recheck_at_ms is not None and recheck_at_ms > now_ms else []


def _still_patient(verdict: Verdict, stored: Finding | None, now_ms: int) -> Explained:
    """What explained it so far, while its patience lasts anew: it stays what it is, and opens when that is over."""
    if stored is None or stored.state is not FindingState.SUPPRESSED or verdict.open_at_ms is None:
        return Explained()
    if now_ms >= verdict.open_at_ms:
        return Explained()
    return Explained(stored.cause, verdict.open_at_ms)
