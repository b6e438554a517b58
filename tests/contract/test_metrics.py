"""The surface that Prometheus sees: names, help, units, and labels that no object can reach."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.parser import text_string_to_metric_families

from sinks.labels import NONE, OTHER, REASONS, KnownDetection, LabelValues
from sinks.open_findings import Transition
from sinks.prometheus import PrometheusSink
from sinks.sink import Meta
from streams.contracts.deadletter import DeadLetter
from streams.contracts.entries import Tombstone, Unreadable
from streams.contracts.finding import FindingState, Severity, Subject
from streams.contracts.topics import DEADLETTERS, FINDINGS, TOPICS
from streams.measures.registry import all_counts, all_durations
from streams.runtime.topic_reader import ReaderProgress
from tests.support.findings import FOREST, START_MS, TENANT, finding
from tests.support.prometheus import promtool

ROOT = Path(__file__).parents[2]
DETECTION = "conflict.duplicate_address"
# Modules whose metrics live in the default registry of their process.
OTHER_METRICS = ("producers.metrics", "streams.agents.metrics")
# Label names that anything of ours may use; each has as many values as code or configuration has.
BOUNDED = {"detection", "family", "severity", "tenant", "forest", "transition", "reason", "topic", "le", "version"}
BOUNDED |= {"source", "op", "stage", "error", "partition", "agent", "view", "process", "table", "side"}
# Logs are three; the rest are words of ours, families of systems, Connect servers, and the largest units of a forest.
BOUNDED |= {"provider", "event_id"}  # a known provider and 100 ids at most: producers/eventlog/source.py
BOUNDED |= {"log", "kind", "state", "class", "server", "system", "age", "unit"}
BOUNDED |= {"property"}  # a row of streams.contracts.flows
BOUNDED |= {"channel", "outcome"}  # names of [[channel]], words of sinks.notify
BOUNDED |= {"engine"}  # streams.directory.engines: two
# What an object could look like, in every field that a record has.
OBJECTS = (
    "CN=Ada Lovelace,OU=Staff,DC=corp,DC=contoso,DC=local",
    "ada@contoso.com",
    "smtp:ada@contoso.com",
    "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55",
    "kCwabn1bOE+cIQpL430fVQ==",
    "S-1-5-21-1-2-3-1105",
    'a"b\nc',
)


def fed_exporter() -> CollectorRegistry:
    registry = CollectorRegistry()
    values = LabelValues([KnownDetection(DETECTION, "conflict", Severity.HIGH)], [TENANT], [(FOREST, TENANT)])
    sink = PrometheusSink(values, registry)
    meta = Meta(FINDINGS.name, 0, 0, START_MS, True)
    for number, text in enumerate(OBJECTS):
        hostile: dict[str, Any] = dict.fromkeys(("detection", "family", "tenant", "forest", "summary", "cause"), text)
        for state in FindingState:
            subject = Subject(kind=text, key=text, distinguished_name=text, user_principal_name=text)
            sink.add(finding(number, state.value, subject=subject, **hostile), meta)
            sink.add(finding(100 + number, state.value), meta)
        letter = DeadLetter(reason=text, error=text, stage=text, ts_ms=START_MS, original=text, key=text)
        sink.add(letter, Meta(DEADLETTERS.name, 0, 0, START_MS, True))
        sink.add(Unreadable(text, text), meta)
        sink.add(Tombstone(text), meta)
    sink.add(finding(1), meta)
    sink.flush(ReaderProgress(caught_up=True, in_contact=True, behind=0))
    return registry


def test_no_object_can_become_a_label() -> None:
    allowed = {DETECTION, "conflict", TENANT, FOREST, OTHER, NONE, *REASONS}
    allowed |= {*Transition, *Severity, *(topic.name for topic in TOPICS)}
    values = {
        (sample.name, label, value)
        for family in text_string_to_metric_families(generate_latest(fed_exporter()).decode())
        for sample in family.samples
        for label, value in sample.labels.items()
        if label != "le" and value not in allowed
    }

    assert values == set()


def test_hostile_labels_do_not_multiply_series() -> None:
    families = text_string_to_metric_families(generate_latest(fed_exporter()).decode())
    [series] = [len(family.samples) for family in families if family.name == "synchealth_findings_open"]

    assert series == 2  # the known one, and one "other" for all the strangers


def declared() -> Iterator[Any]:
    modules = [importlib.import_module(name) for name in OTHER_METRICS]
    for registry in (fed_exporter(), REGISTRY, *(getattr(module, "REGISTRY", REGISTRY) for module in modules)):
        for family in registry.collect():
            if family.name.startswith("synchealth"):
                yield family


def labels_of(metric: str) -> set[str]:
    """The labels that a metric would have: most have no sample before something happens."""
    families = [each.family for each in (*all_counts().values(), *all_durations().values())]
    found = {family.metric: tuple(family.labels) for family in families}
    for module in map(importlib.import_module, OTHER_METRICS):
        declared_here = (item for item in vars(module).values() if isinstance(item, MetricWrapperBase))
        found |= {item._name: tuple(item._labelnames) for item in declared_here}
    return set(found.get(metric, ()))


def test_every_metric_follows_the_convention() -> None:
    for family in declared():
        assert re.fullmatch(r"synchealth_[a-z]+(_[a-z]+)+", family.name), family.name
        assert family.documentation.endswith("."), f"{family.name}: the help text is a sentence"
        labels = {label for sample in family.samples for label in sample.labels} | labels_of(family.name)
        assert labels <= BOUNDED, f"{family.name}: is {labels - BOUNDED} bounded? Then name it here"


def test_every_reason_with_which_something_is_refused_is_a_label_value() -> None:
    used: dict[str, str] = {}
    for package in ("streams", "producers", "sinks"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                for reason in _reasons(node):
                    used[reason] = str(path.relative_to(ROOT))

    missing = {reason: path for reason, path in used.items() if reason not in REASONS}
    assert missing == {}, "add these to sinks/labels.py, else they count as other"


def _reasons(node: ast.AST) -> Iterator[str]:
    if not isinstance(node, ast.Call):
        return
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    place = {"InvalidRecordError": 0, "dead_letter": 1, "_letter": 0}.get(name)
    positional = node.args[place : place + 1] if place is not None else []
    for value in [*positional, *(k.value for k in node.keywords if k.arg == "reason" and name == "DeadLetter")]:
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            yield value.value


@pytest.mark.prometheus
def test_promtool_finds_nothing_to_say_about_the_scrape() -> None:
    code, words = promtool("check", "metrics", input_=generate_latest(fed_exporter()))

    assert (code, words) == (0, "")
