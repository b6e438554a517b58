"""Who is told what, with the real Prometheus and the real Alertmanager: nothing while all is well, and no all-clear
from somebody who is blind. Rules and routes run thirty times as fast; the installation at its own pace."""

from __future__ import annotations

import contextlib
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.broker import kafka
from deploy.broker.process import die_with_parent, free_block, free_port
from deploy.cli.supervisor import children
from deploy.lab.hybrid import build
from deploy.lab.services import LabServices, services
from deploy.lab.settings_file import write_settings
from producers.topics import create
from streams.runtime.settings import Settings, load_settings
from tests.support.alerting import Receiver, alertmanager, faster_rules, receiving
from tests.support.brokers import require_kafka
from tests.support.prometheus import Prometheus, prometheus_server, until

pytestmark = [pytest.mark.kafka, pytest.mark.prometheus, pytest.mark.slow]
FACTOR = 30
MINUTE_S = 60 / FACTOR
CONFLICT = "SyncHealthConflictDuplicateAddress"
MOST_MESSAGES = 6


class Node:
    """The processes of `synchealth up`, each to be stopped and started by hand."""

    def __init__(self, settings: Settings, config: Path, log: Path) -> None:
        self._commands = {child.name: child.command for child in children(settings, config)}
        self._log = log.open("ab")
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self.targets = {f"127.0.0.1:{port}": name for name, port in settings.metrics_ports.items()}
        for name in self._commands:
            self.start(name)

    @property
    def kinds_of_sources(self) -> list[str]:
        """One forest and the tenant."""
        return list({name.partition(":")[0]: name for name in self._commands if ":" in name}.values())

    def start(self, name: str) -> None:
        self._running[name] = subprocess.Popen(
            list(self._commands[name]), stdout=self._log, stderr=self._log, preexec_fn=die_with_parent()
        )

    def kill(self, name: str) -> None:
        self._running[name].kill()
        self._running[name].wait()

    def revive(self) -> None:
        """Start what has ended, as the supervisor does."""
        for name, process in self._running.items():
            if process.poll() is not None:
                self.start(name)

    def close(self) -> None:
        for process in self._running.values():
            process.kill()
        for process in self._running.values():
            process.wait()
        self._log.close()


def jobs(node: Node) -> dict[str, list[str]]:
    kinds: dict[str, list[str]] = {}
    for target, name in node.targets.items():
        kind = "exporter" if name == "sinks" else "streams" if name.startswith("streams") else "producers"
        kinds.setdefault(f"synchealth-{kind}", []).append(target)
    return kinds


def answers(target: str, page: str = "/metrics") -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{target}{page}", timeout=5) as answer:
        return page == "/metrics" or b"ok" in answer.read(10)
    return False


def source_of(name: str) -> str:
    """The label `source` of a producer's process."""
    return name.replace("graph:", "entra/").replace(":", "/")


@contextlib.contextmanager
def node_of(lab: LabServices, folder: Path, bootstrap: str) -> Iterator[Node]:
    config = folder / "settings.toml"
    write_settings(
        lab,
        config,
        kafka={"bootstrap_servers": [bootstrap], "partitions": 4},
        streams={"data_dir": str(folder / "data"), "session_timeout_s": 6.0, "metrics_port": free_port()},
        detections={"sync_interval_s": 3600.0},
        metrics={"port": free_port()},
        producers={"metrics_port": free_block(3)},
    )
    settings = load_settings(config, {})
    create(settings.kafka)
    node = Node(settings, config, folder / "node.log")
    try:
        yield node
    finally:
        node.close()


def settle(server: Prometheus, *standing: str) -> None:
    """Wait until every target answers and no alert is active or on its way, but the watchdog and what stands."""

    def settled() -> bool:
        names = {name for name, _ in server.alerts()} - {"SyncHealthWatchdog", *standing}
        return not names and server.numbers("min(up)") == [1.0]

    until(settled, f"all is well: {sorted(server.alerts())}", within_s=120)


def collide(lab: LabServices, first: int) -> tuple[bytes, list[str]]:
    """Make a person claim another's address; who it was, and what it had before."""
    forest = lab.organisation.forests[0]
    one, other = (forest.store.find_account(account) for account in forest.layout.accounts[first : first + 2])
    assert one is not None and other is not None
    before = list(one.all("proxyAddresses"))
    lab.call(forest.store.modify, one.guid, {"proxyAddresses": [*before, f"smtp:{other.first('mail')}"]})
    return one.guid, before


