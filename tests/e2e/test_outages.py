"""Everything goes away and comes back: Kafka, a domain controller, Graph, a worker. Nothing may be lost.

The lab's directories keep changing meanwhile; at the end the open findings must be the oracle's.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from deploy.broker import Broker, kafka
from deploy.broker.process import free_port
from deploy.lab.entra.faults import Fault
from deploy.lab.hybrid import HybridOrganisation, build
from deploy.lab.services import LabServices, services
from deploy.lab.settings_file import forest_tables, tenant_table
from streams.contracts.errors import RetriableError
from streams.contracts.finding import FindingState
from streams.detections.registry import all_detections
from streams.directory.scope import Scope
from streams.evaluation.oracle import expected_findings
from streams.runtime.clock import now_ms
from tests.support.findings import told_or_lingering
from tests.support.installation import Installation, installation
from tests.support.lab_oracle import objects_of_lab, state_of_tenant

pytestmark = [pytest.mark.apart, pytest.mark.kafka, pytest.mark.slow]
# Those whose verdicts do not depend on how long the test has been running.
FAMILIES = {"conflict", "flow", "hygiene"}
GRAPH_FAULTS = (
    Fault("throttle", "users", times=3, retry_after_s=1),
    Fault("throttle", "groups", times=2),
    Fault("server_error", times=5),
    Fault("cut", "delta", times=3),
    Fault("unauthorized", times=1),
    Fault("sync_state_not_found", "users"),
    Fault("gone", "groups"),
    Fault("partial", "users", times=1, fraction=0.2),
)
SEED = int(os.environ.get("SYNCHEALTH_SEED", "20261123"))


class Lab:
    """The lab and its troubles; everything happens in its event loop."""

    def __init__(self, services: LabServices, seed: int) -> None:
        self.services = services
        self.organisation: HybridOrganisation = services.organisation
        self._random = random.Random(seed)

    def do(self, act: Callable[[], Any]) -> Any:
        """Run `act` in the lab's loop."""

        async def run() -> Any:
            return act()

        return self.services.run(run()).result(120)

    def trouble(self, changes: int) -> None:
        """Make random people claim each other's addresses, move, go and come back; sometimes a sync cycle runs."""
        self.do(lambda: [self._change() for _ in range(changes)])

    def _change(self) -> None:
        forest = self._random.choice(list(self.organisation.forests))
        people = [item for item in forest.store.objects(below=forest.layout.company_ou) if item.object_class == "user"]
        one, other = self._random.sample(people, 2)
        chance = self._random.random()
        if chance < 0.5:
            wanted = other.first("mail") or other.first("userPrincipalName") or "nobody@contoso.com"
            forest.store.modify(one.guid, {"proxyAddresses": [f"SMTP:{one.first('mail')}", f"smtp:{wanted}"]})
        elif chance < 0.7:
            forest.store.modify(one.guid, {"proxyAddresses": [f"SMTP:{one.first('mail')}"]})
        elif chance < 0.8:
            forest.store.delete(one.guid)
        elif chance < 0.9:
            name = f"x{self._random.randrange(10**6)}"
            self.organisation.tenant.upsert(
                "user", None, {"userPrincipalName": f"{name}@contoso.com", "mail": other.first("mail")}
            )
        else:
            self.organisation.engine.cycle()

    def expected(self) -> dict[str, Any]:
        """What the oracle says of the directories as they are."""

        def read() -> dict[str, Any]:
            now = now_ms()
            stores = [forest.store for forest in self.organisation.forests]
            tenant = self.organisation.tenant
            findings = expected_findings(
                objects_of_lab(stores, tenant, now),
                {tenant.tenant_id: state_of_tenant(tenant)},
                {forest.name: Scope([forest.layout.company_ou]) for forest in self.organisation.forests},
                all_detections(),
                now_ms=now,
                sync_interval_ms=3_600_000,
            )
            return {key: finding for key, finding in findings.items() if finding.family in FAMILIES}

        found: dict[str, Any] = self.do(read)
        return found


