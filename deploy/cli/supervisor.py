"""One node: every role as a child process, restarted when it ends, stopped together, never left behind."""

from __future__ import annotations

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from deploy.broker.process import die_with_parent
from streams.runtime import service
from streams.runtime.backoff import Backoff
from streams.runtime.logs import get_logger
from streams.runtime.settings import Settings

log = get_logger(__name__)
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 1.0, 30.0
_HEALTHY_AFTER_S = 60.0
_CHILDREN_STOP_WITHIN_S = service.STOP_WITHIN_S + 5.0
STOP_WITHIN_S = _CHILDREN_STOP_WITHIN_S + 20.0
"""How long all of it may take to stop; less than TimeoutStopSec of the unit."""
_LOOK_EVERY_S = 0.2
_EXIT_SETTINGS = 2  # of every role: its configuration is at fault
# A child that has spoken once and falls silent stands still: its own patience (streams.runtime.service) is over then.
_SPEAKS_EVERY_S, _SILENT_S = 30, 300.0

OnLine = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Child:
    """One process of the node: what to start, and what its environment has in addition."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def with_environment(self, **more: str) -> Child:
        """The same child with more in its environment."""
        return replace(self, environment={**self.environment, **more})


def children(settings: Settings, config: Path | None) -> list[Child]:
    """Every process that this configuration needs on one node: a producer per source, the workers, the exporter,
    the desk.

    Where each but the desk shows its metrics, `settings.metrics_ports` says.
    """
    named = ("--config", str(config.absolute())) if config else ()
    workers = range(settings.streams.workers)
    found = [
        Child(
            f"streams-{number}" if len(workers) > 1 else "streams",
            _synchealth("run", "streams", *named, "--worker", str(number)),
        )
        for number in workers
    ]
    found += [Child(source, _synchealth("run", "producers", *named, source)) for source in settings.sources]
    found.append(Child("sinks", _synchealth("run", "sinks", *named)))
    if settings.desk.enabled:
        found.append(Child("desk", _synchealth("run", "desk", *named)))
    return [*found, Child("notify", _synchealth("run", "notify", *named))] if settings.route else found


class Supervisor:
    """Keeps children running. Start it from the thread that lives longest: the kernel ends children with it.

    on_line: called with (child's name, line) for everything a child prints, from several threads.
    """

    def __init__(self, wanted: Sequence[Child], on_line: OnLine) -> None:
        self._running = [_Running(child, on_line) for child in wanted]
        self.pulse = service.Pulse()
        self.refused: str | None = None

    def start(self) -> None:
        """Start every child."""
        for each in self._running:
            each.start()

    def look(self) -> None:
        """Restart what has ended, after a pause that grows while it keeps ending soon."""
        for each in self._running:
            each.look()
            if each.refuses:
                self.refused = each.child.name

    def run(self, stop: threading.Event) -> None:
        """Supervise until `stop` is set or one refuses its configuration (`refused`), then stop all of them."""
        try:
            self.start()
            while not stop.wait(_LOOK_EVERY_S) and self.refused is None:
                self.look()
                self.pulse.beat()
        finally:
            self.stop()

    def stop(self) -> None:
        """End every child: SIGTERM to all, SIGKILL to what is left after a while."""
        for each in self._running:
            each.signal(signal.SIGTERM)
        deadline = time.monotonic() + _CHILDREN_STOP_WITHIN_S
        for each in self._running:
            each.end(deadline)

    @property
    def restarts(self) -> dict[str, int]:
        """How often each child had to be started again."""
        return {each.child.name: each.restarts for each in self._running}


class _Running:
    """One child through its lives."""

    def __init__(self, child: Child, on_line: OnLine) -> None:
        self.child = child
        self.restarts = 0
        self.refuses = False
        self._on_line = on_line
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._started_s = 0.0
        self._backoff = Backoff(_FIRST_PAUSE_S, _LONGEST_PAUSE_S)
        self._start_at_s: float | None = None
        self._ear = _Ear()

    def start(self) -> None:
        self._start_at_s = None
        self._ear.forget()
        self._started_s = time.monotonic()
        self._process = subprocess.Popen(
            list(self.child.command),
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self._ear.environment, **self.child.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is for the supervisor; it stops them in order
            preexec_fn=die_with_parent(),
        )
        self._reader = threading.Thread(target=self._read, args=[self._process], daemon=True)
        self._reader.start()

    def look(self) -> None:
        now = time.monotonic()
        if self._start_at_s is not None:
            if now >= self._start_at_s:
                self.restarts += 1
                self.start()
            return
        code = self._process.poll() if self._process else None
        if code is None:
            self._end_if_silent(now)
            return
        if code == _EXIT_SETTINGS and not self.restarts:
            self.refuses = True  # it has said why; another start would end in the same way
            return
        if now - self._started_s > _HEALTHY_AFTER_S:  # whoever worked until now is missed at once
            self._backoff.succeeded()
            pause_s = 0.0
        else:
            pause_s = self._backoff.failed()
        log.warning("child ended", child=self.child.name, exit_code=code, starts_again_in_s=round(pause_s, 2))
        self._start_at_s = now + pause_s

    def _end_if_silent(self, now: float) -> None:
        if self._process is not None and self._ear.silent_s(now) > _SILENT_S:
            log.error("child says nothing any more: killed", child=self.child.name, silent_s=round(_SILENT_S))
            self._ear.forget()
            self._process.kill()

    def signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def end(self, deadline_s: float) -> None:
        self._start_at_s = None
        if self._process is None:
            return
        try:
            self._process.wait(max(0.1, deadline_s - time.monotonic()))
        except subprocess.TimeoutExpired:
            log.warning("child does not stop: killed", child=self.child.name)
            self._process.kill()
            self._process.wait()
        if self._reader is not None:
            self._reader.join(2.0)
        self._ear.close()

    def _read(self, process: subprocess.Popen[str]) -> None:
        if process.stdout is not None:
            with process.stdout:
                for line in process.stdout:
                    self._on_line(self.child.name, line.rstrip("\n"))


class _Ear:
    """Hears a child's signs of life as systemd would (streams.runtime.service); deaf where there is no such socket."""

    def __init__(self) -> None:
        self._last_contact_s: float | None = None
        self._socket: socket.socket | None = None
        self.environment: Mapping[str, str] = {}
        if sys.platform != "linux":  # names without a file are Linux's
            return
        name = f"synchealth-{secrets.token_hex(8)}"
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(f"\0{name}")
        self.environment = {"NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": str(_SPEAKS_EVERY_S * 2_000_000)}

    def silent_s(self, now: float) -> float:
        """How long it has said nothing; 0 for one that has not begun to."""
        with contextlib.suppress(OSError):  # nothing more to hear
            while self._socket is not None and self._socket.recv(100):
                self._last_contact_s = now
        return 0.0 if self._last_contact_s is None else now - self._last_contact_s

    def forget(self) -> None:
        """Another child speaks from now on."""
        self.silent_s(0.0)
        self._last_contact_s = None

    def close(self) -> None:
        """Hear no more."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _synchealth(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "deploy.cli.main", *arguments]
