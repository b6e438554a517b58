"""The tenant story is true at the speed of life: each finding opens and resolves, and nothing else goes wrong."""

from __future__ import annotations

import pytest

from tests.support.rehearsal import START_MS, StreamedRehearsal

LAST_MIN = 152
FAMILIES = {"authority", "capacity", "engine"}
DAY_MS = 86_400_000


def test_every_finding_of_the_story_opens_and_resolves_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = StreamedRehearsal("tenant", monkeypatch, lambda each: each.detection.family in FAMILIES)
    rehearsal.play(LAST_MIN, look_every_min=2)
    assert rehearsal.unfinished == []
    assert rehearsal.surprises == []
    assert [finding.detection for finding in rehearsal.standing.values()] == ["engine.sync_feature_changed"]
    rehearsal.ms = START_MS + DAY_MS + LAST_MIN * 60_000
    rehearsal.lab.tenant.record_sync()
    rehearsal.look()
    assert "engine.sync_feature_changed" not in {finding.detection for finding in rehearsal.standing.values()}
