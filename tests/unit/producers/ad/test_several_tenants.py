"""A forest that is synchronised to several tenants is read once and told to each; who is new hears everything."""

from __future__ import annotations

from typing import Any

import pytest

from producers.ad.source import ActiveDirectorySource
from producers.source import Batch
from streams.contracts.checkpoint import Checkpoint
from streams.runtime.settings import ForestSettings

NETWORK: dict[str, Any] = {"servers": ["ldaps://dc"], "bind_user": "u", "bind_password": "p"}
POSITION = Checkpoint(source="ad/x", part="position/DC=x", seq=9, ts_ms=1, position={"cookie": "AA=="})
KNOWN = Checkpoint(source="ad/x", part="known/00", seq=9, ts_ms=1, position={"ids": ""})


def first_batch(monkeypatch: pytest.MonkeyPatch, saved: list[Checkpoint], *tenants: str) -> Batch:
    forest = ForestSettings(name="x", tenant=tenants[0], tenants=list(tenants), **NETWORK)
    source = ActiveDirectorySource(forest)
    monkeypatch.setattr(source, "_find_contexts", lambda: setattr(source, "_look_at", float("inf")))
    source.restore(saved)
    batch = source.read()
    assert not source.read().checkpoints  # said once
    source.close()
    return batch


def said(batch: Batch) -> dict[str, dict[str, Any]]:
    return {each.part: each.position for each in batch.checkpoints}


def told(*tenants: str) -> Checkpoint:
    return Checkpoint(source="ad/x", part="tenants", seq=9, ts_ms=1, position={"tenants": list(tenants)})


def test_facts_and_watermarks_go_to_each(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = first_batch(monkeypatch, [], "a", "b")
    assert [origin.tenant for origin in batch.beside] == ["b"]
    assert [mark.origin.tenant for mark in batch.watermarks] == ["a", "b"]
    assert {mark.source for mark in batch.watermarks} == {"ad/x"}


def test_who_has_one_tenant_writes_nothing_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(first_batch(monkeypatch, [POSITION, KNOWN], "a")) == {}


def test_a_tenant_that_is_new_hears_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its position a naming context is read in full; what is known stays, so that deletions are seen."""
    batch = first_batch(monkeypatch, [POSITION, KNOWN], "a", "b")
    assert list(said(batch).items()) == [("position/DC=x", {}), ("tenants", {"tenants": ["a", "b"]})]
    again = first_batch(monkeypatch, [POSITION, KNOWN, told("a", "b")], "a", "b", "c")
    assert list(said(again).items()) == [("position/DC=x", {}), ("tenants", {"tenants": ["a", "b", "c"]})]


@pytest.mark.parametrize("odd", ["a", 7, [["a"], {}], None])
def test_a_word_that_cannot_be_read_is_none(monkeypatch: pytest.MonkeyPatch, odd: Any) -> None:
    word = Checkpoint(source="ad/x", part="tenants", seq=9, ts_ms=1, position={"tenants": odd})
    assert "position/DC=x" in said(first_batch(monkeypatch, [POSITION, word], "a", "b"))


def test_who_has_heard_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(first_batch(monkeypatch, [POSITION, told("a", "b")], "a", "b")) == {}
    left = first_batch(monkeypatch, [POSITION, told("a", "b")], "a")
    assert said(left) == {"tenants": {"tenants": ["a"]}}  # who comes back is new
