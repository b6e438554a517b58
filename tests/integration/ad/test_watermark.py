"""How far a forest has been read: said now and then, after what has been read, and not while a domain is away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from producers.ad import source as active_directory
from producers.source import Batch
from streams.runtime.clock import now_ms
from tests.integration.ad.conftest import Reading
from tests.support.samba import SambaDC


def pages(read: Reading) -> list[Batch]:
    """The batches until there is no more to read now."""
    batches = [read.step()]
    while batches[-1].more:
        batches.append(read.step())
    return batches


def test_it_is_said_after_what_was_read(
    directory: SambaDC, reading: Callable[..., Reading], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active_directory, "READ_UNTIL_S", 0.0)
    before_ms = now_ms()
    read = reading(directory)
    batches = pages(read)
    assert [batch.read_until is None for batch in batches] == [True] * (len(batches) - 1) + [False]
    first = batches[-1].read_until
    assert first is not None and before_ms <= first.read_until_ms <= first.ts_ms
    assert len(read.facts) > 1 and first.seq > max(fact.seq for fact in read.facts)

    directory.add_user("heard-of")
    last = pages(read)[-1]
    assert any(fact.attributes.get("sAMAccountName") == "heard-of" for fact in read.facts)
    assert last.read_until is not None and last.read_until.seq > max(fact.seq for fact in read.facts)
    assert last.read_until.read_until_ms > first.read_until_ms


def test_a_forest_says_that_it_was_read_whole_with_the_last_page_and_not_before(
    directory: SambaDC, reading: Callable[..., Reading]
) -> None:
    read = reading(directory)
    batches = pages(read)
    assert [bool(batch.watermarks) for batch in batches] == [False] * (len(batches) - 1) + [True]
    assert read.source.read().watermarks == [], "once a minute is enough"


def test_it_is_rarely_said(directory: SambaDC, reading: Callable[..., Reading]) -> None:
    assert all(batch.read_until is None for batch in pages(reading(directory)))
