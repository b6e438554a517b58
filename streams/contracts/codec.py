"""JSON records in and out: orjson for the bytes, msgspec for the types.

Unknown fields are ignored, so that an older reader survives a newer writer; a dead letter keeps the
record's original bytes, so nothing unknown is lost on a redrive. Wrong types are InvalidRecordErrors.
"""

from __future__ import annotations

from typing import Any, TypeVar

import msgspec
import orjson

from streams.contracts.errors import InvalidRecordError

T = TypeVar("T")


def encode(record: Any) -> bytes:
    """JSON bytes of a record (a msgspec.Struct or anything JSON has)."""
    return orjson.dumps(record, default=msgspec.to_builtins)


def decode(raw: bytes | None, shape: type[T]) -> T:
    """The record in `raw`, checked against `shape` (a Struct or a union of tagged Structs).

    Raises InvalidRecordError: "empty", "not_json", or "wrong_shape" with the path of the first fault.
    """
    if not raw:
        raise InvalidRecordError("empty", "the record has no value")
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRecordError("not_json", f"the record is not JSON: {error}") from error
    return convert(document, shape)


def convert(document: Any, shape: type[T]) -> T:
    """`document` (decoded JSON) as `shape`. Raises InvalidRecordError("wrong_shape")."""
    try:
        return msgspec.convert(document, shape)
    except msgspec.ValidationError as error:
        raise InvalidRecordError("wrong_shape", f"the record has a wrong shape: {error}") from error
