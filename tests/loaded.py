"""`python -m tests.loaded`: all tests again and again, beside busy loops on every core (`make test-loaded`).

A test that depends on how fast the machine is fails here first. What fails is told when it fails; the whole log of
each run is kept.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from deploy.broker.process import die_with_parent

_BUSY = "while True: pass"
_NICE = 5  # no lower than tests that only compute: it is to be felt
# As it happens, and in the summary with the reason.
_FAILED = re.compile(r"(\[gw\d+\] \[ *\d+%\] )?(FAILED|ERROR) tests/")
_OUTCOME = re.compile(r"^=+ (.*\b(?:passed|failed|error|no tests ran)\b.*) =+$")
_PATIENCE_S = 120.0


@click.command(context_settings={"ignore_unknown_options": True})
@click.option("--runs", default=5, show_default=True, help="How often.")
@click.option("--logs", type=click.Path(path_type=Path), default=Path("build/loaded"), show_default=True)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def main(runs: int, logs: Path, arguments: tuple[str, ...]) -> None:
    """Run pytest with ARGUMENTS, RUNS times; exit with 1 if one of them failed."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # started in the background, it would be ignored
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    logs.mkdir(parents=True, exist_ok=True)
    failed = 0
    for number in range(1, runs + 1):
        log = logs / f"run-{number}.log"
        click.echo(f"run {number} of {runs}: {log}")
        start = time.monotonic()
        code, outcome = _run(arguments, log)
        failed += code != 0
        click.echo(f"run {number} of {runs}: {outcome or f'exit code {code}'} ({time.monotonic() - start:.0f} s)")
    click.echo(f"{runs - failed} of {runs} runs passed")
    sys.exit(min(failed, 1))


@contextlib.contextmanager
def _load() -> Iterator[None]:
    """A busy loop for each core. The kernel ends them with us, however we end."""
    command = ["nice", "-n", str(_NICE), sys.executable, "-c", _BUSY]
    loops = [subprocess.Popen(command, preexec_fn=die_with_parent()) for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()


def _run(arguments: tuple[str, ...], log: Path) -> tuple[int, str]:
    """pytest's exit code and its last line; what it says goes into `log`, line by line."""
    outcome = ""
    with log.open("w") as kept, _pytest(arguments) as process, _load():
        assert process.stdout is not None
        for line in process.stdout:
            kept.write(line)
            kept.flush()
            if _FAILED.match(line):
                click.echo(f"  {line.rstrip()}")
            outcome = found[1] if (found := _OUTCOME.match(line)) else outcome
    return process.returncode, outcome


@contextlib.contextmanager
def _pytest(arguments: tuple[str, ...]) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "pytest", "-v", "--color=no", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
        preexec_fn=die_with_parent(),
    ) as process:  # fmt: skip
        try:
            yield process
        except (KeyboardInterrupt, SystemExit) as why:
            if isinstance(why, SystemExit):  # Ctrl-C reaches pytest, too: it takes down what its tests started
                process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=_PATIENCE_S)
            process.kill()
            raise


if __name__ == "__main__":
    main()
