"""Workers join and leave, again and again: none of them dies of it, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable

import pytest

from streams.app import EXIT_FAILED
from tests.e2e.oracle_check import assert_converged, tenant_of, world_of_today
from tests.e2e.worker_rig import WorkerRig, wait_until

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
        assert_converged(rig, world)
        assert rig.keep_alive() == []


def test_a_killed_worker_that_starts_again_gets_its_partitions_back_long_before_its_session_ends(
    new_rig: Callable[..., WorkerRig],
) -> None:
    world = world_of_today(17).run(240, names=30)
    with new_rig("rocksdb", session_s=600) as rig:  # nothing here is waited for that long
        rig.start(0)
        rig.start(1)
        rig.tell(tenant_of(world))
        for number, start in enumerate(range(0, 180, 60)):
            rig.feed(world.facts[start : start + 60])
            assert wait_until(lambda: generations(rig, 0) and generations(rig, 1), 180)
            kill_and_see_it_come_back(rig, number % 2)
        rig.feed(world.facts[180:])
        assert_converged(rig, world)
        assert rig.keep_alive() == []


def test_of_two_processes_in_one_place_of_the_group_the_older_one_ends(new_rig: Callable[..., WorkerRig]) -> None:
    same = "import streams.app; streams.app.claim = lambda folder: 'the-same'"
    world = world_of_today(18).run(120, names=30)
    with new_rig("memory", session_s=20) as rig:
        rig.start(0, prelude=same)
        rig.tell(tenant_of(world))
        rig.feed(world.facts[:60])
        assert wait_until(lambda: generations(rig, 0), 180)
        older = rig.workers.pop(0)
        rig.start(1, prelude=same)
        try:
            assert older.wait(180) == EXIT_FAILED
        finally:
            older.send_signal(signal.SIGKILL)
        rig.feed(world.facts[60:])
        assert_converged(rig, world)
        assert rig.keep_alive() == []


def kill_and_see_it_come_back(rig: WorkerRig, victim: int) -> None:
    before = generations(rig, victim)
    rig.signal(victim, signal.SIGKILL)
    rig.start(victim)
    assert wait_until(lambda: len(generations(rig, victim)) > len(before), 180)
    assert generations(rig, victim)[-1] == before[-1], "the group has rebalanced"


def generations(rig: WorkerRig, number: int) -> list[int]:
    """Those in which this worker was given partitions, in turn."""
    log = rig.folder / f"worker-{number}.log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [json.loads(line)["generation"] for line in lines if '"partitions_assigned"' in line]
