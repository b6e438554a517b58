"""Text from directories, services and logs, made fit for a terminal and a log line: shown, never acted on.

Source: ECMA-48 (control functions, 7-bit and 8-bit CSI); Unicode Standard Annex #9 (bidirectional overrides);
"Trojan Source" (Boucher, Anderson 2021).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)
# Of one text on a page, in characters; longer than any name, address or DN that a directory keeps.
_MOST_SHOWN = 4_000
DEEPEST = 50


def printable(text: str) -> str:
    r"""The text in one line, with whatever would move a cursor, hide or turn its neighbours as escapes.

    >>> printable("\x1b]0;mine\x07 \u202e")
    '\\x1b]0;mine\\x07 \\u202e'
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def printable_lines(text: str) -> str:
    """The same for text that has lines of its own."""
    return text if text.isprintable() else "\n".join(map(printable, text.split("\n")))


def printable_json(text: str) -> str:
    r"""A JSON text with the same characters as escapes of JSON: it says the same to whoever parses it.

    >>> printable_json('"\x9b \u202e \U000e0041"')
    '"\\u009b \\u202e \\udb40\\udc41"'
    """
    return text if text.isprintable() else "".join(c if c.isprintable() else _json_escape(c) for c in text)


def _json_escape(character: str) -> str:
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def is_shallow(value: Any) -> bool:
    """Whether a free value of a record is nested no deeper than any of ours, so that a page can be made of it."""
    level = [value]
    for _ in range(DEEPEST):
        level = [part for each in level for part in _parts(each)]
        if not level:
            return True
    return False


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def shown(record: T) -> T:
    """A record with every text in it printable, in one line each and not endless: as pages for people take it."""
    return msgspec.convert(_shown(msgspec.to_builtins(record)), type(record))


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        cut = value[:_MOST_SHOWN]
        return printable(cut) if cut == value else f"{printable(cut)}… ({len(value):,} characters)"
    if isinstance(value, dict):
        return {printable(name): _shown(each) for name, each in value.items()}
    return [_shown(each) for each in value] if isinstance(value, list) else value
