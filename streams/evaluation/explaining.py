"""One incident per cause: which finding explains a verdict away, and what it contributes to other views.

Findings of the same view explain at once, as they are judged before; those of other views by contributions
(streams.views.explanations).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from msgspec import Raw
from msgspec.structs import replace

from streams.contracts.codec import decode
from streams.contracts.finding import Finding, FindingState
from streams.contracts.times import parse_rfc3339
from streams.detections.detection import Detection, Verdict
from streams.views.explanations import LINGERS_MS, Explanation, explaining_detection, name_of
from streams.views.messages import Explains, written

# Between view and contributor in a derived name: view keys hold addresses, and bad addresses hold blanks.
BETWEEN = "\0"
_MOST_OBJECTS = 20

Bodies = dict[str, Raw]
"""Name -> body, as ViewRow.derived has them."""


class Explained(NamedTuple):
    """by: id of the finding under which a verdict counts; None: it counts itself. until_ms: when that may change."""

    by: str | None = None
    until_ms: int | None = None


def explains(detection: Detection, verdict: Verdict, explanations: Iterable[Explanation], now_ms: int) -> Explained:
    """Which finding explains this verdict away. A verdict is never explained by a finding that is less severe.

    explanations: those that the view knows, the first choice first. One that has ended explains for a while longer,
    if nothing else does.
    """
    wanted = verdict.explained_of(detection)
    severity = verdict.severity or detection.severity
    lingering = Explained()
    for each in explanations:
        if (each.detection not in wanted and each.finding not in wanted) or each.severity.rank > severity.rank:
            continue
        if each.ended_ms is None:
            return Explained(each.cause)
        until_ms = each.ended_ms + detection.lingers_s * 1000
        if now_ms < until_ms and lingering.by is None:
            lingering = Explained(each.cause, until_ms)
    return lingering


def candidates(
    detection: Detection, own: Mapping[str, Explanation], received: Iterable[Explanation]
) -> Iterator[Explanation]:
    """What may explain a detection's verdicts: in the order in which it names them, those of its own view first.

    own: detection -> its finding in the same view.
    """
    received = tuple(received)
    for cause in detection.explained_by:
        if cause in own:
            yield own[cause]
        yield from (each for each in received if each.detection == cause)


def as_explanation(finding: Finding) -> Explanation:
    """A finding as an explanation: what views that it may explain receive of it."""
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


def explanation_bodies(explanation: Explanation, views: Iterable[str]) -> Bodies:
    """The explanation of a standing finding as contributions to these views."""
    objects = sorted(explanation.objects)
    body = written(Explains(explanation.finding, explanation.cause, str(explanation.severity), objects))
    contributor = name_of(explanation.detection, explanation.view)
    return {f"{view}{BETWEEN}{contributor}": body for view in views if view != explanation.view}


def emitted_explanations(previous: Bodies, detection: str = "") -> Bodies:
    """The explanations among what a view emitted at the last look; detection: of this one alone, "": of all."""
    received = ((name, body, explaining_detection(name.partition(BETWEEN)[2])) for name, body in previous.items())
    return {name: body for name, body, teller in received if teller is not None and detection in ("", teller)}


def ended_explanations(
    previous: Bodies, standing: Bodies, proven: frozenset[str], now_ms: int
) -> tuple[Bodies, list[int]]:
    """Explanations that ended, for as long as anything may linger behind them; and when they need not be told (ms).

    previous: what the view emitted at the last look; standing: the explanations that stand now.
    proven:   detections whose end proves that nothing is on its way any more.
    """
    past: Bodies = {}
    until_ms: list[int] = []
    for name, body in emitted_explanations(previous).items():
        detection = explaining_detection(name.partition(BETWEEN)[2])
        explanation = decode(body, Explains)
        ended_ms = explanation.ended_ms if explanation.ended_ms is not None else now_ms
        if name not in standing and detection not in proven and now_ms < ended_ms + LINGERS_MS:
            past[name] = written(replace(explanation, ended_ms=ended_ms))
            until_ms.append(ended_ms + LINGERS_MS)
    return past, until_ms
