"""Records are deleted before a worker has read them: it orders them again, and findings come right by themselves."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition

from producers.ad.source import ActiveDirectorySource
from producers.ledger import KafkaLedger
from producers.publisher import KafkaPublisher
from producers.runner import Runner
from streams.contracts.facts import Domain, TenantState
from streams.contracts.finding import FindingState
from streams.contracts.identity import guid_of_bytes
from streams.contracts.topics import AD_CHANGES
from streams.runtime.clock import now_ms
from streams.runtime.settings import ForestSettings
from tests.e2e.worker_rig import WorkerRig, wait_until
from tests.integration.ad.conftest import forest_of, lab_dc
from tests.support.kafka_log import facts_in
from tests.support.pipeline import TENANT

pytestmark = [pytest.mark.kafka, pytest.mark.slow]


@contextmanager
def producer(rig: WorkerRig, forest: ForestSettings) -> Iterator[None]:
    """The forest's producer, in a thread."""
    source = ActiveDirectorySource(forest)
    runner = Runner(source, KafkaPublisher(rig.kafka, "test"), KafkaLedger(rig.kafka, source.origin.name))
    thread = threading.Thread(target=runner.run)
    thread.start()
    try:
        yield
    finally:
        runner.stop()
        thread.join(120)


def told_of(rig: WorkerRig, name: str) -> int:
    facts = facts_in(rig.kafka.bootstrap_servers[0], AD_CHANGES.name, rig.partitions)
    return sum(fact.attributes.get("sAMAccountName") == name for fact in facts)


def deleted(rig: WorkerRig, object_id: str) -> bool:
    facts = facts_in(rig.kafka.bootstrap_servers[0], AD_CHANGES.name, rig.partitions)
    return any(fact.op.value == "d" and fact.object_id == object_id for fact in facts)


def conflicts(rig: WorkerRig) -> set[str]:
    found = rig.findings().values()
    opened = (each for each in found if each.state is FindingState.OPEN)
    keys = (each.subject.key for each in opened if each.detection == "conflict.duplicate_address")
    return {key.rpartition("/")[2] for key in keys}


def test_what_was_deleted_unread_is_told_again_changes_and_deletions(
    new_rig: Callable[..., WorkerRig], tmp_path: Path
) -> None:
    (tmp_path / "dc").mkdir()
    with lab_dc(tmp_path / "dc") as dc, new_rig() as rig:
        forest = forest_of(dc, tenant=TENANT)
        with rig.config.open("a") as config:
            config.write(
                f'[[forest]]\nname = "{forest.name}"\ntenant = "{TENANT}"\nservers = ["{dc.ldaps_url}"]\n'
                'bind_user = "x"\nbind_password_file = "/nowhere"\n'
            )
        domains = [Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")]
        rig.tell(TenantState(tenant=TENANT, seq=1, ts_ms=now_ms(), domains=domains, features={}, collected=True))
        dc.add_user("one", mail="old@contoso.com")
        leaver = dc.add_user("two", mail="old@contoso.com")
        gone = guid_of_bytes(dc.guid(leaver))
        with producer(rig, forest):
            rig.start(0)
            assert wait_until(lambda: conflicts(rig) == {"old@contoso.com"}, 90), rig.log(0)
            assert rig.signal(0, signal.SIGTERM) == 0

            dc.add_user("three", mail="new@contoso.com")
            dc.add_user("four", mail="new@contoso.com")
            dc.delete(leaver)
            assert wait_until(lambda: told_of(rig, "four") == 1 and deleted(rig, gone), 30)
            admin = KafkaAdminClient(bootstrap_servers=rig.kafka.bootstrap_servers)
            admin.delete_records({TopicPartition(AD_CHANGES.name, number): -1 for number in range(rig.partitions)})
            admin.close()
            assert told_of(rig, "four") == 0

            rig.start(0)
            assert wait_until(lambda: conflicts(rig) == {"new@contoso.com"}, 90), rig.log(0)
            assert "lost_range" in rig.log(0) and "ordered_again" in rig.log(0)
        assert not rig.keep_alive()
