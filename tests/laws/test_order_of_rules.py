"""Rules are pure: what one says of a view depends on no other, nor on which view or tenant was looked at before."""

from __future__ import annotations

import ast
import random
from pathlib import Path

import pytest

from streams.contracts.facts import Domain, TenantState
from streams.detections.detection import Context, Verdict, context_of
from streams.detections.registry import all_detections
from streams.evaluation.view_row import load_view, stored_keys
from streams.views.registry import AnyView
from tests.support.pipeline import TENANT, Pipeline
from tests.support.random_directory import RandomDirectories

ROOT = Path(__file__).parents[2]
PURE = ("contracts", "hygiene", "reference_data", "directory", "views", "detections", "measures", "evaluation")


def contexts(now_ms: int) -> list[Context]:
    """Three readings of one tenant: nothing known, domains verified, and others verified."""
    named = [None, [Domain("contoso.com"), Domain("contoso.onmicrosoft.com", is_initial=True)], [Domain("x.example")]]
    return [
        context_of(
            TENANT,
            TenantState(tenant=TENANT, seq=1, ts_ms=now_ms, collected=True, devices_collected=True, domains=domains),
            1_800_000,
            forests_read=True,
        )
        for domains in named
    ]


@pytest.mark.parametrize("seed", range(6))
def test_what_a_rule_says_depends_on_no_other(seed: int) -> None:
    chance, world, pipeline = random.Random(seed), RandomDirectories(seed).run(60), Pipeline()
    for origin, fact in world.facts:
        pipeline.feed(origin, [fact])

    def view_of(key: str) -> AnyView | None:
        return load_view(key, pipeline.view_rows).view(key)

    def says(rule: int, view: AnyView, context: Context) -> Verdict | None:
        return rules[rule].evaluate(view, context, now_ms)

    rules, now_ms = all_detections(), world.now_ms + 86_400_000
    shared = {key: view for key in stored_keys(pipeline.view_rows) if (view := view_of(key)) is not None}
    calls = [
        (key, rule, context)
        for key, view in shared.items()
        for rule, registered in enumerate(rules)
        if type(view) in registered.detection.views
        for context in contexts(now_ms)
    ]
    alone = {
        (key, rule, number): says(rule, fresh, context)
        for number, (key, rule, context) in enumerate(calls)
        if (fresh := view_of(key)) is not None
    }
    assert sum(verdict is not None for verdict in alone.values()) > 20
    order = list(enumerate(calls))
    chance.shuffle(order)
    together = {(key, rule, number): says(rule, shared[key], context) for number, (key, rule, context) in order}
    assert together == alone


def test_nothing_pure_keeps_what_it_was_asked_in_a_global() -> None:
    found = [
        path.relative_to(ROOT).as_posix()
        for room in PURE
        for path in sorted((ROOT / "streams" / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Global)
    ]
    assert found == ["streams/contracts/topics.py"], "the installation's prefix is set once, at the start"
