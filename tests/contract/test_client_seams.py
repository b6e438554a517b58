"""Each third-party client is imported in one place, so that it can be replaced and faked at one seam."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SEAMS = {
    "ldap3": {"producers/ad/ldap/connection.py"},
    "msal": {"producers/graph/token.py", "sinks/notify/channels/sentinel.py"},
    "rocksdict": {"streams/agents/tables/store.py"},
    "faust": {"streams/agents/delivery/faust.py"},
    "aiokafka": {
        "streams/agents/client.py",
        "streams/agents/delivery/faust.py",
        "streams/agents/topic_reader.py",
    },
    "kafka": {
        "deploy/broker/readiness.py",
        "producers/topics.py",
        "streams/runtime/topic_reader.py",
        "streams/runtime/topic_writer.py",
    },
    "requests": {
        "streams/runtime/http_session.py",
        "producers/graph/session.py",
        "deploy/cli/check/prometheus.py",
        "deploy/cli/desk/client.py",
    },
    "orjson": {"streams/contracts/codec.py"},
}
# The lab plays what others run (Graph, Winlogbeat), and must share no fault with our side of it.
APART = "deploy/lab/"


@cache
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
    assert {each for each in importers if not each.startswith(APART)} == SEAMS[client]


def test_every_client_of_kafka_is_built_where_its_refusal_is_explained() -> None:
    """A client says "unable to bootstrap" to a wrong password, an untrusted authority and a wrong protocol alike."""
    bare = []
    for package in ("producers", "streams", "sinks"):
        for file in (ROOT / package).rglob("*.py"):
            tree = ast.parse(file.read_text())
            explained = {
                id(node)
                for call in ast.walk(tree)
                if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "built"
                for node in ast.walk(call)
            }
            bare += [
                f"{file.relative_to(ROOT)}:{node.lineno}"
                for node in ast.walk(tree)
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
                if node.func.id in {"KafkaConsumer", "KafkaProducer", "KafkaAdminClient"} and id(node) not in explained
            ]
    assert bare == []
