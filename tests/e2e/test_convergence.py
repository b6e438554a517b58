"""Two workers, one of them killed again and again: the open findings end where the oracle stands."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.broker import tansu
from tests.e2e.oracle_check import assert_converged, tenant_of, world_of_today
from tests.e2e.worker_rig import WorkerRig

pytestmark = [pytest.mark.apart, pytest.mark.kafka, pytest.mark.slow]
SEED = int(os.environ.get("SYNCHEALTH_SEED", "20261123"))


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_kills_duplicates_and_shuffles_end_at_the_oracle(new_rig: Callable[..., WorkerRig], store: str) -> None:
    chance = random.Random(f"{SEED}-{store}")
    world = world_of_today(chance.randrange(2**32)).run(1500, names=50)
    facts = world.facts + chance.sample(world.facts, len(world.facts) // 3)
    chance.shuffle(facts)
    told = chance.randrange(len(facts))
    with new_rig(store) as rig:
        rig.start(0)
        rig.start(1)
        codes = []
        began, next_kill, kills = time.monotonic(), 6.0, 0
        for start in range(0, len(facts), 25):
            if start <= told < start + 25:
                rig.tell(tenant_of(world))
            rig.feed(facts[start : start + 25])
            time.sleep(0.35)
            if time.monotonic() - began > next_kill:
                victim, how = chance.choice([0, 1]), chance.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGTERM])
                code = rig.signal(victim, how)
                codes.append(code)
                if how is signal.SIGTERM:
                    assert code in {0, -signal.SIGTERM}  # the latter while it was still starting
                kills += 1
                rig.start(victim)
                next_kill += chance.uniform(2.0, 6.0)
        assert kills >= 3
        assert_converged(rig, world)
        assert rig.dead_letters() == []


def test_the_embedded_broker_converges_without_kills(tmp_path: Path) -> None:
    world = world_of_today(SEED, groups=True).run(400, names=30)
    facts = list(world.facts)
    random.Random(SEED).shuffle(facts)
    with tansu() as broker, WorkerRig(broker.bootstrap, tmp_path, store="memory") as rig:
        rig.start(0)
        rig.tell(tenant_of(world))
        for start in range(0, len(facts), 40):
            rig.feed(facts[start : start + 40])
        assert_converged(rig, world)
