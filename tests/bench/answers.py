"""How long `synchealth findings` and `explain` take with many open findings.

    python -m tests.bench.answers [--findings 100000]

From Apache Kafka alone, no desk. Of each command: seconds on the clock, and of CPU, from its start as a process to its
end, the best of some runs; the same for a process that only imports the commands.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import time

from deploy.broker import kafka
from producers.topics import create
from streams.contracts.identity import finding_id
from streams.detections.registry import all_detections
from streams.runtime.settings import KafkaSettings
from tests.bench.scrape import publish

_IMPORTS = [sys.executable, "-c", "import deploy.cli.findings.command, sinks.freshness_source"]


def run(command: list[str]) -> tuple[float, float]:
    """Seconds on the clock, and of CPU, that a command took."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    took = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in {0, 3}, done.stderr[-2000:]  # 3: nothing is known of any source here
    return took, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--findings", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    number = options.findings // 2
    ids = [registered.detection.id for registered in all_detections()]
    some_id = finding_id(ids[number % len(ids)], str(number))
    with kafka() as broker:
        create(KafkaSettings(bootstrap_servers=[broker.bootstrap]))
        publish(broker.bootstrap, options.findings)
        synchealth = [sys.executable, "-m", "deploy.cli.main"]
        for name, command in {
            "imports alone": _IMPORTS,
            "findings": [*synchealth, "findings", "--kafka", broker.bootstrap],
            "findings --detection": [*synchealth, "findings", "--detection", ids[0], "--kafka", broker.bootstrap],
            "explain ID": [*synchealth, "explain", some_id, "--kafka", broker.bootstrap],
            "explain, its start": [*synchealth, "explain", some_id[:12], "--kafka", broker.bootstrap],
        }.items():
            took, cpu = min(run(command) for _ in range(options.runs))
            print(f"{options.findings:,} open, {name:21} {took:5.2f} s, cpu {cpu:5.2f} s", flush=True)
    print(f"load {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
