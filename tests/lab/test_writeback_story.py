"""The writeback story is true at the speed of life: the oracle sees each finding open and resolve, and no other."""

from __future__ import annotations

import pytest

from streams.contracts.finding import Severity
from streams.views.password.errors import USERS_OWN, ErrorClass
from tests.support.rehearsal import Rehearsal

pytestmark = pytest.mark.slow

LAST_MIN = 120
FAILED = "writeback.password_writeback_failed"
# Two are no failures to write: who has two passwords has a finding of its own, and what the cloud does not offer none.
PLAYED = {str(each) for each in ErrorClass} - {ErrorClass.SPLIT, ErrorClass.NOT_OFFERED, ErrorClass.OTHER}


class Classes(Rehearsal):
    """A rehearsal that remembers of which class the failures were, as they opened."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: dict[str, tuple[str, str | None, Severity]] = {}
        super().__init__("writeback", monkeypatch, lambda each: each.detection.family == "writeback")

    def look(self) -> None:
        """As ever, and note the classes."""
        super().look()
        for finding in self.standing.values():
            if finding.detection == FAILED:
                evidence = finding.evidence
                self.seen[finding.id] = (evidence["class"], evidence.get("detail"), finding.severity)


def test_every_finding_of_the_story_opens_and_resolves_and_nothing_else_does(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Classes(monkeypatch)
    rehearsal.play(LAST_MIN, look_every_min=3)
    assert rehearsal.unfinished == []
    assert rehearsal.surprises == [] and rehearsal.standing == {}
    seen = set(rehearsal.seen.values())
    assert {error for error, _, _ in seen} == PLAYED
    assert ("permission", "protected_account", Severity.HIGH) in seen and ("permission", None, Severity.HIGH) in seen
    assert {error for error, _, severity in seen if severity is Severity.LOW} == {str(each) for each in USERS_OWN}


def test_passwords_of_the_story_are_older_than_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rehearsal = Rehearsal("writeback", monkeypatch, lambda _: False)
    changed = [found.first("pwdLastSet") or "0" for found in rehearsal.lab.forests[0].store.objects()]
    assert sum(value == "134168832000000000" for value in changed) == 13
