"""Each third-party client is imported in one place, so that it can be replaced and faked at one seam."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEAMS = {
    "ldap3": {"producers/ad/connection.py"},
    "msal": {"producers/graph/token.py"},
    "rocksdict": {"streams/agents/store.py"},
    "faust": {"streams/app.py", "streams/agents/transport.py"},
}


def _imports(file: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("client", sorted(SEAMS))
def test_a_client_is_imported_at_its_seam_alone(client: str) -> None:
    importers = {
        str(file.relative_to(ROOT))
        for package in ("producers", "streams", "sinks", "deploy", "grafana")
        for file in (ROOT / package).rglob("*.py")
        if client in _imports(file)
    }
    assert importers == SEAMS[client]
