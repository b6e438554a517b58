"""One broker process: started, watched until it answers, and ended by its own pid."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.broker.readiness import answers_metadata

HOST = "127.0.0.1"
_PR_SET_PDEATHSIG = 1


class BrokerError(RuntimeError):
    """A broker could not be started; the message says what is missing and what to do."""


@dataclass(frozen=True)
class Broker:
    """A running broker.

    `bootstrap` is what Kafka clients call bootstrap servers (`host:port`), `pid` the process
    started here (tests may signal it), `log_path` what the process printed.
    """

    bootstrap: str
    pid: int
    log_path: Path


def free_port() -> int:
    """Return a TCP port of the loopback address that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def free_block(count: int) -> int:
    """The first of `count` ports in a row that nobody listens on at this moment."""
    while True:
        first = free_port()
        if all(_is_free(port) for port in range(first, first + count)):
            return first


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError):
            return False
        return True


def require_free(port: int) -> None:
    """Raise BrokerError when somebody already listens on `port`."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise BrokerError(
                f"port {port} of {HOST} is taken ({error.strerror}); "
                "stop what listens there, or give another port (0 = any free one)"
            ) from error


def die_with_parent() -> Callable[[], None] | None:
    """Return what a child runs first, so that the kernel ends it when this process dies.

    Linux only (prctl PR_SET_PDEATHSIG). The signal follows the *thread* that starts the child:
    start brokers from a thread that lives as long as the broker should.
    """
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # the parent died before the call above
            os.kill(os.getpid(), signal.SIGKILL)

    return child


@contextlib.contextmanager
def running(
    name: str, command: Sequence[str], port: int, log_path: Path, *, ready_within_s: float, stop_within_s: float
) -> Iterator[Broker]:
    """Run `command` until the block ends; yield once a metadata request on `port` is answered.

    The block's end sends SIGTERM (Kafka then does its controlled shutdown) and, after
    `stop_within_s` seconds, SIGKILL. Raises BrokerError with the end of the log when the process
    exits or stays silent for `ready_within_s` seconds.
    """
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # a Ctrl-C on the terminal is for its clients first
            preexec_fn=die_with_parent(),
        )
    bootstrap = f"{HOST}:{port}"
    try:
        _wait_until_ready(name, process, bootstrap, log_path, ready_within_s)
        yield Broker(bootstrap=bootstrap, pid=process.pid, log_path=log_path)
    finally:
        _stop(process, stop_within_s)


def _wait_until_ready(
    name: str, process: subprocess.Popen[bytes], bootstrap: str, log_path: Path, within_s: float
) -> None:
    deadline = time.monotonic() + within_s
    while not answers_metadata(bootstrap):
        if process.poll() is not None:
            raise BrokerError(f"{name} ended with exit code {process.returncode} while starting:\n{_tail(log_path)}")
        if time.monotonic() > deadline:
            raise BrokerError(f"{name} did not answer on {bootstrap} within {within_s:.0f} s:\n{_tail(log_path)}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes], within_s: float) -> None:
    if process.poll() is None:
        process.terminate()
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tail(log_path: Path, lines: int = 25) -> str:
    text = log_path.read_text(errors="replace").splitlines()
    return "\n".join(text[-lines:]) or "(it printed nothing)"
