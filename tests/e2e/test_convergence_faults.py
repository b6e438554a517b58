"""Faults that are not deaths: garbage, a worker that sleeps too long, a broker that goes away."""

from __future__ import annotations

import base64
import signal
import time
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from deploy.broker import kafka
from streams.contracts.topics import AD_CHANGES, ENTRA_TENANT, VIEWS
from tests.e2e.oracle_check import assert_converged, expected, open_findings, tenant_of, world_of_today
from tests.e2e.worker_rig import WorkerRig, wait_until

pytestmark = [pytest.mark.apart, pytest.mark.kafka, pytest.mark.slow]

GARBAGE = [b"", b"\xff\xfe", b"{", b"[]", b"17", b'"facts"', b'{"type":"nonsense"}', b'{"type":"facts","facts":3}']


def test_garbage_becomes_dead_letters_and_stops_nothing(new_rig: Callable[..., WorkerRig]) -> None:
    world = world_of_today(11).run(200, names=20)
    good = {"op": "u", "object_id": "00000000-0000-0000-0000-0000000000aa", "seq": 1, "ts_ms": 1}
    origin = {"name": "ad/x", "side": "ad", "tenant": "t", "forest": "x"}
    bad = {**good, "seq": "not a number", "extra": "kept"}
    with new_rig() as rig:
        rig.start(0)
        rig.tell(tenant_of(world))
        for number, garbage in enumerate(GARBAGE):
            rig.feed(world.facts[number * 20 : number * 20 + 20])
            for topic in (AD_CHANGES.name, VIEWS.name, ENTRA_TENANT.name):
                rig.raw(topic, garbage, number % 4)
        mixed = {"type": "facts", "origin": origin, "facts": [good, bad, good, None], "schema_version": 1}
        rig.raw(AD_CHANGES.name, orjson.dumps(mixed), 2)
        rig.feed(world.facts[len(GARBAGE) * 20 :])
        assert_converged(rig, world)
        wanted = 3 * len(GARBAGE) + 2
        assert wait_until(lambda: len(rig.dead_letters()) >= wanted, 180)
        letters = rig.dead_letters()
        assert rig.keep_alive() == []
    assert len(letters) == wanted
    assert {letter.reason for letter in letters} == {"empty", "not_json", "wrong_shape"}
    assert {letter.topic for letter in letters} == {AD_CHANGES.name, VIEWS.name, ENTRA_TENANT.name}
    assert all(letter.partition is not None and letter.offset is not None for letter in letters)
    parts = [base64.b64decode(letter.original) for letter in letters]
    assert sorted(part for part in parts if b"ad/x" not in part) == sorted(GARBAGE * 3)
    refused = [orjson.loads(part)["facts"] for part in parts if b"ad/x" in part]
    assert refused == [[bad], [None]]  # alone and whole, fit to be sent again


def test_a_worker_that_slept_past_its_session_writes_nothing(new_rig: Callable[..., WorkerRig]) -> None:
    world = world_of_today(12).run(600, names=30)
    with new_rig("rocksdb") as rig:
        rig.start(0)
        rig.start(1)
        rig.tell(tenant_of(world))
        rig.feed(world.facts[:100])
        assert wait_until(lambda: bool(open_findings(rig)), 180)
        for start in range(100, 400, 20):
            rig.feed(world.facts[start : start + 20])
            if start == 200:
                rig.workers[0].send_signal(signal.SIGSTOP)
            time.sleep(0.5)
        rig.feed(world.facts[400:500])
        rig.workers[0].send_signal(signal.SIGCONT)
        time.sleep(1)
        rig.feed(world.facts[500:])
        assert_converged(rig, world)
        # What the sleeper and its successor left in the changelogs must be the same truth:
        for number in (0, 1):
            rig.signal(number, signal.SIGKILL)
        rig.start(2)  # a fresh data folder: everything comes from the changelogs
        rig.feed(world.facts[-1:])
        before = expected(world)
        assert_converged(rig, world)
        assert set(open_findings(rig)) == set(before)


def test_a_broker_that_goes_away_and_returns_loses_nothing(tmp_path: Path) -> None:
    world = world_of_today(13).run(300, names=20)
    with kafka(tmp_path / "kafka") as broker:
        port = int(broker.bootstrap.rpartition(":")[2])
        rig = WorkerRig(broker.bootstrap, tmp_path, store="rocksdb")
        rig.start(0)
        rig.tell(tenant_of(world))
        rig.feed(world.facts[:150])
        assert wait_until(lambda: bool(open_findings(rig)), 180)
        rig.feed(world.facts[150:200])
        rig.disconnect()
    with rig:
        for _ in range(20):  # away for longer than the session; a supervisor keeps trying
            time.sleep(0.5)
            rig.keep_alive()
        with kafka(tmp_path / "kafka", port):
            rig.feed(world.facts[200:])
            assert_converged(rig, world)


def test_the_fuse_stops_a_worker_whose_code_is_broken(new_rig: Callable[..., WorkerRig]) -> None:
    """A stored row that no version could read fails every fact of its object: dead letters, not a stop.

    A projector that raises on everything stops the worker, and what it could not use is not committed.
    """
    world = world_of_today(14).run(400, names=20)
    broken = "from streams.evaluation.projector import Projector as P\nP.apply = lambda *_: 1 / 0\n"
    with new_rig() as rig:
        rig.start(0, prelude=broken)
        rig.tell(tenant_of(world))
        rig.feed(world.facts)
        assert wait_until(lambda: rig.workers[0].poll() is not None, 180)
        assert rig.workers[0].poll() == 70
        assert "This looks like a fault of this version" in rig.log(0)
        rig.start(0)  # the version that works
        assert_converged(rig, world)


def test_topics_with_another_number_of_partitions_are_refused(new_rig: Callable[..., WorkerRig]) -> None:
    with new_rig() as rig:
        rig.config.write_text(rig.config.read_text().replace("partitions = 4", "partitions = 5"))
        rig.start(0)
        assert rig.workers[0].wait(120) == 70
        assert "synchealth.views.v1 has 4 partitions, not 5" in rig.log(0)
        assert "synchealth topics create" in rig.log(0)


def test_a_worker_stops_cleanly_and_commits_what_it_did(new_rig: Callable[..., WorkerRig]) -> None:
    world = world_of_today(15).run(100, names=10)
    with new_rig() as rig:
        rig.start(0)
        rig.tell(tenant_of(world))
        rig.feed(world.facts)
        assert_converged(rig, world)
        process = rig.workers[0]
        assert rig.signal(0, signal.SIGTERM) == 0
        assert process.returncode == 0
        before = rig.findings()
        rig.start(0)
        rig.start(1)
        assert wait_until(lambda: rig.log(0).count("table_recovered") >= 6, 180)
        time.sleep(2)
        assert rig.findings() == before  # nothing is judged anew, no finding flaps
