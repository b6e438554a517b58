"""Makes samples worse, knowing their structure: types swapped, keys doubled, numbers huge, texts hostile, ends cut."""

from __future__ import annotations

import copy
import json
import random
from typing import Any

ODD: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 2**70, 10**300, 1.5, -0.0, 1e308,
    [], {}, [[]], [None], [{}], {"": None}, "", " ", "x", "never", "0", "-1", "99999999999999999999", "NaN", "1e400",
    "\x00", "\x1b[2J", "\u202e", "\ufeff", "İ", "ß", "😀", "\ud800", "\udfff\ud800", "x" * 70_000, "٣", "²",
    "2026-11-22T14:05:09Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.9999999Z", "2026-02-30T25:61:61Z",
    "20261122140509.0Z", "/Date(1790000000000)/", "00000000-0000-0000-0000-000000000000", "S-1-5-21-1-2-3-4",
    "CN=a,DC=b", "<GUID=", "%%1234", "{" * 100, "\\", '"', "</Data>", "=cmd()",
)  # fmt: skip


def worse(sample: Any, chance: random.Random) -> Any:
    """A copy of a document with one to a few things wrong."""
    document = copy.deepcopy(sample)
    for _ in range(chance.choice([1, 1, 1, 2, 3, 8])):
        document = _once(document, chance)
    return _deep(document, chance) if chance.random() < 0.05 else document


def _deep(document: Any, chance: random.Random) -> Any:
    """The document with one of its entries far below where it belongs."""
    key = chance.choice(list(document)) if isinstance(document, dict) and document else None
    deep = document if key is None else document[key]
    for _ in range(chance.choice([10, 200, 900])):
        deep = [deep] if chance.random() < 0.5 else {"a": deep}
    return deep if key is None else {**document, key: deep}


def _once(document: Any, chance: random.Random) -> Any:
    holders = [(None, None)]
    stack = [document]
    while stack:
        item = stack.pop()
        entries = item.items() if isinstance(item, dict) else enumerate(item) if isinstance(item, list) else ()
        for key, value in entries:
            holders.append((item, key))
            stack.append(value)
    holder, key = chance.choice(holders)
    if holder is None:
        return (
            document
            if chance.random() < 0.7
            else chance.choice([copy.deepcopy(chance.choice(ODD)), [document], {"value": document}])
        )
    value, what = holder[key], chance.random()
    if what < 0.45:
        holder[key] = copy.deepcopy(chance.choice(ODD))
    elif what < 0.55:
        holder[key] = chance.choice([[value], {"value": value}, str(value), [value] * 3, {"a": {"b": value}}])
    elif what < 0.65 and isinstance(holder, dict):
        del holder[key]
        if chance.random() < 0.5:
            holder[chance.choice([key.upper(), key.lower(), f" {key}", f"{key}\x00", "", "@removed", "\ud800"])] = value
    elif what < 0.75 and isinstance(value, str) and value:
        at = chance.randrange(len(value))
        holder[key] = value[:at] + str(chance.choice(ODD))[:50] + value[at + chance.randrange(3) :]
    elif what < 0.85 and isinstance(value, int) and not isinstance(value, bool):
        holder[key] = chance.choice([-value, value * 2**40, value + 1, float(value), str(value)])
    else:
        other, other_key = chance.choice(holders[1:])
        holder[key] = copy.deepcopy(other[other_key]) if other is not None else None
    return document


def text_of(document: Any) -> bytes:
    """JSON as careless writers write it: lone surrogates as escapes, NaN, whatever number."""
    try:
        return json.dumps(document).encode()
    except (ValueError, RecursionError, TypeError):
        return b"{"


def broken(raw: bytes, chance: random.Random) -> bytes:
    """Bytes that are cut, flipped, doubled, spliced, or nested without an end."""
    what, at = chance.random(), chance.randrange(len(raw) + 1)
    if what < 0.25:
        return raw[:at]
    if what < 0.5:
        flipped = bytearray(raw or b"\0")
        for _ in range(chance.choice([1, 1, 4])):
            flipped[chance.randrange(len(flipped))] = chance.randrange(256)
        return bytes(flipped)
    if what < 0.65:
        return raw[:at] + raw[chance.randrange(len(raw) + 1) :]
    if what < 0.8:
        return (
            raw[:at]
            + chance.choice([b"\x00", b"\xff\xfe", b"\xed\xa0\x80", b"\x84\xff\xff\xff\xff", b"1e999", b"NaN"])
            + raw[at:]
        )
    if what < 0.9:
        key = chance.choice([b'"type":1,', b'"value":[],', b'"id":null,', b'"items":{},'])
        return raw.replace(b"{", b"{" + key, 1)
    return chance.choice([b"", b"null", b"[" * 5000, b'{"a":' * 5000, b"[" * 2000 + b"]" * 2000, raw * 3])
