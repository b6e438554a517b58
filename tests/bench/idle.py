"""What a quiet installation costs: `python -m tests.bench.idle [--seconds 180]`.

The lab's directories and Graph, Apache Kafka, and `synchealth up` at default intervals; once everything is read and
nothing changes any more, the CPU of each of its processes over some minutes, in % of one core. Kafka and the lab are
not ours and not counted.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from pathlib import Path

from deploy.broker import kafka
from deploy.lab.hybrid import build
from deploy.lab.services import services
from deploy.lab.settings_file import forest_tables, tenant_table
from tests.bench.scrape import cpu_s
from tests.e2e.test_up import children_of
from tests.support.installation import installation


def name_of(command: str) -> str:
    """The role in a child's command line."""
    words = command.split()
    return words[-1] if "producers" in words else "sinks" if "sinks" in words else "worker"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=180)
    parser.add_argument("--settle", type=int, default=60, help="Seconds after the first answer before it is measured.")
    options = parser.parse_args()
    with (
        kafka() as broker,
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch,
        services(build(200), Path(scratch) / "lab") as lab,
    ):
        secrets = Path(scratch) / "secrets"
        secrets.mkdir()
        tables = [("[[forest]]", table) for table in forest_tables(lab, secrets)]
        tables.append(("[[tenant]]", tenant_table(lab, secrets)))
        for _, table in tables:  # the lab is in a hurry
            for setting in [each for each in table if each.endswith("_interval_s")]:
                del table[setting]
        with installation(
            Path(scratch) / "up", broker.bootstrap, tables, {"sync_interval_s": 1800.0}, session_timeout_s=30.0
        ) as up:
            up.wait(lambda: bool(up.metrics()), 300)
            time.sleep(options.settle)
            processes = {pid: name_of(line) for pid, line in children_of(up.process.pid).items()}
            processes[up.process.pid] = "supervisor"
            before, began = {pid: cpu_s(pid) for pid in processes}, time.monotonic()
            time.sleep(options.seconds)
            took = time.monotonic() - began
            shares = {pid: (cpu_s(pid) - before[pid]) / took * 100 for pid in processes}
    for pid, name in processes.items():
        print(f"{name:40} {shares[pid]:5.2f} %")
    print(f"{'all, in % of one core':40} {sum(shares.values()):5.2f} %   (load {os.getloadavg()[0]:.1f})")


if __name__ == "__main__":
    main()
