"""The story of a large group is true: it is too large while it is in scope, and nothing else is wrong."""

from __future__ import annotations

import pytest

from tests.support.rehearsal import StreamedRehearsal


@pytest.mark.soak
def test_the_group_opens_and_resolves(monkeypatch: pytest.MonkeyPatch) -> None:
    families = {"authority", "capacity", "engine", "flow"}
    rehearsal = StreamedRehearsal("large_group", monkeypatch, lambda each: each.detection.family in families)
    rehearsal.play(10, look_every_min=10)
    assert rehearsal.unfinished == []
    assert rehearsal.surprises == [] and rehearsal.standing == {}
