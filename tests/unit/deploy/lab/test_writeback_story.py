"""The writeback story is true at the speed of life: the oracle sees each finding open and resolve, and no other."""

from __future__ import annotations

import pytest

from tests.support.rehearsal import Rehearsal

LAST_MIN = 120


def test_every_finding_of_the_story_opens_and_resolves_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal("writeback", monkeypatch, lambda each: each.detection.family == "writeback")
    rehearsal.play(LAST_MIN)
    assert rehearsal.unfinished == []
    assert rehearsal.surprises == [] and rehearsal.standing == {}


def test_passwords_of_the_story_are_older_than_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal("writeback", monkeypatch, lambda _: False)
    changed = [found.first("pwdLastSet") or "0" for found in rehearsal.lab.forests[0].store.objects()]
    assert sum(value == "134168832000000000" for value in changed) == 6
