"""A unit test computes: it starts no process, listens on no port and does not sleep. What does has a room elsewhere.

Source: Python, "Audit events table".
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import tldextract  # noqa: F401  its first import binds a socket, to see whether this machine has IPv6 (urllib3)

_NOT_HERE = {"subprocess.Popen", "os.system", "os.fork", "os.forkpty", "os.posix_spawn", "socket.bind"}
_judged = False


def _judge(event: str, arguments: tuple[Any, ...]) -> None:
    if _judged and event in _NOT_HERE:
        _refuse(event)


def _refuse(what: str) -> None:
    pytest.fail(f"{what} in a unit test: it belongs into tests/integration")


sys.addaudithook(_judge)  # there is no way to remove one


@pytest.fixture(autouse=True)
def computes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails the test that does anything else."""
    global _judged
    monkeypatch.setattr(time, "sleep", lambda _: _refuse("time.sleep"))
    _judged = True
    yield
    _judged = False
