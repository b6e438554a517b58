"""How tests are spread over the processes of pytest-xdist (`make test`), and that none changes the logs of the next."""

from __future__ import annotations

import gc
import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest
import structlog

_FIRST = ("e2e", "integration", "lab", "contract", "laws", "unit")
"""What waits for others begins before what computes, `slow` tests of each first: no process is alone at the end."""


@pytest.fixture(autouse=True)
def logs_as_they_were() -> Iterator[None]:
    """Who configures logs (a command called here, a simulation) does so until its test ends."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def pytest_configure(config: pytest.Config) -> None:
    """A logger that is cached keeps what was configured when it first spoke: `capture_logs` would see nothing of it.

    The order is ours: pytest-xdist would have files of many tests first, and single tests of minutes last.
    """
    config.option.loadscopereorder = False
    configure = structlog.configure

    def uncached(**options: Any) -> None:
        configure(**{**options, "cache_logger_on_first_use": False})

    pytest.MonkeyPatch().setattr(structlog, "configure", uncached)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """After a failure, no Kafka client outlives its file: its thread draws from `random`, which Hypothesis refuses."""
    yield
    if item.session.testsfailed and (nextitem is None or nextitem.path != item.path):
        from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer

        for client in [
            one for one in gc.get_objects() if type(one) in {KafkaAdminClient, KafkaConsumer, KafkaProducer}
        ]:
            client.close()


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
    items.sort(key=lambda item: (_FIRST.index(_part(item)), item.get_closest_marker("slow") is None))


def _part(item: pytest.Item) -> str:
    """The folder below `tests`."""
    return item.path.relative_to(item.config.rootpath).parts[1]
