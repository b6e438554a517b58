"""One of our processes under test, with its log."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
WITHIN_S = 180.0
"""A bound that ends a failed test; it measures nothing."""


class RoleProcess:
    """A Python module run as a process, with settings and log in `folder`; started anew, it appends to the log."""

    def __init__(self, folder: Path, settings: str) -> None:
        folder.mkdir(exist_ok=True)
        self.config = folder / "settings.toml"
        self.config.write_text(settings)
        self._log = folder / "log"
        self.process: subprocess.Popen[bytes]

    def run(self, *arguments: str) -> None:
        """Start `python -m ARGUMENTS --config …`."""
        with self._log.open("ab") as log:
            command = [sys.executable, "-m", *arguments, "--config", str(self.config)]
            self.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)

    @property
    def log(self) -> str:
        """What it has written so far."""
        return self._log.read_text()

    @property
    def lives(self) -> bool:
        """Whether it runs."""
        return self.process.poll() is None

    def until(self, condition: Callable[[], bool]) -> None:
        """Wait for it; AssertionError with the end of the log where the process ends before."""
        deadline = time.monotonic() + WITHIN_S
        while not condition():
            assert time.monotonic() < deadline and self.lives, self.log[-3000:]
            time.sleep(0.05)

    def send(self, number: int) -> None:
        """Send it a signal."""
        os.kill(self.process.pid, number)

    def wait(self) -> int:
        """Its exit code."""
        return self.process.wait(WITHIN_S)

    def end(self) -> None:
        """Kill it, if it was started and runs."""
        if hasattr(self, "process") and self.lives:
            self.process.kill()
            self.process.wait()
