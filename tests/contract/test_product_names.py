"""What we tell people to open bears the name that they find there, not the one of some years ago."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import streams
from streams.reference_data import export_errors, join_errors, password_advice
from streams.reference_data.product_names import TABLE
from tests.support.source_text import told

_ROOT = Path(streams.__file__).parents[1]
_OUTDATED = re.compile(
    rf"(?<!\w)(?:{'|'.join(re.escape(row.name) for row in TABLE.rows if row.outdated)})(?!\w)", re.IGNORECASE
)
# Literal paths, commands and what logs say stand in backticks.
_LITERAL = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
_RULES = sorted(_ROOT.glob("streams/detections/**/*.py"))
_PAGES = sorted([*_ROOT.glob("streams/detections/**/*.md"), *_ROOT.glob("deploy/**/*.md"), *_ROOT.glob("*.md")])
_CHECKS = sorted([*_ROOT.glob("deploy/cli/check/*.py"), *_ROOT.glob("grafana/*.py")])


def outdated(text: str) -> list[str]:
    """The outdated names that a text for people has, outside of what is literal."""
    return _OUTDATED.findall(_LITERAL.sub("", text))


@pytest.mark.parametrize("path", [*_RULES, *_CHECKS], ids=lambda path: str(path.relative_to(_ROOT)))
def test_no_rule_and_no_check_says_an_outdated_name(path: Path) -> None:
    assert [found for text in told(ast.parse(path.read_text())) for found in outdated(str(text.value))] == []


@pytest.mark.parametrize("path", _RULES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_no_rule_says_a_portal_by_a_literal(path: Path) -> None:
    """It takes the name from the table, so that the next renaming is one line."""
    portals = {row.name for row in TABLE.rows if row.ours}
    literal = [str(text.value) for text in told(ast.parse(path.read_text()))]
    assert [text for text in literal if any(name in text.lower() for name in portals)] == []


@pytest.mark.parametrize("path", _PAGES, ids=lambda path: str(path.relative_to(_ROOT)))
def test_no_runbook_and_no_page_says_an_outdated_name(path: Path) -> None:
    assert outdated(path.read_text()) == []


def test_no_advice_of_a_table_says_an_outdated_name() -> None:
    said = [
        *(row.advice for row in export_errors.TABLE.rows),
        *(row.advice for row in password_advice.TABLE.rows),
        *(f"{row.meaning} {row.action}" for row in join_errors.TABLE.rows),
    ]
    assert [found for text in said for found in outdated(text)] == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Open the Azure portal.", ["Azure portal"]),
        ("the AZURE AD\nof", ["AZURE AD"]),
        ("Azure Active Directory Connect", ["Azure Active Directory"]),
        ("Run `C:\\Program Files\\Microsoft Azure AD Sync\\x`", []),
        ("keywords azureADId and azureADName", []),
        ("Update-AzureADSSOForest", []),
        ("Entra admin centre", []),
    ],
)
def test_what_counts_as_outdated(text: str, found: list[str]) -> None:
    assert outdated(text) == found
