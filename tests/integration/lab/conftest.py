"""A running lab: two forests over LDAPS, Graph over HTTPS."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.lab.hybrid import build
from deploy.lab.services import LabServices, services
from deploy.lab.settings_file import write_settings


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[LabServices]:
    """A lab whose settings file is `tmp_path / "settings.toml"`; its Kafka does not exist."""
    with services(build(200), tmp_path / "tls") as running:
        write_settings(running, tmp_path / "settings.toml", kafka={"bootstrap_servers": ["127.0.0.1:1"]})
        yield running


@pytest.fixture
def config(lab: LabServices, tmp_path: Path) -> Path:
    return tmp_path / "settings.toml"
