"""The embedded broker for the worker's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from deploy.broker import Broker, tansu


@pytest.fixture(scope="session")
def tansu_broker() -> Iterator[Broker]:
    """The embedded broker."""
    with tansu() as broker:
        yield broker
