"""An action as a stranger may have written it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from streams.contracts.actions import Acknowledge, Action, key_of
from streams.contracts.codec import encode
from streams.contracts.entries import ActionTombstone, Unreadable, entry_of
from streams.contracts.topics import ACTIONS

GOOD = Action(
    id="action-1", finding="0123456789abcdef", opened_ms=1, at_ms=2, who="ada", known_by="word", channel="page",
    address="127.0.0.1", what=Acknowledge(),
)  # fmt: skip
KEY = key_of(GOOD).encode()


def test_an_action_is_read_under_its_own_key_alone() -> None:
    assert entry_of(ACTIONS.name, KEY, encode(GOOD)) == GOOD
    for key in (None, b"", b"0123456789abcdef", b"0123456789abcdef/action-2", b"\xff"):
        entry = entry_of(ACTIONS.name, key, encode(GOOD))
        assert isinstance(entry, Unreadable)
        assert entry.reason == "wrong_key"


def test_a_tombstone_names_what_goes() -> None:
    assert entry_of(ACTIONS.name, KEY, None) == ActionTombstone("0123456789abcdef", "action-1")
    for key in (None, b"", b"/", b"x", b"\xff/"):
        assert isinstance(entry_of(ACTIONS.name, key, None), Unreadable)


WRONG: list[dict[str, Any]] = [
    {"id": "short"},
    {"id": "x" * 65},
    {"id": "action/1\n"},
    {"id": "action-1\n"},
    {"finding": "../../etc/passwd"},
    {"finding": "0123456789ABCDEF"},
    {"opened_ms": -1},
    {"at_ms": 1 << 62},
    {"at_ms": "today"},
    {"who": ""},
    {"who": "x" * 257},
    {"known_by": "magic"},
    {"channel": "telepathy"},
    {"address": "x" * 257},
    {"what": {"do": "delete"}},
    {"what": {}},
    {"what": {"do": "comment", "text": ""}},
    {"what": {"do": "comment", "text": "x" * 4001}},
    {"what": {"do": "assign", "owner": "x" * 257}},
    {"what": {"do": "assign"}},
    {"what": {"do": "accept", "until_ms": 5}},
    {"what": {"do": "accept", "until_ms": 1e30, "reason": "x"}},
    {"what": {"do": "accept", "until_ms": 5, "reason": ""}},
    *(
        {"what": {"do": "link_ticket", "system": "s", "key": "k", "url": url}}
        for url in (
            "javascript:alert(1)", "data:text/html,x", "//evil.example", "https://a b", 'https://a"onclick="x',
            "https://a\n", "ftp://a", "https://" + "x" * 2000,
        )
    ),
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_what_has_no_right_shape_is_refused(wrong: dict[str, Any]) -> None:
    value = encode({**msgspec.to_builtins(GOOD), **wrong})
    entry = entry_of(ACTIONS.name, KEY, value)
    assert isinstance(entry, Unreadable)
    assert entry.reason == "wrong_shape"
