"""How tests are spread over the processes of pytest-xdist (`make test`)."""

from __future__ import annotations

import os

import pytest

_FIRST = ("e2e", "contract", "integration", "unit")
"""What takes longest begins first, so that no process is left alone with it at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file stays together, as its tests share brokers and directories; `apart` lets each test go its own way."""
    if any(_part(item) != "unit" for item in items):
        from tests.support import java

        os.environ.setdefault("JDK_JAVA_OPTIONS", java.options())
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return
    for item in items:
        if item.get_closest_marker("apart") is None and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.relative_to(item.config.rootpath).as_posix()))
    items.sort(key=lambda item: _FIRST.index(_part(item)))


def _part(item: pytest.Item) -> str:
    """The folder below `tests`."""
    return item.path.relative_to(item.config.rootpath).parts[1]
