"""A forest that is synchronised to several tenants is read once and told to each; who is new hears everything, and
everybody does where the scope is another.
"""

from __future__ import annotations

from typing import Any

import pytest

from producers.ad.source import ActiveDirectorySource
from producers.source import Batch
from streams.contracts.checkpoint import Checkpoint
from streams.runtime.settings import ForestSettings
from tests.support.pipeline import TENANT
from tests.support.small_world import settings_of

NETWORK: dict[str, Any] = {"servers": ["ldaps://dc"], "bind_user": "u", "bind_password": "p"}
POSITION = Checkpoint(source="ad/x", part="position/DC=x", seq=9, ts_ms=1, position={"cookie": "AA=="})
KNOWN = Checkpoint(source="ad/x", part="known/00", seq=9, ts_ms=1, position={"ids": ""})


def first_batch(monkeypatch: pytest.MonkeyPatch, saved: list[Checkpoint], *tenants: str, scope: str = "") -> Batch:
    forest = ForestSettings(name="x", tenant=tenants[0], tenants=list(tenants), **NETWORK)
    source = ActiveDirectorySource(forest, scope=scope)
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


def test_everybody_is_told_again_where_the_scope_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    batch = first_batch(monkeypatch, [POSITION, KNOWN], "a", scope="new")
    assert list(said(batch).items()) == [("position/DC=x", {}), ("scope", {"scope": "new"})]
    by_new = Checkpoint(source="ad/x", part="scope", seq=9, ts_ms=1, position={"scope": "new"})
    assert said(first_batch(monkeypatch, [POSITION, by_new], "a", scope="new")) == {}
    assert said(first_batch(monkeypatch, [POSITION, by_new], "a")) == {"position/DC=x": {}, "scope": {"scope": ""}}
    both = first_batch(monkeypatch, [POSITION, by_new, told("a", "b")], "a", "b", "c", scope="newer")
    assert list(said(both)) == ["position/DC=x", "tenants", "scope"]


@pytest.mark.parametrize(
    "said",
    [{"include_ous": ["OU=A,DC=x"]}, {"exclude_ous": ["OU=A,DC=x"]}, {"scope_groups": []}, {"default_filters": False},
     {"scope_groups": ["CN=A,DC=x"]}, {"cloud_sync_ous": ["DC=x"]}, {"hybrid_join": True},
     {"scope": [{"tenant": TENANT}]}, {"scope": [{"tenant": TENANT, "scope_groups": ["CN=A,DC=x"]}]}],
    ids=str,
)  # fmt: skip
def test_what_decides_who_is_synchronised_makes_another_word(said: dict[str, Any]) -> None:
    settings, plain = settings_of({"name": "x", **said}), settings_of({"name": "x"})
    assert plain.scope_word(plain.forest[0]) == ""
    assert len(settings.scope_word(settings.forest[0])) == 12


def test_what_does_not_makes_none() -> None:
    settings = settings_of({"name": "x", "poll_interval_s": 9, "servers": ["ldaps://other"]})
    assert settings.scope_word(settings.forest[0]) == ""
    words = {
        one.scope_word(one.forest[0])
        for units in (["OU=A,DC=x", "OU=B,DC=x"], ["OU=B,DC=x", "OU=A,DC=x"])
        for one in [settings_of({"name": "x", "include_ous": units})]
    }
    assert len(words) == 1


def test_which_tenant_has_what_only_one_may_have_is_part_of_it() -> None:
    words = {
        one.scope_word(one.forest[0])
        for home in ("a", "b")
        for one in [settings_of({"name": "x", "tenant": home, "tenants": ["a", "b"]})]
    }
    assert len(words) == 2


def test_by_what_people_are_joined_is_part_of_it() -> None:
    tenant = {"id": TENANT, "client_id": "c", "client_secret": "s"}
    words = set()
    for joined_by in ("", "mail", "objectSid"):
        settings = settings_of({"name": "x"}, tenant=[tenant | {"users_joined_by": joined_by}])
        words.add(settings.scope_word(settings.forest[0]))
    assert len(words) == 3
