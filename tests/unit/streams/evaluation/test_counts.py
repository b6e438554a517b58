"""The law of counts: at every tick they are what the oracle counts, whatever came before.

The funnel of hybrid join is made of these counts, so it holds for the funnel.
"""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contracts.counts import Count
from streams.contracts.events import Event
from streams.contracts.facts import Fact, Origin, TenantState
from streams.directory.scope import Scope
from streams.evaluation.oracle import expected_counts
from streams.measures.computers import JOINED, STAGES
from tests.support.pipeline import TENANT, Pipeline
from tests.support.random_directory import RandomDirectories
from tests.support.random_fleet import DAY_MS, RandomFleet

EXCLUDED = ["OU=Out,DC=corp,DC=local"]
JOINING = {"corp": Scope(exclude_ous=EXCLUDED, hybrid_join=True)}
NOT_JOINING = {"corp": Scope(exclude_ous=EXCLUDED)}


def _counts(pipeline: Pipeline) -> Counter[str]:
    return +pipeline.partition.counts


def _tenant(now_ms: int) -> TenantState:
    return TenantState(tenant=TENANT, seq=1, ts_ms=now_ms, collected=True, devices_collected=True)


@settings(max_examples=80, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 40), joining=st.booleans())
def test_the_funnel_is_right_at_every_tick(seed: int, steps: int, joining: bool) -> None:
    """After every step a tick, sometimes days later: accounts die and certificates end without a word of anybody."""
    chance, scopes = random.Random(seed + 1), JOINING if joining else NOT_JOINING
    world, pipeline = RandomFleet(seed), Pipeline(JOINING if joining else NOT_JOINING)
    pipeline.tell(_tenant(world.now_ms))
    facts = events = 0
    for _ in range(steps):
        world.run(1)
        told: list[tuple[Origin, Fact] | Event] = [*world.facts[facts:], *world.events[events:]]
        facts, events = len(world.facts), len(world.events)
        if chance.random() < 0.3:
            told += chance.sample(world.facts, chance.randrange(len(world.facts) + 1))
        for word in told:
            if isinstance(word, Event):
                pipeline.log([word], now_ms=world.now_ms)
            else:
                pipeline.feed(word[0], [word[1]], now_ms=world.now_ms)
        if chance.random() < 0.2:
            pipeline.restart()
        world.now_ms += int(chance.choice([0, 0, 0, 1 / 24, 1, 8, 40]) * DAY_MS)
        pipeline.tick(world.now_ms)
        tenants = {TENANT: _tenant(world.now_ms)}
        expected = expected_counts(world.final(), tenants, scopes, now_ms=world.now_ms, events=world.events)
        assert _counts(pipeline) == expected


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), steps=st.integers(1, 60))
def test_objects_are_counted_as_the_oracle_counts_them(seed: int, steps: int) -> None:
    chance, world = random.Random(seed + 1), RandomDirectories(seed).run(steps)
    facts = world.facts + chance.sample(world.facts, chance.randrange(len(world.facts) + 1))
    chance.shuffle(facts)
    pipeline = Pipeline(NOT_JOINING)
    for origin, fact in facts:
        pipeline.feed(origin, [fact])
        if chance.random() < 0.1:
            pipeline.restart()
    pipeline.tick(world.now_ms + 3_600_000)
    expected = expected_counts(world.final(), {}, NOT_JOINING, now_ms=world.now_ms + 3_600_000)
    # Facts in disorder leave open what changed before our eyes, and only what did not is counted of flows.
    assert _without_flows(_counts(pipeline)) == _without_flows(expected)


def _without_flows(counts: Counter[str]) -> dict[str, int]:
    return {name: number for name, number in counts.items() if not name.startswith("flows")}


def test_random_fleets_reach_every_stage_and_every_reason() -> None:
    """Otherwise the law would hold for places where nobody ever stands."""
    reached: set[str] = set()
    errors: set[str] = set()
    for seed in range(80):
        world = RandomFleet(seed).run(40)
        for days in (0, 2, 70):
            for scopes in (JOINING, NOT_JOINING):
                now_ms = world.now_ms + days * DAY_MS
                for name in expected_counts(world.final(), {}, scopes, now_ms=now_ms, events=world.events):
                    count = Count.read(name)
                    (reached if count.subject == "computers" else errors).add(count.labels[1])
    reasons = {"domain_controller", "disabled", "unsupported_system", "out_of_scope", "not_seen", "not_planned"}
    assert reached == {*STAGES, *reasons}
    assert {"DSREG_E_DIRECTORY_FAILURE", "TPM_E_PCP_INTERNAL_ERROR", "other"} <= errors
    assert set(JOINED) < set(STAGES)
