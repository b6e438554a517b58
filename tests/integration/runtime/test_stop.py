"""Every role ends when it is asked to, while Kafka is away for good."""

from __future__ import annotations

import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.broker import kafka
from deploy.broker.process import free_port
from deploy.lab.entra.generate import fill
from producers import topics
from streams.runtime.service import EXIT_CUT_OFF
from streams.runtime.settings import KafkaSettings
from tests.support.brokers import require_kafka
from tests.support.graph_lab import TENANT, GraphLab, certificates_in, graph_lab
from tests.support.role_process import WITHIN_S, RoleProcess

pytestmark = [pytest.mark.apart, pytest.mark.slow]
# What to run, and what it says when Kafka is gone. Sinks say nothing: their client answers with an empty poll.
WORKER = ("streams",), "Unable connect to node"
ROLES = {
    "worker": WORKER,
    "producer": (("producers", f"graph:{TENANT}"), "trying again"),
    "exporter": (("sinks",), ""),
    "desk": (("desk",), ""),
}


class Role(RoleProcess):
    """`synchealth run …` as a process."""

    def __init__(self, folder: Path, bootstrap: str, lab: GraphLab, arguments: tuple[str, ...]) -> None:
        self._port = free_port()
        super().__init__(
            folder,
            f"""
            [kafka]
            bootstrap_servers = ["{bootstrap}"]
            partitions = 3
            [streams]
            data_dir = "{folder}/data"
            session_timeout_s = 3
            metrics_port = {self._port if "streams" in arguments else 0}
            [producers]
            metrics_port = {self._port if "producers" in arguments else 0}
            [metrics]
            port = {self._port if "sinks" in arguments else 0}
            [desk]
            port = {self._port if "desk" in arguments else 0}
            [log]
            json_lines = true
            {lab.table}""",
        )
        self.run("deploy.cli.main", "run", *arguments)

    def ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/-/ready", timeout=WITHIN_S):
                return True
        except OSError:
            return False


@pytest.fixture
def role(request: pytest.FixtureRequest, tmp_path: Path) -> Role:
    """One that has noticed that Kafka is gone."""
    require_kafka()
    arguments, notices = request.param
    lab = request.getfixturevalue("lab")
    with kafka() as broker:
        topics.create(KafkaSettings(bootstrap_servers=[broker.bootstrap], partitions=3))
        started = Role(tmp_path, broker.bootstrap, lab, arguments)
        request.addfinalizer(started.end)
        started.until(started.ready)
        os.kill(broker.pid, signal.SIGKILL)
        started.until(lambda: notices in started.log)
    return started


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphLab]:
    with graph_lab(certificates_in(tmp_path_factory.mktemp("certificates"))) as running:
        fill(running.tenant, 20)
        yield running


@pytest.mark.kafka
@pytest.mark.parametrize("role", ROLES.values(), ids=ROLES, indirect=True)
def test_every_role_ends_though_kafka_is_gone(role: Role) -> None:
    role.send(signal.SIGTERM)
    code = role.wait()
    assert code == (EXIT_CUT_OFF if "stop cut off" in role.log else 0), role.log[-3000:]


@pytest.mark.kafka
@pytest.mark.parametrize("role", [WORKER], ids=["worker"], indirect=True)
def test_the_second_signal_ends_a_worker_that_waits_for_kafka(role: Role) -> None:
    deadline = time.monotonic() + WITHIN_S
    while role.lives:  # two that come close together are one
        assert time.monotonic() < deadline, role.log[-3000:]
        role.process.send_signal(signal.SIGTERM)
        time.sleep(0.1)
    assert role.process.returncode == -signal.SIGTERM, role.log[-3000:]
