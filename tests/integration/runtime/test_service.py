from __future__ import annotations

import os
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.cli import supervisor
from streams.runtime import service
from tests.support.parts import missing_part

UNITS = sorted(Path("deploy/systemd").glob("*.service"))


@pytest.fixture
def manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket of a service manager that asks for a sign of life every 20 ms."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "notify"))
        heard.settimeout(10)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        monkeypatch.setenv("WATCHDOG_USEC", "20000")
        yield heard


def test_it_says_when_it_is_ready_and_that_it_lives_only_while_it_does(manager: socket.socket) -> None:
    amiss: list[str | None] = [None]
    over = service.started(lambda: amiss[0])
    assert manager.recv(100) == b"READY=1"
    assert manager.recv(100) == b"WATCHDOG=1"
    amiss[0] = "stands still"
    manager.settimeout(0.5)
    with pytest.raises(TimeoutError):
        for _ in range(20):  # what was under way when it fell ill
            manager.recv(100)
    amiss[0] = None
    manager.settimeout(10)
    assert manager.recv(100) == b"WATCHDOG=1"
    over.set()


def test_its_children_do_not_speak_for_it(manager: socket.socket) -> None:
    service.started(lambda: None).set()
    assert "NOTIFY_SOCKET" not in os.environ


@pytest.mark.parametrize(("name", "value"), [("WATCHDOG_PID", "1"), ("WATCHDOG_USEC", "often"), ("WATCHDOG_USEC", "")])
def test_a_watchdog_that_asks_somebody_else_or_nothing_is_not_fed(
    manager: socket.socket, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    service.started(lambda: None).set()
    assert manager.recv(100) == b"READY=1"
    assert not {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} & os.environ.keys()
    manager.settimeout(0.1)
    with pytest.raises(TimeoutError):
        manager.recv(100)


def test_a_loop_that_stands_still_is_told_until_it_turns() -> None:
    pulse = service.Pulse(within_s=-1.0)
    assert "stands still" in (pulse.stuck() or "")
    pulse = service.Pulse()
    pulse.beat()
    assert pulse.stuck() is None


def test_without_a_manager_it_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    service.started(lambda: None).set()


def test_the_limit_of_open_files_is_raised_as_far_as_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = [(1024, 4096)]
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits[-1])
    monkeypatch.setattr(resource, "setrlimit", lambda _, given: limits.append(given))
    service.raise_file_limit()
    assert limits[-1] == (4096, 4096)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_the_units_are_hardened(unit: Path, tmp_path: Path) -> None:
    """The exposure that `systemd-analyze security` computes is 2.0 at most."""
    if shutil.which("systemd-analyze") is None:
        missing_part("systemd-analyze is missing: apt-get install systemd")
    name = unit.name.replace("@", "@role")
    (tmp_path / name).write_text(unit.read_text())
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr


def test_there_are_units() -> None:
    assert len(UNITS) == 2


def stopping(within_s: float, then: str = "while True: time.sleep(600)") -> subprocess.Popen[str]:
    """A process that is asked to stop once it has said "up"."""
    code = f"import time; from streams.runtime import service; stop = service.stop_signal({within_s})"
    command = [sys.executable, "-c", f"{code}; print('up', flush=True)\n{then}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_who_stops_in_time_ends_well(number: signal.Signals) -> None:
    with stopping(600, "stop.wait(); print('bye')") as process:
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        process.send_signal(number)
        assert process.communicate(timeout=120)[0] == "bye\n"
    assert process.returncode == 0


def test_who_does_not_stop_in_time_is_cut_off_and_says_so() -> None:
    with stopping(0.1) as process:
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert "stop cut off" in process.communicate(timeout=120)[0]
    assert process.returncode == service.EXIT_CUT_OFF


def test_the_second_signal_ends_it_at_once() -> None:
    with stopping(600, "stop.wait(); print('asked', flush=True); time.sleep(600)") as process:
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "asked\n"
        process.send_signal(signal.SIGINT)
        process.wait(120)
    assert process.returncode == -signal.SIGINT


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_wait_for_longer_than_stopping_may_take(unit: Path) -> None:
    patience_s = float(unit.read_text().partition("TimeoutStopSec=")[2].partition("\n")[0])
    assert service.STOP_WITHIN_S < supervisor.STOP_WITHIN_S < patience_s
