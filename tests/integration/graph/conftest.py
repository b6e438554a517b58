from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.lab.certificates import Certificates
from deploy.lab.entra.delta_pages import PageLimits
from deploy.lab.entra.generate import fill
from tests.support.graph_lab import GraphLab, certificates_in, graph_lab


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return certificates_in(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def lab(certificates: Certificates) -> Iterator[GraphLab]:
    """Two hundred objects on pages of forty, so that every round has several."""
    with graph_lab(certificates, PageLimits(objects=40, members=15)) as running:
        fill(running.tenant, 200)
        yield running


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A CA bundle in the environment must not matter: it points nowhere."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "missing.pem"))
