"""The stories of tenant and merger are true at the speed of life: each finding opens and resolves, and nothing else."""

from __future__ import annotations

import pytest

from tests.support.rehearsal import START_MS, StreamedRehearsal

pytestmark = pytest.mark.slow

LAST_MIN = 125
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


def test_a_merger_is_one_change_in_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    families = {*FAMILIES, "flow"}
    rehearsal = StreamedRehearsal("merger", monkeypatch, lambda each: each.detection.family in families)
    rehearsal.play(31, look_every_min=10)
    assert rehearsal.unfinished == []
    assert rehearsal.surprises == []
    assert rehearsal.standing == {}
