"""A dead letter always fits into a record, and says what was cut."""

from __future__ import annotations

import base64
import hashlib

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.codec import decode, encode
from streams.contracts.deadletter import LONGEST_ORIGINAL, DeadLetter, dead_letter, without_document

DEFAULT_RECORD = 1_000_000  # Kafka's message.max.bytes, less its headers
ANY_TEXT = st.text(st.characters(exclude_categories=()), max_size=50)  # lone surrogates, controls, everything


@given(reason=ANY_TEXT, error=ANY_TEXT, key=st.none() | ANY_TEXT, original=st.binary(max_size=100))
def test_any_text_can_be_sent_and_read_back(reason: str, error: str, key: str | None, original: bytes) -> None:
    letter = dead_letter(reason, error, stage="source", ts_ms=1, original=original, key=key)
    assert decode(encode(letter), DeadLetter) == letter
    assert base64.b64decode(letter.original) == original


@pytest.mark.parametrize("letters", ["x", "\0", "\ud800", "\U0001f600", '"'])
def test_the_worst_of_everything_fits(letters: str) -> None:
    long = letters * 5_000_000
    letter = dead_letter(long, long, stage="project", ts_ms=1, original=b"\xff" * 8_000_000, key=long)
    assert len(encode(letter)) < DEFAULT_RECORD


def test_a_cut_original_says_what_it_was() -> None:
    original = b"a" * LONGEST_ORIGINAL + b"b"
    letter = dead_letter("too_large", "x", stage="source", ts_ms=1, original=original)
    assert base64.b64decode(letter.original) == original[:-1]
    assert letter.original_bytes == len(original)
    assert letter.original_sha256 == hashlib.sha256(original).hexdigest()


def test_a_whole_original_needs_no_hash() -> None:
    letter = dead_letter("no_id", "x", stage="source", ts_ms=1, original=b"a" * LONGEST_ORIGINAL)
    assert letter.original_bytes is None
    assert letter.original_sha256 is None


SHIPPED = {
    "@timestamp": "2026-09-21T14:13:20.000Z",
    "message": "The password of Kim Novak (kim@contoso.com) could not be set: Summer2026!",
    "winlog": {"provider_name": "PasswordResetService", "event_id": 33008, "event_data": {"param1": "kim@contoso.com"}},
    "labels": {"kim@contoso.com": "x", "Kim Novak": 1},
    "tags": ["kim", "novak"],
}


def test_a_letter_without_its_document_tells_shape_length_and_hash() -> None:
    original = orjson.dumps(SHIPPED)
    kept = without_document(dead_letter("wrong_shape", "x", stage="source", ts_ms=1, original=original, key="t/0@1"))
    assert (kept.original, kept.original_bytes) == ("", len(original))
    assert kept.original_sha256 == hashlib.sha256(original).hexdigest()
    assert kept.shape == (
        "{@timestamp: str, message: str, winlog: {provider_name: PasswordResetService, event_id: 33008, event_data: "
        "{param1: str}}, labels: {…: str, …: int}, tags: [2× str]}"
    )
    assert b"kim" not in encode(kept).lower()
    assert without_document(kept) is kept


LEAVES = st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=20)
DOCUMENTS = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=50), inner))


@given(original=st.binary(max_size=200) | DOCUMENTS.map(orjson.dumps))
def test_any_document_can_be_left_out(original: bytes) -> None:
    kept = without_document(dead_letter("x", "x", stage="source", ts_ms=1, original=original))
    assert decode(encode(kept), DeadLetter) == kept
    assert kept.original == ""
