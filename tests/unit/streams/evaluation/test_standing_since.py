"""An episode is one from its first standing to its end, though a cause explains it away in between."""

from __future__ import annotations

from streams.contracts.finding import Finding, FindingState, Subject
from streams.contracts.times import rfc3339
from streams.detections.detection import Verdict
from streams.detections.registry import all_detections
from streams.evaluation.findings import transition

DETECTION = all_detections()[0].detection
VERDICT = Verdict(summary="wrong", subject=Subject(kind="user", key="user/t/a"), since_ms=0)


def life(*steps: tuple[bool, str | None]) -> list[Finding]:
    """The finding after each step, a minute apart: whether it is wrong, and what explains it."""
    told: list[Finding] = []
    stored: Finding | None = None
    for minute, (wrong, cause) in enumerate(steps):
        verdict = VERDICT if wrong else None
        at_ms = minute * 60_000
        stored = transition(DETECTION, "t", verdict, stored, now_ms=at_ms, observed_ms=at_ms, suppressed_by=cause)
        assert stored is not None
        told.append(stored)
    return told


def test_what_a_cause_explained_for_a_while_has_stood_since_before() -> None:
    told = life((True, None), (True, "cause"), (True, None), (True, "cause"), (True, None))
    assert [each.state.value for each in told] == ["open", "suppressed", "open", "suppressed", "open"]
    assert {each.stands_since for each in told} == {rfc3339(0)}
    assert told[-1].opened_at == rfc3339(4 * 60_000), "its alert waits from the end of the cause"


def test_one_that_opens_after_its_end_stands_since_then() -> None:
    told = life((True, "cause"), (True, None), (False, None), (True, None))
    assert [each.stands_since for each in told] == [rfc3339(0)] * 3 + [rfc3339(3 * 60_000)]
    assert told[2].state is FindingState.RESOLVED
    assert told[3].standing_since is None
