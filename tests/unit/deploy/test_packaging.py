"""Units and the container say what the rest of the tree says."""

from __future__ import annotations

import configparser
import re
import tomllib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from deploy.cli.main import cli

ROOT = Path(__file__).parents[3]
UNITS = sorted((ROOT / "deploy" / "systemd").glob("*.service"))


def options_of(command: str) -> str:
    return CliRunner().invoke(cli, [*command.split(), "--help"]).output


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_units_start_commands_that_exist_and_run_without_privileges(unit: Path) -> None:
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(unit.read_text())
    service = parser["Service"]
    words = service["ExecStart"].split()
    assert words[0].endswith("/bin/synchealth") and words[-1] == "/etc/synchealth/settings.toml"
    roles = ["producers", "streams", "sinks"] if "%i" in words else [""]
    for role in roles:
        command = " ".join(words[1:-2]).replace("%i", role)
        assert "--config" in options_of(command), command
    assert service["User"] == "synchealth" and service["NoNewPrivileges"] == "yes"


def test_the_container_has_every_package_of_the_distribution() -> None:
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]["find"]["include"]
    copied = re.findall(r"^COPY (\w+) \1$", (ROOT / "deploy" / "compose" / "Dockerfile").read_text(), re.MULTILINE)
    assert {name.rstrip("*") for name in packages} == set(copied)


def test_compose_mounts_files_that_exist_and_opens_nothing_to_the_network() -> None:
    file = ROOT / "deploy" / "compose" / "compose.yaml"
    services = yaml.safe_load(file.read_text())["services"]
    for name, service in services.items():
        assert "ports" not in service, name
        for volume in service["volumes"]:
            source = volume.partition(":")[0]
            if source.startswith(".."):
                assert (file.parent / source).exists(), source
    assert "0.0.0.0" not in file.read_text()
