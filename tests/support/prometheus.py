"""The Prometheus tools of the machine, for tests."""

from __future__ import annotations

import contextlib
import functools
import json
import math
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from deploy.prometheus.build import FOLDER as RULES
from tests.support.parts import missing_part


def tool(name: str) -> str:
    """The path of one of their programs; without it the test is skipped, or fails where all parts are required."""
    package = "prometheus-alertmanager" if name in {"prometheus-alertmanager", "amtool"} else "prometheus"
    return shutil.which(name) or missing_part(f"{name} is missing: apt-get install {package}")


def promtool(*arguments: str | Path, input_: bytes | None = None) -> tuple[int, str]:
    """Run promtool: its exit code and everything it said."""
    return run_tool("promtool", *arguments, input_=input_)


def run_tool(name: str, *arguments: str | Path, input_: bytes | None = None) -> tuple[int, str]:
    """Run one of their tools: its exit code and everything it said."""
    command = [tool(name), *map(str, arguments)]
    done = subprocess.run(command, input=input_, capture_output=True, check=False, timeout=500)
    return done.returncode, (done.stdout + done.stderr).decode()


def rules_of(alerts: Container[str], folder: Path) -> str:
    """A file of our detections' rules with these alerts alone: promtool evaluates all that it is given."""
    file = folder / "detections.yaml"
    groups = _groups_of_rules(RULES / file.name)
    chosen = [{**group, "rules": [rule for rule in group["rules"] if rule["alert"] in alerts]} for group in groups]
    file.write_text(yaml.safe_dump({"groups": [group for group in chosen if group["rules"]]}))
    return str(file)


@functools.cache
def _groups_of_rules(file: Path) -> list[dict[str, Any]]:
    """Read once: YAML of a thousand lines takes its time, and sixty tests ask."""
    groups: list[dict[str, Any]] = yaml.safe_load(file.read_text())["groups"]
    return groups


@contextlib.contextmanager
def prometheus_server(
    folder: Path,
    jobs: Mapping[str, list[str]],
    *,
    rules: str = "",
    alertmanager: str = "",
    processes: Mapping[str, str] | None = None,
    every: str = "1s",
) -> Iterator[Prometheus]:
    """A real Prometheus that scrapes the targets (host:port) of each job again and again, until the block ends.

    rules:        path pattern of rule files, evaluated as often.
    alertmanager: host:port of who gets the alerts.
    processes:    target -> its label `process`.
    """
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configuration = {
        "global": {"scrape_interval": every, "evaluation_interval": every},
        "rule_files": [rules] if rules else [],
        "scrape_configs": [
            {
                "job_name": job,
                "static_configs": [
                    {"targets": [target], "labels": {"process": (processes or {}).get(target, "")}}
                    for target in targets
                ],
            }
            for job, targets in jobs.items()
        ],
    }
    if alertmanager:
        configuration["alerting"] = {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]}
    (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
    command = [tool("prometheus"), f"--config.file={folder / 'prometheus.yml'}", f"--storage.tsdb.path={folder}/data"]
    command += [f"--web.listen-address=127.0.0.1:{port}", "--rules.alert.resend-delay=1s"]
    with (folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    server = Prometheus(f"http://127.0.0.1:{port}")
    try:
        until(server.ready, "Prometheus is ready")
        yield server
    finally:
        process.terminate()
        process.wait(120)


@dataclass(frozen=True)
class Prometheus:
    """A running server."""

    url: str

    def ready(self) -> bool:
        """Whether it answers queries."""
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The result of an instant query. Raises AssertionError with Prometheus' own words where it is none."""
        return self._ask("query", {"query": expression})

    def numbers(self, expression: str) -> list[float]:
        """The values of an instant query, without those that are not a number."""
        return _numbers(row["value"] for row in self.query(expression))

    def alerts(self) -> set[tuple[str, str]]:
        """(name, "pending" or "firing") of every alert that is active now."""
        with urllib.request.urlopen(f"{self.url}/api/v1/alerts", timeout=120) as answer:
            return {(one["labels"]["alertname"], one["state"]) for one in json.load(answer)["data"]["alerts"]}

    def descriptions(self, alert: str) -> list[str]:
        """What the firing alerts of this name say."""
        with urllib.request.urlopen(f"{self.url}/api/v1/alerts", timeout=120) as answer:
            alerts = json.load(answer)["data"]["alerts"]
        return [one["annotations"]["description"] for one in alerts if one["labels"]["alertname"] == alert]

    def numbers_between(self, expression: str, start_s: float, end_s: float) -> list[float]:
        """Every value of a query over a span of time (Unix seconds), second by second."""
        return _numbers(value for row in self.series(expression, start_s, end_s) for value in row["values"])

    def series(self, expression: str, start_s: float, end_s: float) -> list[dict[str, Any]]:
        """Every series of a query over a span of time: `metric` and `values`."""
        return self._ask("query_range", {"query": expression, "start": start_s, "end": end_s, "step": 1})

    def _ask(self, what: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        body = urllib.parse.urlencode(parameters).encode()
        try:
            with urllib.request.urlopen(f"{self.url}/api/v1/{what}", data=body, timeout=120) as answer:
                return list(json.load(answer)["data"]["result"])
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError(f"{parameters['query']}: {error.read().decode()}") from error


def _numbers(samples: Iterable[tuple[float, str]]) -> list[float]:
    return [float(text) for _, text in samples if not math.isnan(float(text))]


def until(condition: Callable[[], Any], what: str, within_s: float = 180) -> None:
    """Wait for a condition. Raises AssertionError where it does not come about."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        time.sleep(0.2)
