"""One new detection is three files and nothing else: CONTRIBUTING says so, and this holds it to that."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.generate.new_detection import write

ROOT = Path(__file__).parents[2]
NEW = "capacity.thrown_away"
GENERATORS = ("deploy.prometheus.build", "deploy.alertmanager.build", "grafana.build", "deploy.generate.catalogue")


@pytest.mark.slow
def test_a_new_one_passes_and_is_wired_everywhere(tmp_path: Path) -> None:
    copied = subprocess.run(
        ["git", "ls-files", "-coz", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True, text=True
    ).stdout
    for name in filter(None, copied.split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
    before = {path: path.read_bytes() for path in (tmp_path / "streams").rglob("*.py")}

    run(tmp_path, "deploy.generate.new_detection", NEW)
    for generator in GENERATORS:
        run(tmp_path, generator)
    run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "tests/contract/test_detections.py", "-k", "thrown_away")
    run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "tests/unit/deploy/lab/test_stories.py")

    changed = [path for path in (tmp_path / "streams").rglob("*.py") if before.get(path) != path.read_bytes()]
    assert [path.relative_to(tmp_path).as_posix() for path in changed] == ["streams/detections/capacity/thrown_away.py"]
    for generated in ("streams/detections/CATALOGUE.md", "deploy/prometheus/rules"):  # panels go by family and label
        assert mentioned(tmp_path / generated), f"{generated} does not know it"


def run(copy: Path, module: str, *arguments: str) -> None:
    """Run a module of the copy; the installed project is behind it in the way of imports."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=copy,
        env=os.environ | {"PYTHONPATH": str(copy)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{module}: {done.stdout[-3000:]}\n{done.stderr[-3000:]}"


def mentioned(place: Path) -> bool:
    files = place.rglob("*") if place.is_dir() else [place]
    return any("thrown_away" in path.read_text() for path in files if path.is_file())


@pytest.mark.parametrize("name", ["", "nofamily", "Capacity.x", "unheard_of.x", "capacity.group_too_large", "../x.y"])
def test_what_cannot_be_made_is_refused(name: str) -> None:
    with pytest.raises(SystemExit, match=r"no <family>|take one of|there already"):
        write(name)
