"""What is collected is judged or shown: without an attribute some case of some detection goes otherwise.

Rows of streams.contracts.flows are held by tests/unit/streams/views/test_flow_table.py, one by one.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from producers.ad.attributes import LINKS, NAMES
from producers.graph.collections import COLLECTIONS
from producers.graph.mapping.objects import names_of
from streams.contracts.codec import encode
from streams.contracts.facts import Fact
from streams.contracts.flows import FLOWS
from streams.contracts.views import Contribution
from streams.evaluation.outcome import Outcome
from tests.support import cases
from tests.support.pipeline import Pipeline

DETECTIONS = Path("streams/detections")
OF_THE_SOURCE = {
    "objectGUID": "the key of every fact",
    "objectClass": "the kind of every fact",
    "parentGUID": "moves of containers (tests/integration/ad/test_changes.py)",
    "isDeleted": "the operation of a fact",
    "isRecycled": "the operation of a fact",
}
"""What never reaches a rule: the source reads it."""
IN_OTHER_TESTS = {
    "groupType": "compared: test_flow_table.py",
    "securityEnabled": "compared: test_flow_table.py",
    "mailNickname": "compared: test_flow_table.py",
    "onPremisesSamAccountName": "compared: test_flow_table.py",
    "isCriticalSystemObject": "out of scope: tests/unit/streams/views/test_scope.py",
    "msExchRecipientTypeDetails": "out of scope: tests/unit/streams/views/test_scope.py",
    "createdDateTime": "evidence of what has no AD side",
}
_ROWS = {name for flow in FLOWS for name in (flow.attribute, flow.property)}
AD = sorted({*NAMES, *LINKS} - OF_THE_SOURCE.keys() - IN_OTHER_TESTS.keys() - _ROWS)
GRAPH = sorted(
    {name for each in COLLECTIONS for whole in each.properties for name in names_of(whole)}.union(
        *(each.links for each in COLLECTIONS)
    )
    - IN_OTHER_TESTS.keys()
    - _ROWS
)


@cache
def all_cases() -> list[tuple[str, str, dict[str, Any]]]:
    """(family, as text, case)."""
    files = sorted(DETECTIONS.glob("*/*.cases.json"))
    return [(file.parent.name, json.dumps(case), case) for file in files for case in json.loads(file.read_text())]


def _told(family: str, case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What the case makes the pipeline say; where it does not go as it says, that it does not."""
    said: list[object] = []

    class Noted(Pipeline):
        def _take(self, outcome: Outcome) -> list[Contribution]:
            said.extend((key, encode(each) if each else None) for key, each in sorted(outcome.findings.items()))
            return super()._take(outcome)

    monkeypatch.setattr(cases, "Pipeline", Noted)
    try:
        cases.play(case, family=family)
    except AssertionError:
        said.append(None)
    return said


def _matters(name: str, sides: tuple[str, ...], monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether some case goes otherwise where no fact of these sides names it."""
    whole = cases.fact_of

    def without(side: str, raw: dict[str, Any], seq: int, now_ms: int) -> Fact:
        fact = whole(side, raw, seq, now_ms)
        if side in sides:
            fact.attributes.pop(name, None)
            fact.links.pop(name, None)
        return fact

    given, there = f'"{name}"', _ALWAYS_THERE if "ad" in sides else frozenset()
    for family, text, case in sorted(all_cases(), key=lambda each: (given not in each[1], each[0] != "hybrid_join")):
        if given in text or name in there:
            monkeypatch.setattr(cases, "fact_of", whole)
            told = _told(family, case, monkeypatch)
            monkeypatch.setattr(cases, "fact_of", without)
            if _told(family, case, monkeypatch) != told:
                return True
    return False


_ALWAYS_THERE = frozenset({
    "distinguishedName", "name", "objectSid", "operatingSystem", "operatingSystemVersion", "sAMAccountName",
    "userAccountControl", "whenCreated",
})  # fmt: skip
"""What the cases give an object of AD that names none."""


@pytest.mark.parametrize("name", AD)
def test_without_this_attribute_of_ad_a_case_goes_otherwise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _matters(name, ("ad", "ad2"), monkeypatch)


@pytest.mark.parametrize("name", GRAPH)
def test_without_this_property_of_graph_a_case_goes_otherwise(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _matters(name, ("entra",), monkeypatch)
