"""The law of the engine for computers, devices and forests: the stream ends where the oracle stands.

Here the dead count: that a device was there before tells re-pended from pending.
"""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contracts.codec import encode
from streams.contracts.events import Event
from streams.contracts.facts import Domain, Fact, Origin, TenantState
from streams.contracts.finding import Finding
from streams.detections.registry import all_detections
from streams.directory.scope import Scope
from streams.evaluation.oracle import expected_findings
from tests.support.pipeline import TENANT, Pipeline
from tests.support.random_fleet import DAY_MS, RandomFleet

SCOPES = {"corp": Scope(exclude_ous=["OU=Out,DC=corp,DC=local"], hybrid_join=True)}


def _tenant(now_ms: int) -> TenantState:
    domains = [Domain("contoso.com")]
    return TenantState(
        tenant=TENANT, seq=1, ts_ms=now_ms, domains=domains, features={}, collected=True, devices_collected=True
    )


def _expected(world: RandomFleet, now_ms: int) -> dict[str, Finding]:
    tenants = {TENANT: _tenant(world.now_ms)}
    return expected_findings(world.final(), tenants, SCOPES, all_detections(), now_ms=now_ms, events=world.events)


def _content(finding: Finding) -> dict[str, Any]:
    evidence = {key: value for key, value in finding.evidence.items() if key != "since"}
    holders = sorted(encode(holder) for holder in finding.counterparts)
    return {"subject": finding.subject, "evidence": evidence, "holders": holders, "forest": finding.forest}


def _check(pipeline: Pipeline, world: RandomFleet, now_ms: int) -> None:
    pipeline.tick(now_ms)
    expected, found = _expected(world, now_ms), pipeline.open()
    assert sorted((finding.detection, key) for key, finding in found.items()) == sorted(
        (finding.detection, key) for key, finding in expected.items()
    )
    for key, finding in expected.items():
        assert _content(found[key]) == _content(finding)


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 60))
def test_shuffled_duplicated_and_restarted(seed: int, steps: int) -> None:
    """Looked at twice: every hold has passed by the first time, limits of age in between."""
    world = RandomFleet(seed).run(steps)
    chance = random.Random(seed + 1)
    words: list[tuple[Origin, Fact] | Event] = [*world.facts, *world.events]
    words += chance.sample(words, chance.randrange(len(words) + 1))
    chance.shuffle(words)
    pipeline = Pipeline(SCOPES)
    told = chance.randrange(len(words))
    for number, word in enumerate(words):
        if number == told:
            pipeline.tell(_tenant(world.now_ms))
        if isinstance(word, Event):
            pipeline.log([word], now_ms=world.now_ms)
        else:
            pipeline.feed(word[0], [word[1]])
        if chance.random() < 0.1:
            pipeline.restart()
    _check(pipeline, world, world.now_ms + 2 * DAY_MS)
    _check(pipeline, world, world.now_ms + 70 * DAY_MS)


def test_the_random_fleet_exercises_the_whole_family() -> None:
    """Otherwise the law would hold for a detection that never speaks."""
    seen: set[str] = set()
    for seed in range(150):
        world = RandomFleet(seed).run(60)
        seen |= {finding.detection for finding in _expected(world, world.now_ms + 2 * DAY_MS).values()}
    family = {each.detection.id for each in all_detections() if each.detection.family == "hybrid_join"}
    assert family - seen == set()
