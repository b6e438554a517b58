"""The law of the engine for what is written back: the stream ends where the oracle stands."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contracts.codec import encode
from streams.contracts.events import Event
from streams.contracts.facts import Domain, TenantState
from streams.contracts.finding import Finding
from streams.contracts.view_keys import ViewKind
from streams.detections.registry import all_detections
from streams.directory.scope import Scope, scope_name
from streams.evaluation.oracle import expected_findings
from streams.views.registry import VIEW_CLASSES
from tests.support.pipeline import TENANT, Pipeline
from tests.support.random_writeback import RandomWriteback

DAY_MS = 86_400_000
KINDS = (ViewKind.WRITTEN_GROUP, ViewKind.WRITTEN_DEVICE)
RULES = [each for each in all_detections() if {VIEW_CLASSES[kind] for kind in KINDS} & set(each.detection.views)]


def _scopes(seed: int) -> dict[str, Scope]:
    return {"corp": Scope(), scope_name(TENANT, None): Scope(group_writeback=seed % 2 == 0, device_writeback=True)}


def _tenant(now_ms: int) -> TenantState:
    return TenantState(
        tenant=TENANT,
        seq=1,
        ts_ms=now_ms,
        domains=[Domain("contoso.com")],
        features={"unifiedGroupWritebackEnabled": True},
        collected=True,
        devices_collected=True,
    )


def _expected(world: RandomWriteback, now_ms: int) -> dict[str, Finding]:
    tenants = {TENANT: _tenant(world.now_ms)}
    return expected_findings(world.final(), tenants, _scopes(world.seed), RULES, now_ms=now_ms, events=world.events)


def _content(finding: Finding) -> dict[str, Any]:
    holders = sorted(encode(holder) for holder in finding.counterparts)
    return {
        "detection": finding.detection,
        "severity": finding.severity,
        "subject": finding.subject,
        "evidence": {key: value for key, value in finding.evidence.items() if key != "since"},
        "holders": holders,
        "forest": finding.forest,
    }


def _check(pipeline: Pipeline, world: RandomWriteback, now_ms: int) -> None:
    pipeline.tick(now_ms)
    found = {key: finding for key, finding in pipeline.open().items() if finding.subject.kind in KINDS}
    expected = _expected(world, now_ms)
    assert {key: _content(finding) for key, finding in found.items()} == {
        key: _content(finding) for key, finding in expected.items()
    }


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 60))
def test_shuffled_duplicated_and_restarted(seed: int, steps: int) -> None:
    """Looked at twice: every wait has passed by the first time, and the log is forgotten by the second."""
    world = RandomWriteback(seed).run(steps)
    chance = random.Random(seed + 1)
    told = world.told + chance.sample(world.told, chance.randrange(len(world.told) + 1))
    chance.shuffle(told)
    pipeline = Pipeline(_scopes(seed))
    read = chance.randrange(len(told))
    for number, word in enumerate(told):
        if number == read:
            pipeline.tell(_tenant(world.now_ms))
        if isinstance(word, Event):
            pipeline.log([word], now_ms=world.now_ms)
        else:
            pipeline.feed(word[0], [word[1]])
        if chance.random() < 0.1:
            pipeline.restart()
    _check(pipeline, world, world.now_ms + 2 * DAY_MS)
    _check(pipeline, world, world.now_ms + 8 * DAY_MS)


def test_the_random_world_exercises_every_rule() -> None:
    """Otherwise the law would hold for a detection that never speaks."""
    seen: set[str] = set()
    for seed in range(60):
        world = RandomWriteback(seed).run(60)
        seen |= {finding.detection for finding in _expected(world, world.now_ms + 2 * DAY_MS).values()}
    assert {each.detection.id for each in RULES} - seen == set()
