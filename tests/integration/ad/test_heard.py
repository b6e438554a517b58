"""How far a forest has been read: said now and then, after what has been read, and not while a domain is away."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from producers.ad import watermark as heard
from streams.contracts.facts import FOREST_HEARD, ObjectKind
from streams.contracts.times import parse_rfc3339
from streams.runtime.clock import now_ms
from tests.integration.ad.conftest import Reading
from tests.support.samba import SambaDC


def test_it_is_said_after_what_was_read(
    directory: SambaDC, reading: Callable[..., Reading], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heard, "HEARD_S", 0.0)
    before_ms = now_ms()
    read = reading(directory)
    facts = read.drain()
    (first,) = [fact for fact in facts if fact.kind is ObjectKind.FOREST]
    assert facts[-1] is first and len(facts) > 1
    assert before_ms <= parse_rfc3339(str(first.attributes[FOREST_HEARD])) <= first.ts_ms

    directory.add_user("heard-of")
    (*news, second) = read.drain()
    assert any(fact.attributes.get("sAMAccountName") == "heard-of" for fact in news)
    assert second.object_id == first.object_id and second.seq > max(fact.seq for fact in news)
    assert parse_rfc3339(str(second.attributes[FOREST_HEARD])) > parse_rfc3339(str(first.attributes[FOREST_HEARD]))


def test_a_forest_says_that_it_was_read_whole_with_the_last_page_and_not_before(
    directory: SambaDC, reading: Callable[..., Reading], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = reading(directory).source
    batches = [source.read()]
    while batches[-1].more:
        batches.append(source.read())
    assert [bool(batch.watermarks) for batch in batches] == [False] * (len(batches) - 1) + [True]
    assert source.read().watermarks == [], "once a minute is enough"


def test_it_is_rarely_said(directory: SambaDC, reading: Callable[..., Reading]) -> None:
    assert [fact for fact in reading(directory).drain() if fact.kind is ObjectKind.FOREST] == []
