"""The forest view: service connection point and account of seamless single sign-on, neither in the other's way."""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from streams.contracts.facts import FOREST_HEARD, FOREST_KEYWORDS, ObjectKind
from streams.directory.scope import Scope
from streams.directory.state import ObjectState
from streams.views.contributions import contributions_of
from streams.views.installation.forest_view import ForestView
from tests.support.cases import guid_of, sid_of
from tests.support.pipeline import TENANT
from tests.support.words import Word, heard_at, said_in

KEY = f"forest/{TENANT}/corp"
_SET_MS = 1_790_000_000_000
ACCOUNT = {
    "sAMAccountName": "AZUREADSSOACC$",
    "name": "AZUREADSSOACC",
    "distinguishedName": "CN=AZUREADSSOACC,CN=Computers,DC=corp",
    "objectSid": sid_of("sso"),
    "userAccountControl": 4096,
    "pwdLastSet": (_SET_MS + 11_644_473_600_000) * 10_000,
}


def _state(kind: ObjectKind, attributes: dict[str, Any], name: str = "sso", *, alive: bool = True) -> ObjectState:
    return ObjectState(
        object_id=guid_of(name), side="ad", tenant=TENANT, forest="corp", kind=kind, attributes=attributes, alive=alive
    )


def _said(state: ObjectState) -> Raw:
    said = contributions_of(state, Scope(hybrid_join=True))
    assert list(said) == [KEY], "it is no computer that could join"
    return said[KEY]


def _build(**bodies: Raw) -> ForestView:
    return ForestView.build(KEY, heard_at(KEY, {f"ad/{name}": Word(1, body) for name, body in bodies.items()}))


def test_the_account_speaks_to_its_forest_only() -> None:
    view = _build(a=_said(_state(ObjectKind.DEVICE, ACCOUNT)))
    assert view.sso is not None
    assert (view.sso.password_set_ms, view.sso.enabled, view.sso.deleted) == (_SET_MS, True, False)
    assert not view.read, "an account is no reading of the service connection point"


def test_the_service_connection_point_is_found_beside_the_account() -> None:
    scp = {"distinguishedName": "CN=Configuration,DC=corp", FOREST_KEYWORDS: [f"azureADId:{TENANT}"]}
    point = _said(_state(ObjectKind.FOREST, scp, "forest"))
    for view in (
        _build(a=_said(_state(ObjectKind.DEVICE, ACCOUNT)), b=point),
        _build(b=point, z=_said(_state(ObjectKind.DEVICE, ACCOUNT))),
    ):
        assert view.tenant_ids == (TENANT,)
        assert view.expected
        assert view.sso is not None


def test_a_living_account_counts_before_a_deleted_one() -> None:
    alive = _said(_state(ObjectKind.DEVICE, ACCOUNT))
    dead = _said(_state(ObjectKind.DEVICE, ACCOUNT, alive=False))
    assert said_in(dead)["deleted"], "the stream forgets it when the view may"
    view = _build(a=alive, b=dead)
    assert view.sso is not None
    assert not view.sso.deleted
    gone = _build(b=dead).sso
    assert gone is not None
    assert gone.deleted


def test_how_far_was_read_says_nothing_of_the_forest_and_is_told_to_who_asks() -> None:
    scp = {"distinguishedName": "CN=Configuration,DC=corp", FOREST_KEYWORDS: [f"azureADId:{TENANT}"]}
    point = _said(_state(ObjectKind.FOREST, scp, "forest"))
    heard = _said(_state(ObjectKind.FOREST, {FOREST_HEARD: "2026-09-21T14:13:20Z"}, "heard"))
    words = {"ad/f": Word(1, point), "ad/h": Word(9, heard), "asks/user/t/x": Word(7, {"asker": "user/t/x"})}
    view = ForestView.build(KEY, heard_at(KEY, words))
    assert (view.read_until_ms, view.changed_ms, view.tenant_ids) == (1_790_000_000_000, 1, (TENANT,))
    [told] = view.derived()
    assert (told.view, said_in(told.body)) == ("user/t/x", {"heard_ms": 1_790_000_000_000})
    del words["ad/h"]
    silent = ForestView.build(KEY, heard_at(KEY, words))
    assert list(silent.derived()) == [], "a source that never says so is not waited for"
