"""A copy of the project to add files to, and to run: what a contributor's first edit leads to."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def copy_of_the_project(place: Path) -> Path:
    """Every file that git would keep, in `place`."""
    listed = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=_ROOT, capture_output=True, check=True, text=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        if (_ROOT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(_ROOT / name, place / name)
    return place


def run_in(copy: Path, *arguments: str) -> str:
    """Run Python in the copy and return what it prints; the installed project is behind it in the way of imports.

    AssertionError where it fails, with what it said.
    """
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{arguments}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout
