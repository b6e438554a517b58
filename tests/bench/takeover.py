"""How long nobody answers for a partition after its worker was killed, by phase: `python -m tests.bench.takeover`.

Apache Kafka with its own defaults for groups (sessions of 6 s at least, 3 s before the first rebalance). Pairs of
objects, one in each partition, come into a conflict and out of it again, twice a second; workers run under
the supervisor of `synchealth up`. What is printed:

restart of one    the only worker is killed, its supervisor starts it again
restart of two    one of two workers is killed, its supervisor starts it again
survivor of two   one of two workers is killed and stays away, as with its machine

Of each: when the group gave the partitions away again, when their rows were there, when a finding of every pair had
moved, in seconds since the kill; the longest silence of any pair; and what the new process had to compute for it.
"""

from __future__ import annotations

import argparse
import itertools
import signal
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path

from kafka import KafkaConsumer

from deploy.broker import kafka
from deploy.cli.supervisor import Supervisor, children
from streams.contracts.codec import decode
from streams.contracts.facts import Domain, Fact, ObjectKind, Operation, TenantState
from streams.contracts.finding import Finding
from streams.contracts.identity import partition_of
from streams.contracts.topics import FINDINGS
from streams.runtime.clock import now_ms
from streams.runtime.settings import load_settings
from tests.bench.streams import ORIGIN, TENANT, os_times, publish
from tests.e2e.worker_rig import WorkerRig

PARTITIONS = 8
DETECTION = "conflict.duplicate_address"
BROKER = {"group.min.session.timeout.ms": "6000", "group.initial.rebalance.delay.ms": "3000"}


class Pairs:
    """Facts that move one finding for each partition, and when each finding moved."""

    def __init__(self, rig: WorkerRig) -> None:
        self._rig, self._name = rig, uuid.uuid4().hex[:6]
        self.moved: dict[str, list[float]] = {}
        self._ids: dict[int, list[str]] = {partition: [] for partition in range(PARTITIONS)}
        while any(len(ids) < 2 for ids in self._ids.values()):
            made = str(uuid.uuid4())
            self._ids[partition_of(made, PARTITIONS)].append(made)
        self._over = threading.Event()
        self._threads = [threading.Thread(target=each) for each in (self._feed, self._watch)]

    def __enter__(self) -> Pairs:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _feed(self) -> None:
        for turn in itertools.count():
            told = self._ids.items() if turn == 0 else ((each, ids[:1]) for each, ids in self._ids.items())
            self._rig.feed(
                (ORIGIN, _user(object_id, number, f"{self._name}.{partition}", conflict=turn % 2 == 1))
                for partition, ids in list(told)
                for number, object_id in enumerate(ids[:2])
            )
            if self._over.wait(0.5):
                return

    def _watch(self) -> None:
        consumer = KafkaConsumer(FINDINGS.name, bootstrap_servers=self._rig.kafka.bootstrap_servers)
        while not self._over.is_set():
            for records in consumer.poll(timeout_ms=50).values():
                for record in records:
                    if record.value is None or self._name.encode() not in record.value:
                        continue  # of an earlier turn
                    if (finding := decode(record.value, Finding)).detection == DETECTION:
                        self.moved.setdefault(finding.subject.key, []).append(time.monotonic())
        consumer.close()

    @property
    def all_move(self) -> bool:
        """Whether every pair's finding moves regularly."""
        return len(self.moved) == PARTITIONS and min(len(times) for times in self.moved.values()) > 3

    def all_moved_since(self, moment: float) -> float | None:
        """When the last of the pairs moved for the first time since then, seconds later; None if one has not."""
        first = [next((each for each in times if each > moment + 0.6), None) for times in self.moved.values()]
        return None if None in first else max(each for each in first if each) - moment

    def silence(self, moment: float) -> float:
        """The longest time without a move of one pair, since shortly before then."""
        return max(
            later - earlier
            for times in self.moved.values()
            for earlier, later in itertools.pairwise([moment, *(each for each in times if each > moment)])
        )


