"""How an object is called in findings."""

from __future__ import annotations

import pytest

from streams.contracts.facts import ObjectKind
from streams.directory.party import party_of
from streams.directory.state import ObjectState

GUID = "79ee7436-17f2-4d54-9265-4a7b97bb8126"


@pytest.mark.parametrize(
    ("attributes", "alive", "name"),
    [
        ({"displayName": "Ada Larsen", "userPrincipalName": "ada@contoso.com"}, True, "Ada Larsen (ada@contoso.com)"),
        ({"displayName": "Ada Larsen", "name": "alarsen"}, True, "Ada Larsen"),
        ({"name": "alarsen"}, True, "alarsen"),
        ({"name": f"Ada Larsen\nDEL:{GUID}"}, False, "Ada Larsen"),  # as AD names it from its deletion on
        ({"name": "PC1"}, False, "PC1"),
        ({}, True, GUID),
    ],
)
def test_an_object_is_called_as_people_know_it(attributes: dict[str, str], alive: bool, name: str) -> None:
    state = ObjectState(object_id=GUID, side="ad", tenant="t", kind=ObjectKind.USER, attributes=attributes, alive=alive)
    assert party_of(state, None, None).name == name
