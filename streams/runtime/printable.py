"""Text from directories, services and logs, made fit for a terminal and a log line: shown, never acted on.

Source: ECMA-48 (control functions, 7-bit and 8-bit CSI); Unicode Standard Annex #9 (bidirectional overrides);
"Trojan Source" (Boucher, Anderson 2021).
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


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


def shown(record: T) -> T:
    """A record with every text in it printable, in one line each: as pages for people take it."""
    return msgspec.convert(_shown(msgspec.to_builtins(record)), type(record))


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, dict):
        return {printable(name): _shown(each) for name, each in value.items()}
    return [_shown(each) for each in value] if isinstance(value, list) else value
