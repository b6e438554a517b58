"""`make lock`: pin every package by version and hash, without saying where it came from.

requirements.lock holds what runs (with the lab), requirements-dev.lock what tests and tools need in addition.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

_ROOT = Path(__file__).parent.parent
_OPTIONS = (
    "--quiet", "--generate-hashes", "--allow-unsafe", "--strip-extras", "--no-header", "--no-annotate",
    "--no-emit-index-url", "--no-emit-trusted-host", "--no-emit-find-links",
)  # fmt: skip


def wanted(document: dict[str, object]) -> tuple[list[str], list[str]]:
    """The requirements of the running system (lab included), and of development on top of them."""
    project, build, groups = document["project"], document["build-system"], document["dependency-groups"]
    assert isinstance(project, dict) and isinstance(build, dict) and isinstance(groups, dict)
    extras = project["optional-dependencies"]
    runtime = [*build["requires"], *project["dependencies"], *extras["lab"]]
    return runtime, [*extras["graph-sdk"], *groups["dev"]]


def main() -> None:
    """Write both lock files; what is pinned already stays unless `--upgrade` is given."""
    runtime, development = wanted(tomllib.loads((_ROOT / "pyproject.toml").read_text()))
    for name, requirements in (
        ("requirements.lock", runtime),
        ("requirements-dev.lock", [*runtime, *development, "-c requirements.lock"]),
    ):
        with tempfile.NamedTemporaryFile("w", suffix=".in", dir=_ROOT) as source:
            source.write("\n".join(requirements) + "\n")
            source.flush()
            command = [sys.executable, "-m", "piptools", "compile", *_OPTIONS, *sys.argv[1:], "-o", name, source.name]
            subprocess.run(command, cwd=_ROOT, check=True)


if __name__ == "__main__":
    main()
