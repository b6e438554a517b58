"""The Prometheus tools of the machine, for tests."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest


def tool(name: str) -> str:
    """The path of `prometheus` or `promtool`; without it the test is skipped, or fails where all parts are required."""
    path = shutil.which(name)
    if path is not None:
        return path
    message = f"{name} is missing: apt-get install prometheus"
    if os.environ.get("CI") == "true" or os.environ.get("SYNCHEALTH_REQUIRE_ALL") == "1":
        pytest.fail(message)
    pytest.skip(message)


def promtool(*arguments: str | Path, input_: bytes | None = None) -> tuple[int, str]:
    """Run promtool: its exit code and everything it said."""
    command = [tool("promtool"), *map(str, arguments)]
    done = subprocess.run(command, input=input_, capture_output=True, check=False, timeout=120)
    return done.returncode, (done.stdout + done.stderr).decode()
