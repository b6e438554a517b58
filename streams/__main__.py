"""`python -m streams --config FILE [--worker N]`: one worker, until SIGTERM."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from streams.contracts.errors import SettingsError
from streams.runtime.settings import load_settings


def main() -> None:
    """Parse, load the settings, run."""
    parser = argparse.ArgumentParser(prog="python -m streams", description="Run one correlating worker.")
    parser.add_argument("--config", type=Path, help="settings file (TOML); environment overrides apply")
    parser.add_argument("--worker", type=int, default=0, help="number of this worker on this machine")
    arguments = parser.parse_args()
    try:
        settings = load_settings(arguments.config)
    except SettingsError as error:
        sys.exit(f"The configuration has faults:\n{error}")
    from streams.app import run  # only now: Faust takes a second to import

    run(settings, arguments.worker)


if __name__ == "__main__":
    main()
