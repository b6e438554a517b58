"""What a unit test may not do ends it (tests/unit/conftest.py)."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable

import pytest


def _listen() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))


@pytest.mark.parametrize(
    "act",
    [lambda: subprocess.run(["true"], check=True), lambda: os.system("true"), _listen, lambda: time.sleep(0.001)],
    ids=["a process", "a shell", "a port", "a pause"],
)
def test_a_unit_test_only_computes(act: Callable[[], object]) -> None:
    with pytest.raises(pytest.fail.Exception, match="tests/integration"):
        act()
