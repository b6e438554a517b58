"""What every detection must have: sound metadata, a runbook, cases that fire, stay quiet and clear."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from streams.detections.registry import Registered, all_detections
from streams.views.registry import VIEW_CLASSES
from tests.support.cases import play
from tests.support.gates import gates_watched

DETECTIONS = all_detections()
CASES = [(registered, case) for registered in DETECTIONS for case in json.loads(registered.cases.read_text())]
SECTIONS = ["Meaning", "Impact", "Diagnosis", "Mitigation", "False positives"]


def _id(value: object) -> str:
    if isinstance(value, Registered):
        return value.detection.id
    return str(value["name"]) if isinstance(value, dict) else str(value)


@pytest.fixture(autouse=True, scope="module")
def gates_hold() -> Iterator[None]:
    """No gate silences its rule in any case."""
    with gates_watched():
        yield


def test_the_collection_is_found() -> None:
    assert len(DETECTIONS) >= 8
    assert len({registered.detection.id for registered in DETECTIONS}) == len(DETECTIONS)


@pytest.mark.parametrize("registered", DETECTIONS, ids=_id)
def test_metadata_is_sound(registered: Registered) -> None:
    detection = registered.detection
    assert re.fullmatch(r"[a-z_]+\.[a-z_]+", detection.id)
    assert set(detection.views) <= set(VIEW_CLASSES.values())
    assert detection.remediation.endswith(".")
    assert detection.references
    assert all(reference.startswith("https://") for reference in detection.references)


@pytest.mark.parametrize("registered", DETECTIONS, ids=_id)
def test_runbook_has_every_section(registered: Registered) -> None:
    text = registered.runbook.read_text()
    assert text.startswith(f"# {registered.detection.title}\n")
    assert registered.detection.id in text
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == SECTIONS
    for body in re.split(r"^## .+$", text, flags=re.MULTILINE)[1:]:
        assert len(body.split()) >= 12, f"{registered.runbook.name}: a section says next to nothing"


@pytest.mark.parametrize("registered", DETECTIONS, ids=_id)
def test_cases_fire_stay_quiet_and_clear(registered: Registered) -> None:
    """One case each at least; a quiet case never has it open, a clearing one has it open and then not."""
    kinds = set()
    for case in json.loads(registered.cases.read_text()):
        shown = [registered.detection.id in step["open"] for step in case["steps"] if "open" in step]
        kinds |= {"fires"} if any(shown) else {"quiet"}
        if any(shown) and not shown[-1]:
            kinds.add("clears")
    assert kinds == {"fires", "quiet", "clears"}


@pytest.mark.parametrize(("registered", "case"), CASES, ids=_id)
def test_case(registered: Registered, case: dict[str, Any]) -> None:
    play(case, family=registered.detection.family)


@pytest.mark.parametrize(("registered", "case"), CASES, ids=_id)
def test_case_survives_duplicates_and_restarts(registered: Registered, case: dict[str, Any]) -> None:
    play(case, family=registered.detection.family, duplicate=True)
