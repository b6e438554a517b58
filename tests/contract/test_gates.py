"""What a view must have before a rule is asked (`Detection.only_if`) never silences the rule.

The cases of all detections (test_detections.py) and the organisations of the laws (tests/laws/conftest.py) are watched,
too; and the oracle asks every rule of every view.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from streams.contracts.codec import convert
from streams.contracts.facts import Domain, TenantState
from streams.contracts.finding import Finding
from streams.contracts.view_keys import kind_of, tenant_of
from streams.detections.detection import Context, context_of
from streams.detections.registry import Registered, all_detections
from streams.evaluation.outcome import Look
from streams.evaluation.rules import RuleRunner
from streams.views.registry import VIEW_CLASSES
from tests.support.gates import GATED, silenced
from tests.support.words import Word, heard_at

GOLDEN = Path(__file__).parent / "golden" / "views.v1.jsonl"
SAMPLES: list[dict[str, Any]] = [json.loads(line) for line in GOLDEN.read_text(encoding="utf-8").splitlines()]
FAR_MS = 1 << 45


def _contexts(tenant: str) -> list[Context]:
    """Of a tenant of which nothing is known, and of one that was read whole."""
    domains = [Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")]
    state = TenantState(
        tenant=tenant, seq=1, ts_ms=1, domains=domains, features={}, collected=True, devices_collected=True
    )
    return [context_of(tenant, known, 1_800_000, forests_read=known is not None) for known in (None, state)]


def test_no_gate_silences_a_rule_on_any_word_that_was_ever_said() -> None:
    """Word by word, and all words of one view together."""
    views: dict[str, dict[str, Word]] = {}
    for sample in SAMPLES:
        views.setdefault(sample["view"], {})[sample["contributor"]] = Word(1, sample["body"])
    heard = [*views.items()]
    heard += [(each["view"], {each["contributor"]: Word(1, each["body"])}) for each in SAMPLES]
    for key, words in heard:
        view = VIEW_CLASSES[kind_of(key)].build(key, heard_at(key, words))
        for context in _contexts(tenant_of(key)):
            assert not [*silenced(view, context, 0), *silenced(view, context, FAR_MS)]


def test_a_gate_that_says_no_too_often_is_found() -> None:
    wrong = [replace(each, detection=replace(each.detection, only_if=lambda _view, _context: False)) for each in GATED]
    [sample] = [each for each in SAMPLES if each["view"].startswith("user/") and "deleted" not in each["body"]][:1]
    said = json.loads(json.dumps(sample["body"]))
    said["attributes"]["userPrincipalName"] = "no name at all"
    said["party"].pop("out_of_scope", None)
    view = VIEW_CLASSES["user"].build(sample["view"], heard_at(sample["view"], {sample["contributor"]: Word(1, said)}))
    context = _contexts(tenant_of(sample["view"]))[1]
    assert silenced(view, context, FAR_MS, wrong)
    assert not silenced(view, context, FAR_MS)


def test_who_stands_behind_a_closed_gate_is_asked_only_where_a_finding_of_it_is_known() -> None:
    asked: list[str] = []

    def recorded(registered: Registered) -> Registered:
        return replace(registered, evaluate=lambda *_given: asked.append(registered.detection.id))

    [sample] = [each for each in SAMPLES if each["view"].startswith("user/") and "deleted" not in each["body"]][:1]
    words = heard_at(sample["view"], {sample["contributor"]: Word(1, sample["body"])})
    view, context = VIEW_CLASSES["user"].build(sample["view"], words), _contexts(tenant_of(sample["view"]))[0]
    runner = RuleRunner([recorded(each) for each in all_detections()])
    runner.run(view, {}, {}, Look(context, 1, 1))
    assert "flow.missing_in_cloud" in asked and "flow.orphaned_in_cloud" not in asked
    finding = convert({**json.loads((GOLDEN.parent / "finding.v1.json").read_text())}, Finding)
    asked.clear()
    runner.run(view, {"flow.orphaned_in_cloud": finding}, {}, Look(context, 1, 1))
    assert "flow.orphaned_in_cloud" in asked
