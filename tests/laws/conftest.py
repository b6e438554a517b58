"""What holds for every organisation that the laws make."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.gates import gates_watched


@pytest.fixture(autouse=True, scope="module")
def gates_hold() -> Iterator[None]:
    """No gate silences its rule in any of them."""
    with gates_watched():
        yield
