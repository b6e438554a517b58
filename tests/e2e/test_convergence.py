"""Two workers, one of them killed again and again: the open findings end where the oracle stands."""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.broker import Broker, jars, kafka, tansu
from streams.contracts.codec import encode
from streams.contracts.facts import Domain, TenantState
from streams.contracts.finding import Finding, FindingState
from streams.detections.registry import all_detections
from streams.engine.oracle import expected_findings
from streams.runtime.clock import now_ms
from tests.e2e.worker_rig import WorkerRig, wait_until
from tests.support.pipeline import TENANT
from tests.support.random_directory import RandomDirectories

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]
SEED = int(os.environ.get("SYNCHEALTH_SEED", "20261123"))


@pytest.fixture(scope="module")
def kafka_broker() -> Iterator[Broker]:
    required = os.environ.get("CI") == "true" or os.environ.get("SYNCHEALTH_REQUIRE_ALL") == "1"
    if not required and not (shutil.which("java") and (shutil.which("mvn") or jars.cache_directory().is_dir())):
        pytest.skip("needs Java 17 and Maven: apt-get install openjdk-17-jre-headless maven")
    with kafka() as broker:
        yield broker


def tenant_of(world: RandomDirectories) -> TenantState:
    domains = [Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")]
    return TenantState(tenant=TENANT, seq=1, ts_ms=world.now_ms, domains=domains, features={}, collected=True)


def expected(world: RandomDirectories) -> dict[str, Finding]:
    return expected_findings(world.final(), {TENANT: tenant_of(world)}, {}, all_detections(), now_ms=now_ms())


def open_findings(rig: WorkerRig) -> dict[str, Finding]:
    return {key: finding for key, finding in rig.findings().items() if finding.state is FindingState.OPEN}


def content(finding: Finding) -> dict[str, Any]:
    """What must agree: everything but the moments at which somebody looked."""
    evidence = {key: value for key, value in finding.evidence.items() if key != "since"}
    holders = sorted(encode(holder) for holder in finding.counterparts)
    return {"severity": finding.severity, "subject": finding.subject, "evidence": evidence, "holders": holders}


def assert_converged(rig: WorkerRig, world: RandomDirectories, within_s: float) -> None:
    def agree() -> bool:
        rig.keep_alive()
        found, wanted = open_findings(rig), expected(world)
        return set(found) == set(wanted) and all(content(found[k]) == content(wanted[k]) for k in wanted)

    agreed = wait_until(agree, within_s)
    found, wanted = open_findings(rig), expected(world)
    names = {finding.id: f"{finding.detection} {finding.subject.key}" for finding in [*found.values(), *wanted.values()]}
    assert {names[key] for key in wanted} == {names[key] for key in found}
    assert agreed, [names[key] for key in wanted if content(found[key]) != content(wanted[key])]


@pytest.mark.parametrize("store", ["memory", "rocksdb"])
def test_kills_duplicates_and_shuffles_end_at_the_oracle(kafka_broker: Broker, tmp_path: Path, store: str) -> None:
    chance = random.Random(f"{SEED}-{store}")
    world = RandomDirectories(chance.randrange(2**32)).run(1500, names=50)
    facts = world.facts + chance.sample(world.facts, len(world.facts) // 3)
    chance.shuffle(facts)
    told = chance.randrange(len(facts))
    with kafka_topics_of_its_own(kafka_broker, tmp_path, store) as rig:
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
        assert_converged(rig, world, within_s=40)
        assert rig.dead_letters() == []


def kafka_topics_of_its_own(broker: Broker, folder: Path, store: str) -> WorkerRig:
    from kafka import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
    names = [name for name in admin.list_topics() if name.startswith("synchealth.")]
    if names:
        admin.delete_topics(names)
        assert wait_until(lambda: not [n for n in admin.list_topics() if n.startswith("synchealth.")], 20)
    admin.close()
    return WorkerRig(broker.bootstrap, folder, store=store, extra=f'consumer_group = "synchealth-{store}"\n')


def test_the_embedded_broker_converges_without_kills(tmp_path: Path) -> None:
    world = RandomDirectories(SEED).run(400, names=30)
    facts = list(world.facts)
    random.Random(SEED).shuffle(facts)
    with tansu() as broker, WorkerRig(broker.bootstrap, tmp_path, store="memory") as rig:
        rig.start(0)
        rig.tell(tenant_of(world))
        for start in range(0, len(facts), 40):
            rig.feed(facts[start : start + 40])
        assert_converged(rig, world, within_s=40)
