"""An installation under test: `synchealth up` as a user starts it, from nothing but a settings file."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from deploy.broker.process import die_with_parent, free_block
from deploy.cli.findings.source import read_findings
from sinks.freshness_source import read_freshness
from streams.contracts.errors import RetriableError
from streams.contracts.finding import Finding, FindingState
from streams.runtime.settings import load_settings


@dataclass
class Installation:
    """A running `synchealth up`."""

    config: Path
    metrics_url: str
    log_file: Path
    process: subprocess.Popen[bytes]

    def metrics(self) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
        """Every sample of the exporter, by name and labels; {} while nobody answers."""
        try:
            with urllib.request.urlopen(self.metrics_url, timeout=5) as answer:
                text = answer.read().decode()
        except OSError:
            return {}
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    def open_count(self, detection: str) -> int | None:
        """Open findings of a detection as /metrics tells; None while the exporter does not."""
        found = [
            value
            for (name, labels), value in self.metrics().items()
            if name == "synchealth_findings_open" and ("detection", detection) in labels
        ]
        return int(sum(found)) if found else None

    def findings(self, *states: FindingState) -> dict[str, Finding]:
        """Findings in one of `states` (none: open ones), read as `synchealth findings` reads them, without its process.

        Raises RetriableError where Kafka cannot be read.
        """
        known = read_findings(load_settings(self.config, {}).kafka).latest
        return {key: finding for key, finding in known.items() if finding.state in (states or (FindingState.OPEN,))}

    def has_read_everything(self) -> bool:
        """Whether every source was read whole and is worked off, as stands above every answer of `synchealth`."""
        with contextlib.suppress(RetriableError):
            return not read_freshness(load_settings(self.config, {})).blind
        return False

    def wait(self, condition: Callable[[], bool], within_s: float = 180.0, every_s: float = 0.25) -> float:
        """Seconds until `condition` held. AssertionError with the end of the log if it never did."""
        start = time.monotonic()
        while not condition():
            assert self.process.poll() is None, f"`up` ended: {self.log()}"
            assert time.monotonic() - start < within_s, f"not within {within_s} s: {self.log()}"
            time.sleep(every_s)
        return time.monotonic() - start

    def log(self, most: int = 6000) -> str:
        """The end of what everything printed."""
        return self.log_file.read_text(errors="replace")[-most:]


def toml(tables: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """TOML of (header, values); values are JSON-like."""
    return "\n".join(
        line
        for header, values in tables
        for line in (header, *(f"{name} = {json.dumps(value)}" for name, value in values.items()), "")
    )


@contextlib.contextmanager
def installation(
    directory: Path,
    bootstrap: str,
    sources: Sequence[tuple[str, Mapping[str, Any]]],
    detections: Mapping[str, Any] | None = None,
    **streams: Any,
) -> Iterator[Installation]:
    """`synchealth topics create`, then `synchealth up`, until the block ends.

    sources: ("[[forest]]" | "[[tenant]]", values); detections: thresholds beside the usual ones.
    """
    directory.mkdir(parents=True, exist_ok=True)
    metrics, workers = free_block(1), free_block(int(streams.get("workers", 1)))
    producers = free_block(len(sources))
    config = directory / "settings.toml"
    config.write_text(
        toml(
            [
                ("[kafka]", {"bootstrap_servers": [bootstrap], "partitions": 4}),
                ("[streams]", {"data_dir": str(directory / "data"), "session_timeout_s": 10.0, "metrics_port": workers,
                               "consumer_group": f"synchealth-{uuid.uuid4().hex[:8]}", **streams}),
                ("[detections]", {"sync_interval_s": 3600.0, **(detections or {})}),
                ("[producers]", {"metrics_port": producers}),
                ("[metrics]", {"port": metrics}),
                ("[desk]", {"enabled": False}),
                *sources,
            ]
        )
    )  # fmt: skip
    command = [sys.executable, "-m", "deploy.cli.main"]
    subprocess.run([*command, "topics", "create", "--config", str(config)], check=True, timeout=120)
    log_file = directory / "up.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [*command, "up", "--config", str(config)],
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=die_with_parent(),
        )
        try:
            yield Installation(config, f"http://127.0.0.1:{metrics}/metrics", log_file, process)
        finally:
            process.terminate()
            try:
                process.wait(120)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
