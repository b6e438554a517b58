"""The JSON of an answer, and of one in which something cannot be read: that item is lost then, and not its page.

orjson refuses what RFC 8259 does not have (NaN, Infinity), what no text can hold (a lone surrogate), numbers beyond a
double, and depths beyond 1024. One such value anywhere refused the whole page, as often as it was asked for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from streams.contracts.codec import NotJsonError, load_document

# Possessive: a string without an end is looked at once.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[\]{},:]', re.DOTALL)
_ID = re.compile(rb'"id"\s{0,5}:\s{0,5}"([0-9A-Za-z_-]{1,100})"')


class UnreadableItem(dict[str, Any]):
    """Stands in the place of an item that cannot be read; `raw`: its bytes, `fault`: what is wrong with them."""

    def __init__(self, raw: bytes, fault: str) -> None:
        named = _ID.search(raw)
        super().__init__({"id": named[1].decode()} if named else {})
        self.raw = raw
        self.fault = fault


def read_page(content: bytes) -> Any:
    """The document in `content`; entries of its "value" that cannot be read are UnreadableItems.

    Raises ValueError if it cannot be read beside its entries either: it is cut, or no JSON.
    """
    try:
        return load_document(content)
    except NotJsonError as error:
        whole = error
    spans = list(_items(content))
    if not spans:
        raise whole
    document = load_document(content[: spans[0][0]] + content[spans[-1][1] :])
    document["value"] = [_item(content[start:end]) for start, end in spans if content[start:end].strip()]
    return document


def _item(raw: bytes) -> Any:
    try:
        return load_document(raw)
    except NotJsonError as error:
        return UnreadableItem(raw.strip(), str(error))


def _items(content: bytes) -> Iterator[tuple[int, int]]:
    """Where the entries of the outermost object's "value" stand, by its brackets alone; nothing if there is no end."""
    depth, text, key, start = 0, b"", b"", -1
    found: list[tuple[int, int]] = []
    for token in _TOKEN.finditer(content):
        sign = token[0]
        if start >= 0 and depth == 2 and sign in (b",", b"]"):
            found.append((start, token.start()))
            start = token.end()
            if sign == b"]":
                yield from found
                return
        elif sign in (b"{", b"["):
            depth += 1
            if depth == 2 and sign == b"[" and key == b'"value"':
                start = token.end()
        elif sign in (b"}", b"]"):
            depth -= 1
        elif depth == 1:
            key = text if sign == b":" else b""
            text = sign if sign.startswith(b'"') else b""
