"""The other side of channels over HTTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.receivers import Receiver, receiver


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Receiver]:
    with receiver(tmp_path_factory.mktemp("tls")) as found:
        yield found


@pytest.fixture
def there(server: Receiver) -> Receiver:
    server.requests.clear()
    server.answers.clear()
    server.usual = b"{}"
    return server
