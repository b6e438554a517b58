"""One suite over two directories: the lab's and a Samba AD domain controller.

A test describes Windows Active Directory. Where Samba is known to behave otherwise, the test says so with
`samba_differs("why")`, which turns its Samba run into a strict expected failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from deploy.lab.directory.server import DirectoryServer
from deploy.lab.directory.store import DirectoryStore
from tests.support.directory import Directory, lab_directory
from tests.support.samba import samba_dc


@pytest.fixture(scope="session", params=["lab", pytest.param("samba", marks=pytest.mark.samba)])
def directory(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    """A running directory, shared by the whole suite: name what you create after your test."""
    if request.param == "samba":
        with samba_dc() as samba:
            yield Directory("samba", samba)
    else:
        with lab_directory(tmp_path_factory.mktemp("lab"), DirectoryServer(DirectoryStore())) as lab:
            yield lab


@pytest.fixture(autouse=True)
def _connections_end(request: pytest.FixtureRequest) -> Iterator[None]:
    used = [request.getfixturevalue(name) for name in ("directory", "lab") if name in request.fixturenames]
    yield
    for directory in used:
        directory.close_connections()


@pytest.fixture
def samba_differs(request: pytest.FixtureRequest, directory: Directory) -> Callable[[str], None]:
    """Call it with the reason where Samba is known not to do what Windows does."""

    def mark(reason: str) -> None:
        if directory.kind == "samba":
            request.applymarker(pytest.mark.xfail(reason=reason, strict=True))

    return mark
