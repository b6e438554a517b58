"""A real Alertmanager with a receiver that remembers, and rules and routes whose time runs faster.

Every duration of rules and routes is divided by the same factor: ranges, offsets, `for`, `keep_firing_for`, intervals,
and numbers of seconds that ages are compared with. What the processes do by themselves (poll, contact) keeps its pace.
"""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import yaml

from deploy.alertmanager.configuration import Webhooks, document
from deploy.broker.process import free_block
from deploy.prometheus.build import rule_files
from tests.support.prometheus import Prometheus, tool, until

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}
_DURATION = re.compile(r"(?<![\w.])(\d+)([smhdw])\b")
_SECONDS = re.compile(r"([<>]=? )(\d+)(?=\s*$)", re.MULTILINE)
_DURATIONS = {"for", "keep_firing_for", "group_wait", "group_interval", "repeat_interval"}


def faster_duration(text: str, factor: float) -> str:
    """ "5m" of product time as real time, never below 100 ms (0 stays 0)."""

    def scaled(match: re.Match[str]) -> str:
        seconds = int(match[1]) * _UNITS[match[2]]
        return f"{max(100, round(seconds * 1000 / factor))}ms" if seconds else "0s"

    return _DURATION.sub(scaled, text)


def faster_expression(expression: str, factor: float) -> str:
    """An alert's expression; numbers that end a line are seconds where the expression is about time."""
    scaled = faster_duration(expression, factor)
    if "time() -" in expression or "lag_seconds" in expression:
        scaled = _SECONDS.sub(lambda match: f"{match[1]}{int(match[2]) / factor:.3f}", scaled)
    return scaled


def faster_rules(folder: Path, factor: float) -> str:
    """Our rules at `factor`; the pattern of their files."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in rule_files().items():
        rules = yaml.safe_load(text)
        for group in rules["groups"]:
            for rule in group["rules"]:
                rule["expr"] = faster_expression(rule["expr"], factor)
                for key in _DURATIONS & rule.keys():
                    rule[key] = faster_duration(rule[key], factor)
        (folder / name).write_text(yaml.safe_dump(rules))
    return str(folder / "*.yaml")


def faster_routes(configuration: Any, factor: float) -> Any:
    """The Alertmanager's configuration at `factor`."""
    if isinstance(configuration, dict):
        return {
            key: faster_duration(value, factor) if key in _DURATIONS else faster_routes(value, factor)
            for key, value in configuration.items()
        }
    return [faster_routes(each, factor) for each in configuration] if isinstance(configuration, list) else configuration


@dataclass(frozen=True)
class Message:
    """One notification: who got it, and (status, labels) of each alert in it."""

    receiver: str
    alerts: tuple[tuple[str, dict[str, str]], ...]
    at_s: float

    def names(self, status: str) -> list[str]:
        return sorted(labels["alertname"] for state, labels in self.alerts if state == status)

    def __str__(self) -> str:
        told = {status: self.names(status) for status in ("firing", "resolved")}
        words = (f"{status} {', '.join(names)}" for status, names in told.items() if names)
        return f"{self.receiver}: {'; '.join(words)}"


@dataclass
class Receiver:
    """Everything that arrived, watchdogs apart."""

    url: str = ""
    messages: list[Message] = field(default_factory=list)
    watchdogs: int = 0

    def take(self, body: Any) -> None:
        alerts = tuple((alert["status"], alert["labels"]) for alert in body["alerts"])
        if body["receiver"] == "watchdog":
            self.watchdogs += 1
        else:
            self.messages.append(Message(body["receiver"], alerts, time.time()))

    def resolved(self, since: int = 0) -> list[str]:
        """Names of alerts said to be over, in messages from number `since` on."""
        return [name for message in self.messages[since:] for name in message.names("resolved")]


@contextlib.contextmanager
def receiving() -> Iterator[Receiver]:
    """A webhook receiver, until the block ends."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            receiver.take(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing to say."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    receiver.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield receiver
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextlib.contextmanager
def alertmanager(folder: Path, receiver: Receiver, factor: float) -> Iterator[str]:
    """A real Alertmanager with our configuration at `factor`, every message to `receiver`; its host:port."""
    webhooks = Webhooks(**dict.fromkeys(("page", "urgent", "ticket", "digest", "watchdog"), receiver.url))
    file = folder / "alertmanager.yml"
    file.write_text(yaml.safe_dump(faster_routes(document(webhooks), factor)))
    address = f"127.0.0.1:{free_block(1)}"
    command = [
        tool("prometheus-alertmanager"), f"--config.file={file}", f"--storage.path={folder / 'alertmanager'}",
        f"--web.listen-address={address}", "--cluster.listen-address=",
    ]  # fmt: skip
    with (folder / "alertmanager.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    try:
        until(Prometheus(f"http://{address}").ready, "Alertmanager is ready")
        yield address
    finally:
        process.terminate()
        process.wait(120)
