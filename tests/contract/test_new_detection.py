"""One new detection is three files and nothing else: CONTRIBUTING says so, and this holds it to that."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.generate.new_detection import write
from tests.support.scratch import copy_of_the_project, run_in

NEW = "capacity.thrown_away"
GENERATORS = ("deploy.prometheus.build", "deploy.alertmanager.build", "grafana.build", "deploy.generate.catalogue")


@pytest.mark.slow
def test_a_new_one_passes_and_is_wired_everywhere(tmp_path: Path) -> None:
    copy_of_the_project(tmp_path)
    before = {path: path.read_bytes() for path in (tmp_path / "streams").rglob("*.py")}

    run_in(tmp_path, "-m", "deploy.generate.new_detection", NEW)
    for generator in GENERATORS:
        run_in(tmp_path, "-m", generator)
    tests = "tests/contract/test_detections.py", "tests/unit/deploy/lab/test_stories.py"
    run_in(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests[0], "-k", "thrown_away")
    run_in(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests[1])

    changed = [path for path in (tmp_path / "streams").rglob("*.py") if before.get(path) != path.read_bytes()]
    assert [path.relative_to(tmp_path).as_posix() for path in changed] == ["streams/detections/capacity/thrown_away.py"]
    for generated in ("streams/detections/CATALOGUE.md", "deploy/prometheus/rules"):  # panels go by family and label
        assert mentioned(tmp_path / generated), f"{generated} does not know it"


def mentioned(place: Path) -> bool:
    files = place.rglob("*") if place.is_dir() else [place]
    return any("thrown_away" in path.read_text() for path in files if path.is_file())


@pytest.mark.parametrize("name", ["", "nofamily", "Capacity.x", "unheard_of.x", "capacity.group_too_large", "../x.y"])
def test_what_cannot_be_made_is_refused(name: str) -> None:
    with pytest.raises(SystemExit, match=r"no <family>|take one of|there already"):
        write(name)
