"""The engine story is true at the speed of life: the oracle sees each finding open and resolve, and nothing is left.

Rules on single objects are left out but for the one that the story names: they judge by what was seen to change,
and the oracle sees objects as they stand.
"""

from __future__ import annotations

import pytest

from streams.detections.registry import Registered
from tests.support.rehearsal import Rehearsal

pytestmark = pytest.mark.slow

LAST_MIN = 405


def wanted(registered: Registered) -> bool:
    detection = registered.detection
    return detection.family in {"engine", "capacity"} or detection.id == "flow.silent_drop"


def test_every_finding_of_the_story_opens_and_resolves_and_none_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal("engine", monkeypatch, wanted)
    rehearsal.play(LAST_MIN, look_every_min=15)
    assert rehearsal.unfinished == []
    assert {finding.summary for finding in rehearsal.standing.values()} == set()
