"""How long a scrape of the exporter takes, and what it weighs: `python -m tests.bench.scrape [--findings N]`.

An exporter in a process of its own reads N open findings from the embedded broker; it is scraped over
HTTP before there are any and when all are open. Prints one line of JSON.
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from statistics import median, quantiles
from threading import Event
from typing import Any

import msgspec
from kafka import KafkaAdminClient, KafkaProducer
from kafka.admin import NewTopic

from deploy.broker import tansu
from sinks.exporter import Exporter
from sinks.labels import KnownDetection
from streams.contracts.codec import encode
from streams.contracts.identity import finding_id
from streams.contracts.topics import DEADLETTERS, FINDINGS
from streams.detections.registry import all_detections
from streams.runtime.logs import configure_logs
from streams.runtime.settings import Settings
from tests.support.findings import FOREST, TENANT, finding

SCRAPES = 200


def serve(bootstrap: str) -> None:
    """Run an exporter until killed; its address is the first line of output."""
    configure_logs("warning")
    forest = {"name": FOREST, "tenant": TENANT, "servers": ["ldaps://dc1"], "bind_user": "u", "bind_password": "p"}
    settings = Settings.model_validate(
        {"kafka": {"bootstrap_servers": [bootstrap]}, "metrics": {"port": 0}, "forest": [forest]}
    )
    known = [KnownDetection(f.detection.id, f.detection.family, f.detection.severity) for f in all_detections()]
    with Exporter(settings, known) as exporter:
        print(exporter.url, flush=True)
        exporter.run(Event())


def scrapes(url: str, pid: int) -> dict[str, float]:
    """Milliseconds of whole HTTP scrapes, and of the exporter's CPU per scrape (which other load does not stretch)."""
    times = []
    before = cpu_s(pid)
    for _ in range(SCRAPES):
        start = time.perf_counter()
        with urllib.request.urlopen(url, timeout=30) as answer:
            answer.read()
        times.append((time.perf_counter() - start) * 1000)
    return {
        "p50_ms": round(median(times), 2),
        "p99_ms": round(quantiles(times, n=100)[98], 2),
        "cpu_ms": round((cpu_s(pid) - before) / SCRAPES * 1000, 2),
    }


def cpu_s(pid: int) -> float:
    """Seconds of CPU a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mib(pid: int) -> float:
    """Resident memory of a process."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return round(int(found[1]) / 1024, 1)


def until_open(url: str, count: int) -> None:
    """Wait until so many findings are shown as open."""
    while True:
        with urllib.request.urlopen(url, timeout=30) as answer:
            lines = [
                line for line in answer.read().decode().splitlines() if line.startswith("synchealth_findings_open{")
            ]
        if lines and sum(float(line.rpartition(" ")[2]) for line in lines) == count:
            return
        time.sleep(0.05)


def publish(bootstrap: str, count: int) -> None:
    """So many open findings, spread over the detections."""
    producer = KafkaProducer(bootstrap_servers=bootstrap, acks="all", linger_ms=50, batch_size=512 * 1024)
    detections = [registered.detection for registered in all_detections()]
    for number in range(count):
        detection = detections[number % len(detections)]
        identity = finding_id(detection.id, str(number))
        one = msgspec.structs.replace(finding(number), id=identity, detection=detection.id, severity=detection.severity)
        producer.send(FINDINGS.name, key=identity.encode(), value=encode(one))
    producer.flush()
    producer.close()


def measured(count: int) -> dict[str, Any]:
    """One run."""
    with tansu() as broker:
        admin = KafkaAdminClient(bootstrap_servers=broker.bootstrap)
        admin.create_topics([NewTopic(FINDINGS.name, 8, 1), NewTopic(DEADLETTERS.name, 1, 1)])
        admin.close()
        command = [sys.executable, "-m", "tests.bench.scrape", "--serve", broker.bootstrap]
        empty = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert empty.stdout is not None
        url = empty.stdout.readline().strip()
        until_open(url, 0)
        result: dict[str, Any] = {
            "findings": count,
            "scrape_at_0": scrapes(url, empty.pid),
            "rss_mib_at_0": resident_mib(empty.pid),
        }
        empty.terminate()
        empty.wait()
        publish(broker.bootstrap, count)
        gc.collect()
        full = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert full.stdout is not None
        url = full.stdout.readline().strip()
        start = time.perf_counter()
        until_open(url, count)
        result["rebuild_s"] = round(time.perf_counter() - start, 2)
        result["rebuild_cpu_s"] = round(cpu_s(full.pid), 2)
        result["scrape"] = scrapes(url, full.pid)
        result["rss_mib"] = resident_mib(full.pid)
        full.terminate()
        full.wait()
    result["cpu_ratio_to_empty"] = round(result["scrape"]["cpu_ms"] / result["scrape_at_0"]["cpu_ms"], 2)
    return result


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Scrape time and memory of the exporter.")
    parser.add_argument("--findings", type=int, default=100_000)
    parser.add_argument("--serve", metavar="BOOTSTRAP", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve)
    else:
        print(json.dumps({"scrape": measured(options.findings)}))


if __name__ == "__main__":
    main()
