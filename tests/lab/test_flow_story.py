"""The flow story is true at the speed of life: each finding opens and resolves, and nothing else goes wrong."""

from __future__ import annotations

from collections import Counter

import pytest

from streams.contracts.finding import FindingState
from streams.detections.registry import Registered
from tests.support.rehearsal import StreamedRehearsal

pytestmark = pytest.mark.slow

LAST_MIN = 325
FAMILIES = {"authority", "capacity", "engine", "flow"}


def wanted(registered: Registered) -> bool:
    """Of other families the one that the story names."""
    detection = registered.detection
    return detection.family in FAMILIES or detection.id == "conflict.reference_to_unsynced_object"


def test_every_finding_of_the_story_opens_and_resolves_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = StreamedRehearsal("flow", monkeypatch, wanted)
    rehearsal.play(LAST_MIN)
    assert rehearsal.unfinished == []
    assert {finding.summary for finding in rehearsal.standing.values()} == set()
    assert rehearsal.surprises == []
    told = [finding for _, finding in rehearsal.pipeline.published if finding is not None]
    suppressed = Counter(finding.detection for finding in told if finding.state is FindingState.SUPPRESSED)
    assert suppressed["engine.sync_stopped"] == 1, "the long cycle explains it"
    assert suppressed["flow.export_overdue"] > 5
