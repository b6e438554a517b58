"""What a service manager wants to hear of a process: that it has started, and that it still turns.

Source: sd_notify(3) and sd_watchdog_enabled(3) of systemd: datagrams to $NOTIFY_SOCKET; WATCHDOG=1 more often than
every $WATCHDOG_USEC, by $WATCHDOG_PID, or the process is ended and started again. Without systemd nothing happens here.
"""

from __future__ import annotations

import contextlib
import os
import resource
import socket
import threading
import time
from collections.abc import Callable

from streams.runtime.logs import get_logger

WANTED_FILES = 8192
_ENOUGH_FILES = 1024
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
