"""Whatever a test has the lab write into an event log must have the form of a golden sample."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from deploy.lab.sync.event_log import EventLog
from tests.support.lab_words import is_of_a_known_form


@pytest.fixture(autouse=True)
def real_words(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails the test whose lab writes an event in words that nobody else has published."""
    strange: dict[str, str] = {}
    forward = EventLog.forward

    def checked(log: EventLog, document: dict[str, Any]) -> None:
        if not is_of_a_known_form(document):
            strange[f"{document['winlog']['provider_name']}/{document['winlog']['event_id']}"] = document["message"]
        forward(log, document)

    monkeypatch.setattr(EventLog, "forward", checked)
    yield
    assert strange == {}
