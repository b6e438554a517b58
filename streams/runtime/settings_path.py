"""Which settings file is meant where none is named."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from streams.contracts.errors import SettingsError

CONFIG_VARIABLE = "SYNCHEALTH_CONFIG"
SYSTEM_FILE = Path("/etc/synchealth/settings.toml")
HERE = Path("settings.toml")


def find_settings(named: Path | None, environment: Mapping[str, str] = os.environ) -> Path | None:
    """The named file, else that of SYNCHEALTH_CONFIG, else ./settings.toml, else /etc/synchealth/settings.toml.

    None where there is no file but environment variables hold settings. Raises SettingsError, naming what was looked
    for, where there is nothing at all.
    """
    if named is not None:
        return named
    variable = environment.get(CONFIG_VARIABLE)
    if variable:
        return Path(variable)  # if it is absent, the error about that is the right one
    for file in (HERE, SYSTEM_FILE):
        if file.is_file():
            return file
    if any(name.startswith("SYNCHEALTH_") and "__" in name for name in environment):
        return None
    fault = (
        f"no settings file: {CONFIG_VARIABLE} is not set, and there is neither {HERE.absolute()} nor {SYSTEM_FILE}; "
        "name one with --config (deploy/settings.example.toml shows every key)"
    )
    raise SettingsError([fault])
