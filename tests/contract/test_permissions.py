"""The permissions that README asks for are those that the pipeline uses and that `synchealth check` tries."""

from __future__ import annotations

import re
from pathlib import Path

from deploy.cli.check import tenant
from deploy.cli.check.tenant import permissions

ROOT = Path(__file__).parents[2]
_PERMISSION = re.compile(r"\b[A-Z][A-Za-z-]+\.(?:Read|ReadWrite)\.[A-Z][A-Za-z]+\b")


def test_readme_names_what_check_asks_for_and_nothing_else() -> None:
    assert set(_PERMISSION.findall((ROOT / "README.md").read_text())) == permissions()


def test_check_tries_every_permission_that_the_source_names() -> None:
    named = set()
    for file in (ROOT / "producers" / "graph").rglob("*.py"):
        named |= set(re.findall(r'"([A-Z][A-Za-z-]+\.Read\.[A-Z][A-Za-z]+)"', file.read_text()))
    assert named <= permissions(), tenant.__name__
