"""The settings file is found without being named, and paths in it are relative to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from streams.contracts.errors import SettingsError
from streams.runtime import settings_path
from streams.runtime.settings import load_settings
from streams.runtime.settings_path import find_settings


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """An empty working directory, and where the system's file would be."""
    system = tmp_path / "etc" / "settings.toml"
    here = tmp_path / "here"
    here.mkdir()
    system.parent.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr(settings_path, "SYSTEM_FILE", system)
    return {"here": here / "settings.toml", "system": system}


def test_the_order(places: dict[str, Path]) -> None:
    with pytest.raises(SettingsError) as raised:
        find_settings(None, {})
    for word in ("SYNCHEALTH_CONFIG", str(places["here"]), str(places["system"]), "--config"):
        assert word in str(raised.value)
    places["system"].touch()
    assert find_settings(None, {}) == places["system"]
    places["here"].touch()
    found = find_settings(None, {})
    assert found is not None and found.absolute() == places["here"]
    assert find_settings(None, {"SYNCHEALTH_CONFIG": "/named"}) == Path("/named")
    assert find_settings(Path("/given"), {"SYNCHEALTH_CONFIG": "/named"}) == Path("/given")


def test_variables_alone_are_a_configuration(places: dict[str, Path]) -> None:
    assert find_settings(None, {"SYNCHEALTH_KAFKA__BOOTSTRAP_SERVERS": "k:9092"}) is None


def test_paths_are_relative_to_the_file(places: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "installation"
    folder.mkdir()
    (folder / "secret").write_text("s3cret\n")
    file = folder / "settings.toml"
    file.write_text(
        '[streams]\ndata_dir = "data"\n[[forest]]\nname = "corp"\ntenant = "t"\nservers = ["ldaps://dc1"]\n'
        'bind_user = "u"\nbind_password_file = "secret"\nca_file = "ca.pem"\n'
    )
    settings = load_settings(file, {})
    assert settings.streams.data_dir == folder / "data"
    assert settings.forest[0].ca_file == folder / "ca.pem"
    assert settings.forest[0].bind_password is not None
    assert settings.forest[0].bind_password.get_secret_value() == "s3cret"
