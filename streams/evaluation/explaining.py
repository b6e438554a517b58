"""One incident per cause: which finding explains a verdict away, and what a finding tells views that it may explain.

Findings of the same view explain at once, as they are judged before; those of other views by their words
(streams.views.explanations).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from streams.contracts.finding import Finding, FindingState
from streams.contracts.times import parse_rfc3339
from streams.detections.detection import Detection, Verdict
from streams.evaluation.view_row import ViewRow
from streams.views.explanations import LINGERS_MS, Explanation, name_of, told_by

# Between view and contributor in a derived name: view keys hold addresses, and bad addresses hold blanks.
BETWEEN = "\0"
_MOST_OBJECTS = 20

Words = dict[str, dict[str, Any]]
"""Name -> body, as ViewRow.derived has them."""


def explains(
    detection: Detection,
    verdict: Verdict,
    explanations: Iterable[Explanation],
    now_ms: int,
    wake_ms: list[int],
) -> str | None:
    """The finding under which this verdict counts; None: it is told itself. Nobody hides what is louder.

    explanations: those that the view knows, the first choice first.
    """
    wanted = verdict.explained_of(detection)
    severity = verdict.severity or detection.severity
    lingering = None
    for each in explanations:
        if (each.detection not in wanted and each.finding not in wanted) or each.severity.rank > severity.rank:
            continue
        if each.ended_ms is None:
            return each.cause
        until_ms = each.ended_ms + detection.lingers_s * 1000
        if now_ms < until_ms:
            wake_ms.append(until_ms)
            lingering = lingering or each.cause
    return lingering


def known_to(
    detection: Detection, own: Mapping[str, Explanation], told: Iterable[Explanation]
) -> Iterator[Explanation]:
    """What may explain a detection's verdicts: in the order in which it names them, those of its own view first.

    own: detection -> its finding in the same view.
    """
    told = tuple(told)
    for cause in detection.explained_by:
        if cause in own:
            yield own[cause]
        yield from (each for each in told if each.detection == cause)


def as_explanation(finding: Finding) -> Explanation:
    """A finding as those see it that it may explain."""
    resolved = finding.state is FindingState.RESOLVED
    explained = finding.state is FindingState.SUPPRESSED and finding.cause
    return Explanation(
        finding.detection,
        finding.subject.key,
        finding.id,
        finding.cause if explained and finding.cause else finding.id,
        finding.severity,
        frozenset(holder.id for holder in finding.counterparts[:_MOST_OBJECTS]),
        parse_rfc3339(finding.resolved_at or finding.updated_at) if resolved else None,
    )


def words_from(explanation: Explanation, views: Iterable[str]) -> Words:
    """What a standing finding tells these views."""
    body = {
        "finding": explanation.finding,
        "cause": explanation.cause,
        "severity": str(explanation.severity),
        "objects": sorted(explanation.objects),
    }
    contributor = name_of(explanation.detection, explanation.view)
    return {f"{view}{BETWEEN}{contributor}": body for view in views if view != explanation.view}


def words_told(row: ViewRow, detection: str = "") -> Words:
    """What the findings of a row, or those of one detection, were told to explain at the last look."""
    told = ((name, body, told_by(name.partition(BETWEEN)[2])) for name, body in row.derived.items())
    return {name: body for name, body, teller in told if teller is not None and detection in ("", teller)}


def ended_words(row: ViewRow, words: Words, proven: frozenset[str], now_ms: int, wake_ms: list[int]) -> Words:
    """Words that stand no more, for as long as anything may linger behind them.

    proven: detections whose end proves that nothing is on its way any more.
    """
    past: Words = {}
    for name, body in words_told(row).items():
        detection = told_by(name.partition(BETWEEN)[2])
        ended_ms = body.get("ended_ms", now_ms)
        if name not in words and detection not in proven and now_ms < ended_ms + LINGERS_MS:
            past[name] = {**body, "ended_ms": ended_ms}
            wake_ms.append(ended_ms + LINGERS_MS)
    return past
