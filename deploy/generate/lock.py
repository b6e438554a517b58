"""`make lock`: pin every package by version and hash, without saying where it came from.

requirements.lock holds what an installation runs, requirements-lab.lock the lab and the demo and what builds a wheel
in addition, requirements-dev.lock what tests and tools need on top. A package has one version in all of them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PRODUCTION, LAB, DEVELOPMENT = "requirements.lock", "requirements-lab.lock", "requirements-dev.lock"
_OPTIONS = (
    "--quiet", "--generate-hashes", "--allow-unsafe", "--strip-extras", "--no-header", "--no-annotate",
    "--no-emit-index-url", "--no-emit-trusted-host", "--no-emit-find-links",
)  # fmt: skip


def wanted(document: dict[str, object]) -> dict[str, list[str]]:
    """What pyproject.toml asks for, by lock file; each file holds what the one before it does, too."""
    project, build, groups = document["project"], document["build-system"], document["dependency-groups"]
    assert isinstance(project, dict) and isinstance(build, dict) and isinstance(groups, dict)
    production, extras = project["dependencies"], project["optional-dependencies"]
    lab = [*production, *extras["lab"], *build["requires"]]
    development = [*lab, *extras["graph-sdk"], *extras["postgresql"], *groups["dev"]]
    return {PRODUCTION: production, LAB: lab, DEVELOPMENT: development}


def main() -> None:
    """Write the lock files; what is pinned already stays unless `--upgrade` is given."""
    constraint: list[str] = []
    for name, requirements in wanted(tomllib.loads((ROOT / "pyproject.toml").read_text())).items():
        with tempfile.NamedTemporaryFile("w", suffix=".in", dir=ROOT) as source:
            source.write("\n".join([*requirements, *constraint]) + "\n")
            source.flush()
            command = [sys.executable, "-m", "piptools", "compile", *_OPTIONS, *sys.argv[1:], "-o", name, source.name]
            subprocess.run(command, cwd=ROOT, check=True)
        constraint = [f"-c {name}"]


if __name__ == "__main__":
    main()