def test_all_is_well_and_nobody_is_told_and_nobody_who_is_blind_says_all_is_well(tmp_path: Path) -> None:
    require_kafka()
    port = free_port()
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(contextlib.ExitStack())
        bootstrap = broker.enter_context(kafka(tmp_path / "kafka", port)).bootstrap
        lab = stack.enter_context(services(build(200), tmp_path / "lab"))
        node = stack.enter_context(node_of(lab, tmp_path, bootstrap))
        until(lambda: all(answers(target) for target in node.targets), "every process answers", within_s=120)
        until(lambda: any(answers(target, "/-/ready") for target in node.targets), "findings are shown", within_s=120)
        receiver = stack.enter_context(receiving())
        address = stack.enter_context(alertmanager(tmp_path, receiver, FACTOR))
        processes = {target: source_of(name) for target, name in node.targets.items()}
        rules = faster_rules(tmp_path / "rules", FACTOR)
        server = stack.enter_context(
            prometheus_server(tmp_path, jobs(node), rules=rules, alertmanager=address, processes=processes)
        )
        # Prometheus takes five seconds of its own until it scrapes what it was told: minutes of ours.
        settle(server)
        time.sleep(6 * MINUTE_S)  # an interval of the Alertmanager's groups
        receiver.messages.clear()
        start_s = time.time()

        time.sleep(20 * MINUTE_S)
        settle(server)
        fired = server.series('ALERTS{alertstate="firing",alertname!="SyncHealthWatchdog"}', start_s, time.time())
        assert {row["metric"]["alertname"] for row in fired} == set()
        assert receiver.messages == []
        assert receiver.watchdogs > 0

        who, before = collide(lab, 0)
        until(lambda: (CONFLICT, "firing") in server.alerts(), "the conflict alerts")
        until(lambda: bool(receiver.messages), "and is told")
        told = len(receiver.messages)
        for name in ("sinks", "streams", *node.kinds_of_sources):
            outage(node, server, receiver, name)
        broker.close()
        away(receiver, "Kafka", {CONFLICT}, lambda: node.revive())
        broker.enter_context(kafka(tmp_path / "kafka", port))
        node.revive()
        settle_after(node, server)
        assert CONFLICT not in receiver.resolved()
        print(f"{len(receiver.messages) - told} notifications in five outages")

        lab.call(lab.organisation.forests[0].store.modify, who, {"proxyAddresses": before})

        def repaired() -> bool:
            node.revive()
            return CONFLICT in receiver.resolved()

        until(repaired, "the repair is told", within_s=120)


def outage(node: Node, server: Prometheus, receiver: Receiver, name: str) -> None:
    """Ten minutes without one process."""
    node.kill(name)
    down = {"sinks": {"SyncHealthExporterDown"}, "streams": {"SyncHealthStreamsDown"}}.get(name, set())
    standing = {CONFLICT, *down, *({f"source={source_of(name)}"} if ":" in name else ())}
    away(receiver, name, standing, lambda: None)
    node.start(name)
    settle_after(node, server)


def settle_after(node: Node, server: Prometheus) -> None:
    def back() -> bool:
        node.revive()
        return server.numbers("min(up)") == [1.0] and (CONFLICT, "firing") in server.alerts()

    until(back, "it is back, and so is what stands", within_s=120)


def away(receiver: Receiver, what: str, standing: set[str], meanwhile: object) -> None:
    first = len(receiver.messages)
    end = time.monotonic() + 10 * MINUTE_S
    while time.monotonic() < end:
        time.sleep(MINUTE_S)
        meanwhile()  # type: ignore[operator]
    messages = receiver.messages[first:]
    print(f"{what} away for ten minutes: {len(messages)} notifications", *messages, sep="\n    ")
    for message in messages:
        for status, labels in message.alerts:
            about = {labels["alertname"], f"source={labels.get('source')}"}
            assert status == "firing" or not about & standing, f"{what} away: {message}"
    assert len(messages) <= MOST_MESSAGES
