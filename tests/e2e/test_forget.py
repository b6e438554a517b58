"""`synchealth forget` on Apache Kafka, with a worker that keeps its tables in RocksDB."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest

from streams.contracts.facts import Fact, ObjectKind, Operation, TenantState
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.topics import AD_OBJECTS, ENTRA_OBJECTS, VIEW_STATES
from tests.e2e.worker_rig import WorkerRig, wait_until
from tests.support.cases import guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT

pytestmark = [pytest.mark.apart, pytest.mark.kafka, pytest.mark.slow]
KIM, CLOUD, OLAF = guid_of("kim"), guid_of("kim-cloud"), guid_of("olaf")


def forget(rig: WorkerRig, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "deploy.cli.main", "forget", "novak@c.com"]
    command += ["--config", str(rig.config), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)


def left(rig: WorkerRig) -> list[str]:
    tables = [rig.rows(topic.name) for topic in (AD_OBJECTS, ENTRA_OBJECTS)]
    texts = [f"{name} {value.decode()}" for rows in tables for name, value in rows.items()]
    # Views know ids for a while: of a word that was taken back, and of whom a resolved finding explained; no names.
    views = [value.decode() for name, value in rig.rows(VIEW_STATES.name).items() if "novak" in value.decode()]
    texts += views
    texts += [repr(finding) for finding in rig.findings().values()]
    return [text[:300] for text in texts if any(word in text for word in ("novak", KIM, CLOUD))]


def test_a_person_is_forgotten_once_both_directories_have_deleted_her(new_rig: Callable[..., WorkerRig]) -> None:
    now_ms = time.time_ns() // 1_000_000

    def fact(object_id: str, op: Operation, number: int, **attributes: Any) -> Fact:
        whole = op is not Operation.DELETED
        return Fact(op=op, object_id=object_id, seq=now_ms + number << 12, ts_ms=now_ms, full=whole,
                    kind=ObjectKind.USER if whole else None, attributes=attributes)  # fmt: skip

    with new_rig("rocksdb") as rig:
        rig.start(0)
        rig.tell(TenantState(tenant=TENANT, seq=1, ts_ms=now_ms, collected=True))
        rig.feed([
            (AD, fact(OLAF, Operation.CREATED, 1, distinguishedName="CN=Olaf,DC=c", objectSid=sid_of("olaf"),
                      sAMAccountName="olaf", userPrincipalName="olaf@c.com")),
            (AD, fact(KIM, Operation.CREATED, 2, distinguishedName="CN=Kim,DC=c", objectSid=sid_of("kim"),
                      sAMAccountName="novak", userPrincipalName="novak@c.com", mail="olaf@c.com")),
            (ENTRA, fact(CLOUD, Operation.CREATED, 3, userPrincipalName="novak@c.com", onPremisesSyncEnabled=True,
                         onPremisesImmutableId=immutable_id_of_guid(KIM))),
        ])  # fmt: skip
        assert wait_until(lambda: rig.findings() and len(left(rig)) > 3, 120)
        refused = forget(rig, "--yes")
        assert refused.returncode == 2 and "still exists" in refused.stdout, refused
        rig.feed([(AD, fact(KIM, Operation.DELETED, 4)), (ENTRA, fact(CLOUD, Operation.DELETED, 5))])
        for table in (AD_OBJECTS, ENTRA_OBJECTS):
            assert wait_until(lambda name=table.name: b'"alive":false' in b"".join(rig.rows(name).values()), 60)
        done = forget(rig, "--yes")
        assert done.returncode == 0, done
        assert KIM in done.stdout and CLOUD in done.stdout and "synchealth.ad.changes.v1 until 20" in done.stdout
        assert wait_until(lambda: not left(rig), 30), left(rig)
        assert f"object/{OLAF}" in rig.rows(AD_OBJECTS.name)
        assert forget(rig).returncode == 1, "nobody is known by that name any more"
        assert rig.keep_alive() == [] and rig.dead_letters() == []
