"""What the ground probes share: topics, probe workers by pid, and a little arithmetic."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import NewTopic

from deploy.broker import Broker, kafka, tansu

ROOT = Path(__file__).parents[3]


@contextlib.contextmanager
def broker(kind: str) -> Iterator[Broker]:
    """Apache Kafka or Tansu, by name."""
    with kafka() if kind == "kafka" else tansu() as started:
        yield started


def create(bootstrap: str, topics: Sequence[str], partitions: int = 4) -> None:
    """Create plain topics."""
    admin = KafkaAdminClient(bootstrap_servers=bootstrap)
    admin.create_topics([NewTopic(name=t, num_partitions=partitions, replication_factor=1) for t in topics])
    admin.close()


def quantile(values: Sequence[float], q: float) -> float:
    """The q-quantile of `values` by nearest rank."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(q * len(ordered)))]


class Workers:
    """Probe workers, ended by their own pids when the block ends."""

    def __init__(self, module: str, environment: dict[str, str]) -> None:
        self.module, self.environment = module, environment
        self.scratch = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for name in list(self.running):
            self.stop(name, signal.SIGKILL)
        self.scratch.cleanup()

    def start(self, name: str) -> None:
        """Start a worker; the same name uses the same data folder."""
        environment = os.environ | self.environment | {"PROBE_DATADIR": f"{self.scratch.name}/{name}"}
        self.running[name] = subprocess.Popen([sys.executable, "-m", self.module], env=environment, cwd=ROOT)

    def stop(self, name: str, number: signal.Signals) -> float:
        """Signal a worker and wait for its end; the seconds that took."""
        import time

        process = self.running.pop(name)
        began = time.monotonic()
        process.send_signal(number)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return time.monotonic() - began
