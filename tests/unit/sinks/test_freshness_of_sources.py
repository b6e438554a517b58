"""How long ago a source heard the other side, where its clock is wrong."""

from __future__ import annotations

import pytest

from sinks.freshness import SourceFreshness
from sinks.freshness_source import last_contact_in
from streams.contracts.checkpoint import Checkpoint, contact_record

NOW = 1_790_000_000_000


@pytest.mark.parametrize("ahead_ms", [-86_400_000, -20_000, 0, 200_000, 3_600_000])
def test_a_source_whose_clock_is_wrong_is_as_silent_as_any(ahead_ms: int) -> None:
    said_ms = NOW + ahead_ms
    word = contact_record("ad/corp", contact_ms=said_ms - 10_000, ts_ms=said_ms, phase="streaming", done=1)
    source = SourceFreshness("ad/corp", 15.0, last_contact_in(word, NOW))
    assert source.fault(NOW) is None
    assert source.fault(NOW + 49_000) is None
    assert source.fault(NOW + 51_000) == "ad/corp was last heard 61 s ago"


def test_a_source_that_is_to_tell_again_what_was_lost_gives_no_all_clear() -> None:
    for owes in (True, False):
        orders = ["ad/corp"] if owes else []
        word = contact_record("ad/corp", contact_ms=NOW, ts_ms=NOW, phase="streaming", done=1, orders=orders)
        fault = SourceFreshness("ad/corp", 15.0, last_contact_in(word, NOW)).fault(NOW)
        assert (fault is not None and "tell everything again" in fault) is owes


def test_who_never_answered_is_not_heard_whatever_the_clock() -> None:
    word = contact_record("ad/corp", contact_ms=0, ts_ms=NOW, phase="streaming", done=1)
    assert SourceFreshness("ad/corp", 15.0, last_contact_in(word, NOW)).fault(NOW) == "ad/corp does not answer"


@pytest.mark.parametrize("contact_ms", [2**200, -(2**200), 4_070_908_800_000])
def test_a_contact_of_no_calendar_is_no_later_than_its_word(contact_ms: int) -> None:
    word = Checkpoint(source="contact", seq=0, ts_ms=NOW, position={"contact_ms": contact_ms, "phase": "x", "done": 0})
    assert 1 <= last_contact_in(word, NOW).contact_ms <= NOW
