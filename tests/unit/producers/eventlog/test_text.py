"""What a text names is found in one pass, whatever the text."""

from __future__ import annotations

import random
import re
import sys
from types import FrameType
from typing import Any

import pytest

from producers.eventlog.text import _LONGEST_PATH, _NAME_WORDS, distinguished_name

# What a name is, as one pattern; it tries each beginning anew.
_AS_ONE_PATTERN = re.compile(r"\b(?:CN|OU)=[^\"\n]{0,900}?DC=[\w-]{1,63}(?:,[ ]?DC=[\w-]{1,63}){0,20}", re.IGNORECASE)
_NAME = "CN=Ada Lovelace\\, Dr.,OU=R&D,DC=corp,DC=example"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (_NAME, _NAME),
        (f'Unable to add "{_NAME}" to "CN=B,DC=corp"', _NAME),
        (f"Dn: {_NAME} is not synchronised: DC=other", _NAME),
        ("ou=x, dc=corp, dc=example.", "ou=x, dc=corp, dc=example"),
        (f'"CN={{486C30}}" refers to "{_NAME}"', _NAME),
        (f"CN=\n{_NAME}", _NAME),
        (f"CN={'x' * (_LONGEST_PATH + 1)} {_NAME}", _NAME),
        (f"CN={'x' * _LONGEST_PATH}DC=a", f"CN={'x' * _LONGEST_PATH}DC=a"),
        ("DC=corp,DC=example", None),
        ("XCN=a,DC=corp", None),
        ("CN=a,DC=", None),
        ("", None),
    ],
)
def test_the_first_distinguished_name(text: str, name: str | None) -> None:
    assert distinguished_name(text) == name


def test_any_text_gives_what_the_one_pattern_gives() -> None:
    chance = random.Random(6949)
    words = ["CN=", "OU=", "DC=", "dc=a", ",", " ", "a", "-", '"', "\n", "\\", "é", "x" * 450, "y" * 64]
    for _ in range(5_000):
        text = "".join(chance.choices(words, k=chance.randint(1, 14)))
        found = _AS_ONE_PATTERN.search(text)
        assert distinguished_name(text) == (found[0] if found else None), text


def _lines_run(text: str) -> int:
    """How many lines of the reader run for it."""
    count = 0

    def trace(frame: FrameType, what: str, _: Any) -> Any:
        nonlocal count
        if frame.f_code is not distinguished_name.__code__:
            return None
        count += what == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        distinguished_name(text)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("part", ["CN=", "OU=a,", "DC=", "DC=a,", "CN=\n", 'CN="DC=a', f"CN={'x' * 901}DC=a "])
def test_work_grows_with_the_text_and_no_faster(part: str) -> None:
    small, large = part * (8_000 // len(part)), part * (64_000 // len(part))
    assert _lines_run(large) <= 9 * max(_lines_run(small), 10)
    assert max(map(len, _NAME_WORDS.findall(large)), default=0) <= 3, "a word is short, so that none is read twice"