def _user(object_id: str, number: int, pair: str, *, conflict: bool) -> Fact:
    own, moment = f"smtp:{pair}.{number}@contoso.com", now_ms()
    shared = [f"smtp:{pair}@contoso.com"] if number or conflict else []
    return Fact(
        op=Operation.READ, object_id=object_id, seq=moment << 12, ts_ms=moment, kind=ObjectKind.USER, full=True,
        attributes={
            "distinguishedName": f"CN=Pair {pair} {number},OU=People,DC=corp,DC=local",
            "objectSid": f"S-1-5-21-1-2-3-{uuid.UUID(object_id).int % 1_000_000_000}",
            "sAMAccountName": f"{pair}{number}", "proxyAddresses": [own, *shared],
            "userPrincipalName": f"{pair}.{number}@contoso.com", "userAccountControl": 512,
        },
    )  # fmt: skip


class Node:
    """`synchealth up` with nothing but workers, and when they said what."""

    def __init__(self, config: Path, workers: int, *, restarts: bool = True) -> None:
        settings = load_settings(config, {"SYNCHEALTH_STREAMS__WORKERS": str(workers)})
        wanted = [child for child in children(settings, config) if child.name.startswith("streams")]
        self.said: list[tuple[float, str, str]] = []
        self.supervisor = Supervisor(wanted, lambda who, line: self.said.append((time.monotonic(), who, line)))
        self._restarts, self._over = restarts, threading.Event()
        self._thread = threading.Thread(target=self._look)

    def __enter__(self) -> Node:
        self.supervisor.start()
        self._thread.start()
        return self

    def _look(self) -> None:
        while not self._over.wait(0.2):
            if self._restarts:
                self.supervisor.look()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self.supervisor.stop()

    def last(self, words: str, since: float) -> str:
        """When this was said last, seconds since then."""
        times = [moment for moment, _, line in self.said if words in line and moment > since]
        return f"{times[-1] - since:5.1f} s" if times else "   –   "


def scenario(name: str, rig: WorkerRig, workers: int, *, restarts: bool) -> None:
    """Kill one of so many workers, and print when its partitions were assigned, their rows there, their pairs moved."""
    with Node(rig.config, workers, restarts=restarts) as node, Pairs(rig) as pairs:
        _until(lambda: pairs.all_move, node)
        time.sleep(3)
        moment = time.monotonic()
        node.supervisor._running[0].signal(signal.SIGKILL)
        _until(lambda: pairs.all_moved_since(moment) is not None, node)
        moved, cpu_s = pairs.all_moved_since(moment), sum(os_times(node.supervisor._running[0]._process))
        time.sleep(2)
        assigned, rows = (node.last(words, moment) for words in ("partitions_assigned", "table_recovered"))
        print(
            f"{name:16} assigned {assigned}  rows {rows}"
            f"  all pairs {moved:5.1f} s  silence {pairs.silence(moment):5.1f} s"
            f"  cpu of the new process {cpu_s:.1f} s",
            flush=True,
        )


def _until(condition: Callable[[], bool], node: Node, within_s: float = 180.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit("\n".join(["this does not come to pass", *(line for *_, line in node.said[-60:])]))
        time.sleep(0.1)


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--objects", type=int, default=20_000)
    parser.add_argument("--session-s", type=float, default=30.0, help="[streams] session_timeout_s; its default is 30")
    parser.add_argument("--store", default="rocksdb")
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    print(f"{options.objects:,} objects, {PARTITIONS} partitions, {options.store}, session {options.session_s:.0f} s")
    with kafka(overrides=BROKER) as broker, tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        with WorkerRig(
            broker.bootstrap, folder, store=options.store, partitions=PARTITIONS, session_s=options.session_s
        ) as rig:
            domains = [Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")]
            rig.tell(TenantState(tenant=TENANT, seq=1, ts_ms=now_ms(), domains=domains, features={}, collected=True))
            publish(rig, options.objects)
            for _ in range(options.rounds):
                scenario("restart of one", rig, 1, restarts=True)
                scenario("restart of two", rig, 2, restarts=True)
                scenario("survivor of two", rig, 2, restarts=False)


if __name__ == "__main__":
    main()
