"""What is said to views, as tests write and read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
from msgspec import Raw

from streams.contracts.codec import encode
from streams.views.view import Entry


class Word(NamedTuple):
    """One contributor's word: when the change behind it happened (ms), and the body, or the document in it."""

    changed_ms: int
    body: Raw | Mapping[str, Any]


def body_of(document: Mapping[str, Any]) -> Raw:
    """The body of a contribution that says this."""
    return Raw(encode(document))


def said_in(body: Raw) -> Any:
    """The document in a body; None: it is a retraction's."""
    return msgspec.json.decode(body)


def heard_at(view: str, words: Mapping[str, Word]) -> dict[str, Entry]:
    """The words to a view, by contributor, as it hears them."""
    return {
        name: Entry(view, name, word.changed_ms, word.body if isinstance(word.body, Raw) else body_of(word.body))
        for name, word in words.items()
    }
