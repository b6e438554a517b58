"""Dead letters: what could not be used, kept with the reason and as much of the original as always fits."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import Any

import msgspec

from streams.contracts.codec import load_document

# With every text at its longest and every letter of it escaped, a dead letter stays below 200 kB: Kafka's default
# of 1 MB per record (message.max.bytes) holds it whatever the refused record was.
LONGEST_ORIGINAL = 64_000
_LONGEST_REASON = 100
_LONGEST_ERROR = 2000
_LONGEST_NAME = 1000


class DeadLetter(msgspec.Struct, frozen=True, tag_field="type", tag="deadletter", kw_only=True):
    """One unusable record or fact; made by `dead_letter`.

    reason:   a short stable word (the metric label); `error` the sentence for people.
    stage:    who gave up: "project", "evaluate", "source", "sink".
    original: base64 of the bytes that were refused (the fact alone where its chunk was readable), or of their first
              LONGEST_ORIGINAL; "" where documents are not kept. original_bytes, original_sha256: of the whole, where
              `original` is cut or left out. shape: what is told of it then, see `without_document`.
    topic, partition, offset: where it stood; None where it never was in Kafka.
    """

    reason: str
    error: str
    stage: str
    ts_ms: int
    original: str
    topic: str | None = None
    partition: int | None = None
    offset: int | None = None
    key: str | None = None
    schema_version: int = 1
    original_bytes: int | None = None
    original_sha256: str | None = None
    shape: str | None = None


def dead_letter(
    reason: str,
    error: str,
    *,
    stage: str,
    ts_ms: int,
    original: bytes,
    topic: str | None = None,
    partition: int | None = None,
    offset: int | None = None,
    key: str | None = None,
) -> DeadLetter:
    """A dead letter that can always be sent: texts and original are cut, and no text is one that JSON cannot hold.

    A refusal must not fail: one that does stops the pipeline at the very record that it was to get out of the way.
    """
    cut = len(original) > LONGEST_ORIGINAL
    return DeadLetter(
        reason=_fitting(reason, _LONGEST_REASON),
        error=_fitting(error, _LONGEST_ERROR) + (f"; its original of {len(original)} bytes is cut" if cut else ""),
        stage=stage,
        ts_ms=ts_ms,
        original=base64.b64encode(original[:LONGEST_ORIGINAL]).decode("ascii"),
        topic=topic,
        partition=partition,
        offset=offset,
        key=None if key is None else _fitting(key, _LONGEST_NAME),
        original_bytes=len(original) if cut else None,
        original_sha256=hashlib.sha256(original).hexdigest() if cut else None,
    )


def without_document(letter: DeadLetter) -> DeadLetter:
    """The letter without what it was about: of a JSON document the names in it and the types of their values.

    Whoever repairs a mapping needs the shape; what people are called, and what they wrote, nobody needs for 30 days.
    """
    if not letter.original:
        return letter
    original = base64.b64decode(letter.original)
    return msgspec.structs.replace(
        letter,
        original="",
        original_bytes=letter.original_bytes if letter.original_bytes is not None else len(original),
        original_sha256=letter.original_sha256 or hashlib.sha256(original).hexdigest(),
        shape=_shape(original),
    )


_LONGEST_SHAPE = 1000
_DEEPEST, _MOST_NAMES = 4, 40
# A name of a field, as Graph, Winlogbeat and we spell them; an address, or what else somebody put there, is none.
_FIELD = re.compile(r"@?[A-Za-z_][A-Za-z0-9_.-]{0,39}(@(delta|odata\.[a-zA-Z]{1,20}))?")
_NAMING = ("provider_name", "event_id", "provider", "code", "category", "type")
_WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,59}")


def _shape(original: bytes) -> str:
    try:
        document = load_document(original)
    except ValueError:
        return "not JSON"
    return _shape_of(document, _DEEPEST)[:_LONGEST_SHAPE]


def _shape_of(value: Any, depth: int, name: str = "") -> str:
    if isinstance(value, dict):
        if depth == 0:
            return "{…}"
        parts = [
            f"{each if _FIELD.fullmatch(each) else '…'}: {_shape_of(inner, depth - 1, each)}"
            for each, inner in list(value.items())[:_MOST_NAMES]
        ]
        return "{" + ", ".join(parts + (["…"] if len(value) > _MOST_NAMES else [])) + "}"
    if isinstance(value, list):
        return f"[{len(value)}× {_shape_of(value[0], depth - 1)}]" if value and depth else f"[{len(value)}]"
    if name in _NAMING and (isinstance(value, int) or (isinstance(value, str) and _WORD.fullmatch(value))):
        return f"{value}"  # which provider, which event: what a mapping goes by
    return type(value).__name__


def _fitting(text: str, longest: int) -> str:
    """The beginning of `text`; lone surrogates, which UTF-8 has no bytes for, are spelled out."""
    return text[:longest].encode("utf-8", "backslashreplace").decode("utf-8")[:longest]
