"""The rows of objects: those that go by one id, nearly always one, in one row."""

from __future__ import annotations

from collections.abc import Sequence

from streams.contracts.codec import decode, encode
from streams.directory.state import ObjectState

OBJECT = "object/"


def state_key(object_id: str) -> str:
    """The key of the row of what goes by one id."""
    return f"{OBJECT}{object_id}"


def load_objects(raw: bytes | None) -> list[ObjectState]:
    """The objects that go by one id, each of another forest or tenant. Raises InvalidRecordError."""
    found: ObjectState | list[ObjectState] = decode(raw, ObjectState | list[ObjectState]) if raw else []  # type: ignore[arg-type]
    return [found] if isinstance(found, ObjectState) else found


def object_row(objects: Sequence[ObjectState]) -> bytes | None:
    """The row of these objects; None if there is none."""
    return encode(objects[0] if len(objects) == 1 else list(objects)) if objects else None
