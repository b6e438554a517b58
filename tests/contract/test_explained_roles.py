"""`synchealth explain` has words for every role that a detection gives to a holder."""

from __future__ import annotations

import ast
import json
from pathlib import Path

from deploy.finding_page import ROLES

DETECTIONS = Path(__file__).parents[2] / "streams" / "detections"


def roles_in_cases() -> set[str]:
    """Every role that the cases expect."""
    found: set[str] = set()

    def walk(document: object) -> None:
        if isinstance(document, dict):
            for key, value in document.items():
                if key == "role" and isinstance(value, str):
                    found.add(value)
                elif key == "roles" and isinstance(value, dict):
                    found.update(role for role in value.values() if isinstance(role, str))
                walk(value)
        elif isinstance(document, list):
            for value in document:
                walk(value)

    for path in DETECTIONS.rglob("*.cases.json"):
        walk(json.loads(path.read_text()))
    return found


def roles_in_code() -> set[str]:
    """The words that rules hand to `holder(…)` themselves."""
    found: set[str] = set()
    for path in DETECTIONS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "holder":
                found.update(str(a.value) for a in node.args[:1] if isinstance(a, ast.Constant) and a.value)
    return found


def test_every_role_has_words() -> None:
    used = roles_in_cases() | roles_in_code()

    assert used
    assert used - ROLES.keys() == set(), "add words to deploy/finding_page.py"
