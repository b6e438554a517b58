"""Workers join and leave, again and again: none of them dies of it, and nothing is lost."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable

import pytest

from tests.e2e.oracle_check import assert_converged, tenant_of, world_of_today
from tests.e2e.worker_rig import WorkerRig

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(3600)]
ROUNDS = int(os.environ.get("SYNCHEALTH_REBALANCES", "3"))
"""A hundred takes about ten minutes."""


def test_a_worker_that_joins_and_leaves_ends_no_other(new_rig: Callable[..., WorkerRig]) -> None:
    world = world_of_today(16).run(ROUNDS * 60, names=30)
    with new_rig("memory") as rig:
        rig.start(0)
        rig.tell(tenant_of(world))
        for number in range(ROUNDS):
            rig.start(1)
            for start in range(number * 60, number * 60 + 60, 15):
                rig.feed(world.facts[start : start + 15])
                time.sleep(1)
            assert rig.signal(1, signal.SIGTERM) in {0, -signal.SIGTERM}  # the latter while it was still starting
            assert rig.keep_alive() == []
        rig.feed(world.facts[ROUNDS * 60 :])
        assert_converged(rig, world, within_s=180)
        assert rig.keep_alive() == []
