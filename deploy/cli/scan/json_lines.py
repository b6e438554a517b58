"""Directory objects as JSON: lines of `{"dn": …, "objectClass": […], "attributes": {name: [values]}}`, or PowerShell's.

What ConvertTo-Json writes is flat: the attributes stand beside the name (see flat), each object on a line, or
all in one indented array. A single value may stand without its list; attribute names are taken in any case, and
attributes that no rule reads are left out.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from deploy.cli.scan.flat import object_of
from deploy.cli.scan.record import Record
from streams.contracts.errors import InvalidRecordError
from streams.hygiene.objects import ATTRIBUTES, DirectoryObject

_KNOWN = frozenset(ATTRIBUTES)


class _Plain(msgspec.Struct):
    """The usual line: every value in a list, every value text."""

    dn: str
    attributes: dict[str, list[str]]
    objectClass: list[str] = []


_plain = msgspec.json.Decoder(_Plain)
_loose = msgspec.json.Decoder(dict[str, Any])
_documents = json.JSONDecoder()
_encoder = msgspec.json.Encoder()


def decode_line(line: bytes) -> DirectoryObject:
    """The object of one line. Raises InvalidRecordError("json") with what is wrong with it."""
    try:
        entry = _plain.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_loosely(line)
    if not entry.dn or not entry.attributes.keys() <= _KNOWN:
        return _decode_loosely(line)
    return DirectoryObject(entry.dn, entry.objectClass, entry.attributes)


def encode_object(subject: DirectoryObject) -> bytes:
    """The line of an object, newline included."""
    return (
        _encoder.encode(
            {
                "dn": subject.dn,
                "objectClass": list(subject.object_classes),
                "attributes": {name: list(values) for name, values in subject.attributes.items()},
            }
        )
        + b"\n"
    )


def json_lines_records(lines: Iterable[bytes]) -> Iterator[Record]:
    """The records of a stream that can be read only once."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            yield decode_line(line)
        except InvalidRecordError as error:
            yield InvalidRecordError(error.reason, f"line {number}: {error}")


def json_document_records(text: str) -> Iterator[Record]:
    """The records of whole documents: an array, or objects one after the other, over as many lines as they like."""
    at, number = 0, 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        try:
            document, at = _documents.raw_decode(text, at)
        except (ValueError, RecursionError) as error:
            yield InvalidRecordError("json", f"no JSON from line {text.count(chr(10), 0, at) + 1} on: {error}")
            return
        for item in document if isinstance(document, list) else [document]:
            number += 1
            try:
                yield decode_line(json.dumps(item).encode())
            except InvalidRecordError as error:
                yield InvalidRecordError(error.reason, f"object {number}: {error}")


def _decode_loosely(line: bytes) -> DirectoryObject:
    try:
        entry = _loose.decode(line.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise InvalidRecordError("json", f"no JSON object: {error}") from error
    attributes = entry.pop("attributes", {})
    if not isinstance(attributes, dict):
        raise InvalidRecordError("json", "attributes is no object")
    return object_of({**entry, **attributes})
