"""Input may be of any shape: whatever a mapping raises over an item becomes a refusal of that item alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from streams.contracts.errors import InvalidRecordError

STUMBLES = (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, RecursionError)
"""What Python raises where a value is of another type, size or depth than was thought."""


@contextmanager
def refusing(what: str) -> Iterator[None]:
    """Turn what the content of `what` makes the code raise (STUMBLES) into InvalidRecordError("wrong_shape")."""
    try:
        yield
    except STUMBLES as error:
        raise InvalidRecordError("wrong_shape", f"{what} has an unknown shape ({type(error).__name__})") from error
