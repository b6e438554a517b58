"""JSON in and out, the only door to both libraries: msgspec for our own shapes, orjson for what others wrote.

orjson reads every document of Graph, of event logs and of the files that are replayed, and names the fault of a record.

msgspec reads and writes a Struct in one pass, two to four times faster than through orjson and back
(measured: DECISIONS.md).

Unknown fields are ignored, so that an older reader survives a newer writer; a dead letter keeps the
record's original bytes, so nothing unknown is lost on a redrive. Wrong types are InvalidRecordErrors.
"""

from __future__ import annotations

from functools import cache
from typing import Any, TypeVar, cast

import msgspec
import orjson

from streams.contracts.errors import InvalidRecordError

NotJsonError = orjson.JSONDecodeError
"""What `load_document` raises: a ValueError."""
NoJsonFormError = orjson.JSONEncodeError
"""What `dump_document` raises: a TypeError. A lone surrogate, or a depth that is read but not written."""
T = TypeVar("T")
_ENCODER = msgspec.json.Encoder()


@cache
def _decoder(shape: Any) -> msgspec.json.Decoder[Any]:
    return msgspec.json.Decoder(shape)


def encode(record: Any) -> bytes:
    """JSON bytes of a record (a msgspec.Struct or anything JSON has)."""
    if isinstance(record, msgspec.Struct):
        return _ENCODER.encode(record)
    return orjson.dumps(record, default=msgspec.to_builtins)


def load_document(raw: bytes | str) -> Any:
    """The document in `raw`. Raises NotJsonError, as RFC 8259 has it: NaN and lone surrogates are none."""
    return orjson.loads(raw)


def dump_document(document: Any) -> bytes:
    """A free document as JSON. Raises NoJsonFormError."""
    return orjson.dumps(document)


def decode(raw: bytes | msgspec.Raw | None, shape: type[T]) -> T:
    """The record in `raw`, checked against `shape` (a Struct or a union of tagged Structs).

    Raises InvalidRecordError: "empty", "not_json", or "wrong_shape" with the path of the first fault.
    """
    if not raw:
        raise InvalidRecordError("empty", "the record has no value")
    try:
        return cast(T, _decoder(cast(Any, shape)).decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        fault = error  # rare: read it again, step by step, to say what is wrong
    try:
        document = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise InvalidRecordError("not_json", f"the record is not JSON: {error}") from error
    if isinstance(fault, msgspec.ValidationError):
        raise _wrong_shape(fault) from fault
    return convert(document, shape)


def convert(document: Any, shape: type[T]) -> T:
    """`document` (decoded JSON) as `shape`. Raises InvalidRecordError("wrong_shape")."""
    try:
        return msgspec.convert(document, shape)
    except (msgspec.ValidationError, RecursionError, OverflowError) as error:
        raise _wrong_shape(error) from error


def _wrong_shape(error: Exception) -> InvalidRecordError:
    return InvalidRecordError("wrong_shape", f"the record has a wrong shape: {error}")
