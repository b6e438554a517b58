"""What a service manager wants of a process: readiness, a watchdog signal, and an orderly end when asked.

Source: sd_notify(3) and sd_watchdog_enabled(3) of systemd: datagrams to $NOTIFY_SOCKET; WATCHDOG=1 more often than
every $WATCHDOG_USEC, by $WATCHDOG_PID, or the process is ended and started again. Without systemd nothing is sent.
"""

from __future__ import annotations

import contextlib
import gc
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

from streams.runtime.logs import get_logger

WANTED_FILES = 8192
_ENOUGH_FILES = 1024
STOP_WITHIN_S = 25.0
"""How long a role may take to stop; Kubernetes sends SIGKILL after 30 s by default.

Source: Kubernetes, "Pod Lifecycle", terminationGracePeriodSeconds.
"""
EXIT_CUT_OFF = os.EX_TEMPFAIL
"""The exit code of a process that did not stop in time: sysexits.h, a temporary failure."""
log = get_logger(__name__)


class Pulse:
    """A loop that turns: it calls `beat`, and `stuck` says since when it has not."""

    def __init__(self, within_s: float = 120.0) -> None:
        self._within_s = within_s
        self._beat_s = time.monotonic()

    def beat(self) -> None:
        """The loop turned."""
        self._beat_s = time.monotonic()

    def stuck(self) -> str | None:
        """Since when it stands still; None while it turns."""
        still_s = time.monotonic() - self._beat_s
        return f"the loop stands still for {still_s:.0f} s" if still_s > self._within_s else None


def started(healthy: Callable[[], str | None]) -> threading.Event:
    """Say READY, and from then on that we are alive as long as `healthy` names no fault; the event returned ends it.

    Children do not inherit the conversation: it is about this process.
    """
    over = threading.Event()
    raise_file_limit()
    gc.freeze()  # what was imported stays: no collection walks it, nor the one at the end
    address = os.environ.pop("NOTIFY_SOCKET", "")
    asked, of_whom = os.environ.pop("WATCHDOG_USEC", ""), os.environ.pop("WATCHDOG_PID", "")
    ours = not of_whom or of_whom == str(os.getpid())
    interval_s = int(asked) / 2e6 if ours and asked.isdecimal() else 0.0
    if address:
        _tell(address, "READY=1")
    if address and interval_s:
        arguments = (address, interval_s, healthy, over)
        threading.Thread(target=_go_on, args=arguments, name="watchdog", daemon=True).start()
    return over


def on_stop(call: Callable[[], None], within_s: float = STOP_WITHIN_S) -> None:
    """Call `call` at the first SIGINT, SIGTERM or SIGHUP, and `end_within`; the second one ends the process at once.

    To be called from the main thread. `call` runs there, between any two of its instructions.
    """
    asked = False

    def on_signal(number: int, _frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
            os._exit(128 + number)  # the kernel spares the first process of a container
        asked = True
        end_within(within_s)
        call()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)


def stop_signal(within_s: float = STOP_WITHIN_S) -> threading.Event:
    """An event that is set when the process is asked to stop; see `on_stop`."""
    stop = threading.Event()
    on_stop(stop.set, within_s)
    return stop


def end_within(within_s: float = STOP_WITHIN_S) -> None:
    """End the process with EXIT_CUT_OFF if it still runs after `within_s` seconds.

    Clients of Kafka wait for a broker that is gone without end. A cut loses nothing: what is neither acknowledged nor
    committed is read again, as after SIGKILL.
    """
    timer = threading.Timer(within_s, _cut_off, [within_s])
    timer.daemon = True
    timer.start()


def _cut_off(within_s: float) -> None:
    log.error("stop cut off: what is not committed is read again", within_s=within_s, exit_code=EXIT_CUT_OFF)
    sys.stderr.flush()
    os._exit(EXIT_CUT_OFF)


def raise_file_limit() -> None:
    """Allow as many open files as we are let, up to WANTED_FILES; a warning where that is too few for a busy day.

    Every partition of RocksDB holds dozens open, and connections beyond the limit are refused to directories, too.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED_FILES if hard == resource.RLIM_INFINITY else min(WANTED_FILES, hard)
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # a sandbox may forbid it
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    if soft <= _ENOUGH_FILES:
        log.warning("few open files are allowed: raise LimitNOFILE of the service, or ulimit -n", limit=soft)


def _go_on(address: str, interval_s: float, healthy: Callable[[], str | None], over: threading.Event) -> None:
    while not over.wait(interval_s):
        amiss = healthy()
        if amiss is None:
            _tell(address, "WATCHDOG=1")
        else:
            log.error("the watchdog is not fed", why=amiss)


def _tell(address: str, state: str) -> None:
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.sendto(state.encode(), address)
    except OSError as error:
        log.warning("the service manager cannot be told", state=state, error=str(error))
