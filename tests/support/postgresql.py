"""A PostgreSQL server of Debian's package for tests: fresh, on loopback, gone at the end."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.parts import missing_part

_USER = "postgres"


def binaries() -> Path | None:
    """The folder with initdb and pg_ctl, which Debian keeps out of PATH; None where it is not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    return found[-1].parent if found else None


@contextmanager
def postgresql() -> Iterator[str]:
    """The URL of a database `history`. PostgreSQL refuses to run as root: then it runs as the package's user."""
    tools = binaries() or missing_part("PostgreSQL is missing: apt-get install postgresql")
    folder = Path(tempfile.mkdtemp(prefix="synchealth-postgresql-"))
    as_owner: list[str] = []
    if os.geteuid() == 0:
        shutil.chown(folder, _USER)
        as_owner = ["runuser", "-u", _USER, "--"]
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    def run(*command: str) -> None:
        subprocess.run([*as_owner, *command], check=True, capture_output=True, cwd="/")

    data = folder / "data"
    encoding = ("-E", "UTF8", "--locale=C.UTF-8")
    run(str(tools / "initdb"), "-D", str(data), "-U", _USER, "-A", "trust", *encoding, "--no-sync")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -k {folder} -c fsync=off"
    run(str(tools / "pg_ctl"), "-D", str(data), "-l", str(folder / "log"), "-w", "-t", "120", "-o", options, "start")
    try:
        run(str(tools / "createdb"), "-h", "127.0.0.1", "-p", str(port), "-U", _USER, "history")
        yield f"postgresql://{_USER}@127.0.0.1:{port}/history"
    finally:
        run(str(tools / "pg_ctl"), "-D", str(data), "-m", "immediate", "-w", "stop")
        shutil.rmtree(folder)
