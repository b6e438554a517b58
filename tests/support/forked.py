"""Workers that begin with everything imported: forked from a process that has done nothing else.

To import what a worker needs takes a CPU second, and the tests that kill them start dozens. Processes that the product
starts itself (`synchealth up`, its units) are new ones in tests, too.

Source: Python, "multiprocessing", contexts and start methods (forkserver, set_forkserver_preload).
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path


class ForkedWorker:
    """`python -m streams ARGUMENTS`, to be watched as a subprocess.Popen is.

    prelude: Python that runs in it before it starts; log: where it prints to.
    """

    def __init__(self, arguments: Sequence[str], log: Path, prelude: str = "") -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["streams.app"])
        self._process = context.Process(target=_work, args=(prelude, list(arguments), log), daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def poll(self) -> int | None:
        """Its exit code, -N where signal N has ended it; None while it runs."""
        return self._process.exitcode

    @property
    def returncode(self) -> int | None:
        """As `poll`."""
        return self.poll()

    def wait(self, within_s: float) -> int:
        """Its exit code. Raises subprocess.TimeoutExpired where it does not end."""
        self._process.join(within_s)
        code = self.poll()
        if code is None:
            raise subprocess.TimeoutExpired("streams", within_s)
        return code

    def send_signal(self, what: signal.Signals) -> None:
        """Nothing where it has ended."""
        if self.poll() is None:
            os.kill(self.pid, what)


def _work(prelude: str, arguments: list[str], log: Path) -> None:
    with log.open("ab") as output:
        for stream in (1, 2):
            os.dup2(output.fileno(), stream)
    os.environ["SYNCHEALTH_LOG__LEVEL"] = "info"
    exec(prelude, {})
    sys.argv[1:] = arguments
    from streams.__main__ import main

    main()