@contextlib.contextmanager
def _stand(tmp_path: Path, bootstrap: str) -> Iterator[tuple[Lab, Installation]]:
    with services(build(240, seed=SEED), tmp_path / "tls") as lab:
        lab.run(_hold(lab)).result(120)
        (tmp_path / "secrets").mkdir()
        sources = [("[[forest]]", forest) for forest in forest_tables(lab, tmp_path / "secrets")]
        sources.append(("[[tenant]]", tenant_table(lab, tmp_path / "secrets")))
        with installation(tmp_path / "up", bootstrap, sources) as up:
            # A deletion before the first reading is one that we never hear of: a cloud object whose AD side was never
            # seen counts as one without any, and its address is told at once instead of after two cycles.
            up.wait(up.has_read_everything)
            yield Lab(lab, SEED), up


async def _hold(lab: LabServices) -> None:
    lab.schedule.hold()


def _found(up: Installation, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """What is open; and of `wanted` what its cause, which ended lately, still explains: the oracle has no history."""
    known = up.findings(FindingState.OPEN, FindingState.SUPPRESSED)
    found = told_or_lingering(known, wanted)
    return {key: finding for key, finding in found.items() if finding.family in FAMILIES}


def _assert_agreement(lab: Lab, up: Installation, within_s: float = 150) -> None:
    def agree() -> bool:
        with contextlib.suppress(RetriableError):
            wanted = lab.expected()
            return set(_found(up, wanted)) == set(wanted)
        return False

    try:
        up.wait(agree, within_s, every_s=1.0)
    except AssertionError as error:
        wanted = lab.expected()
        found = _found(up, wanted)
        missing = [f"{f.detection} {f.subject.key}" for key, f in wanted.items() if key not in found]
        surplus = [f"{f.detection} {f.subject.key}" for key, f in found.items() if key not in wanted]
        raise AssertionError(f"missing {missing}; surplus {surplus}") from error
    assert lab.expected(), "nothing was wrong: the test would prove nothing"


def test_kafka_goes_away_and_returns(tmp_path: Path) -> None:
    """The broker is killed with records in flight; while it is away both directories change; it comes back."""
    port, data = free_port(), tmp_path / "kafka"
    with contextlib.ExitStack() as first:
        broker = first.enter_context(kafka(data, port))
        with _stand(tmp_path, broker.bootstrap) as (lab, up):
            lab.trouble(40)
            _assert_agreement(lab, up)
            lab.trouble(20)
            os.kill(broker.pid, signal.SIGKILL)
            first.close()
            lab.trouble(20)
            time.sleep(12)  # longer than the session timeout of the group
            with kafka(data, port):
                lab.trouble(10)
                _assert_agreement(lab, up)


def test_sources_go_away_and_return(empty_kafka: Broker, tmp_path: Path) -> None:
    """A controller that is down, busy, or cuts answers in half; a Graph that throttles, fails, forgets its tokens."""
    with _stand(tmp_path, empty_kafka.bootstrap) as (lab, up):
        lab.trouble(40)
        directory = next(iter(lab.services.directories.values()))
        graph = lab.services.entra.faults
        lab.services.run(directory.go_down()).result(120)
        lab.do(lambda: [graph.add(fault) for fault in GRAPH_FAULTS])
        lab.trouble(30)
        time.sleep(5)
        lab.services.run(directory.come_up()).result(120)
        lab.do(lambda: setattr(directory.faults, "drop_after_entries", 3))
        lab.trouble(20)
        time.sleep(3)
        lab.do(directory.faults.clear)
        lab.do(lambda: graph.clear())
        lab.trouble(10)
        _assert_agreement(lab, up)


def test_every_process_is_killed(empty_kafka: Broker, tmp_path: Path) -> None:
    """kill -9 of each child in turn, at random moments; the supervisor starts it again, and nothing is missing."""
    with _stand(tmp_path, empty_kafka.bootstrap) as (lab, up):
        chance = random.Random(SEED)
        for _ in range(2):
            for child in _children_of(up.process.pid):
                lab.trouble(8)
                time.sleep(chance.random())
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
        lab.trouble(10)
        _assert_agreement(lab, up)


def _children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
