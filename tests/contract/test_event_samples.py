"""Event samples are read as they are shipped; what is not read right yet is listed here, and nowhere else."""

from __future__ import annotations

import pytest

from tests.support import event_samples as samples

# Sample -> the part of the readers that owes it. Strict: who mends one takes its line out.
OWED: dict[str, str] = {}


def _marked(name: str) -> object:
    owner = OWED.get(name)
    return name if owner is None else pytest.param(name, marks=pytest.mark.xfail(strict=True, reason=owner))


@pytest.mark.parametrize("name", [_marked(name) for name in samples.names()])
def test_a_sample_is_read(name: str) -> None:
    assert samples.read(name) == samples.expected(name)


def test_what_is_owed_are_samples() -> None:
    assert OWED.keys() <= set(samples.names())


@pytest.mark.parametrize("name", samples.windows_events())
def test_a_windows_event_says_where_and_when(name: str) -> None:
    document = samples.sample(name)
    for event in samples.winlogbeat_events(document, samples.TENANT, 7):
        assert event.ts_ms == 1_795_426_267_123 and event.seen_ms == 7 and event.log == "windows"
        assert event.server == document["winlog"]["computer_name"].lower().partition(".")[0]
        assert event.details["channel"] == document["winlog"]["channel"]
        computer = document["winlog"]["computer_name"].lower()
        assert event.id.startswith(f"{computer}/{event.details['channel']}/{document['winlog']['record_id']}")
