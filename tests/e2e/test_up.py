"""`synchealth up`: a role that dies comes back by itself, and the whole node stops as one."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.broker import Broker
from deploy.lab.hybrid import build
from deploy.lab.services import LabServices, services
from deploy.lab.settings_file import forest_tables, tenant_table
from tests.support.installation import Installation, installation

pytestmark = [pytest.mark.slow, pytest.mark.kafka]
DUPLICATE = "conflict.duplicate_address"


def children_of(pid: int) -> dict[int, str]:
    """pid -> command line of the direct children that live."""
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            state, parent = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()[:2]
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(parent) == pid and state != "Z":
            found[int(entry.name)] = line
    return found


def until(condition: Callable[[], bool], within_s: float = 180.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabServices]:
    with services(build(200), tmp_path / "lab") as running:
        yield running


@pytest.fixture
def node(empty_kafka: Broker, lab: LabServices, tmp_path: Path) -> Iterator[Installation]:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    tables = [("[[forest]]", table) for table in forest_tables(lab, secrets)]
    tables.append(("[[tenant]]", tenant_table(lab, secrets)))
    with installation(tmp_path / "up", empty_kafka.bootstrap, tables) as running:
        running.wait(lambda: running.open_count(DUPLICATE) is not None)
        yield running


def test_every_role_that_is_killed_comes_back_and_the_pipeline_works_on(node: Installation, lab: LabServices) -> None:
    before = children_of(node.process.pid)
    assert len(before) == 5, before  # two forests, one tenant, one worker, the exporter
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: len(children_of(node.process.pid)) == 5 and not before.keys() & children_of(node.process.pid))
    forest = lab.organisation.forests[0]
    one, other = (forest.store.find_account(account) for account in forest.layout.accounts[:2])
    assert one is not None and other is not None
    taken = [*one.all("proxyAddresses"), f"smtp:{other.first('mail')}"]
    lab.call(forest.store.modify, one.guid, {"proxyAddresses": taken})
    node.wait(lambda: node.open_count(DUPLICATE) == 1, 180)


def test_stopped_it_ends_well_and_leaves_no_process(node: Installation) -> None:
    children = children_of(node.process.pid)
    node.process.terminate()
    assert node.process.wait(120) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in children)


def test_killed_it_takes_its_processes_along(node: Installation) -> None:
    children = children_of(node.process.pid)
    node.process.kill()
    node.process.wait()
    until(lambda: not any(is_alive(pid) for pid in children), 20)


def is_alive(pid: int) -> bool:
    done = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return bool(done.stdout.strip()) and not done.stdout.strip().startswith("Z")
