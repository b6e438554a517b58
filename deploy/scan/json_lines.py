"""Directory objects as JSON lines: `{"dn": …, "objectClass": […], "attributes": {name: [values]}}`.

A single value may stand without its list; booleans and numbers are taken as LDAP would write them; attribute
names are taken in any case, and attributes that no rule reads are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from deploy.scan.record import Record
from streams.contracts.errors import InvalidRecordError
from streams.hygiene.objects import ATTRIBUTES, DirectoryObject, canonical_name

_KNOWN = frozenset(ATTRIBUTES)
_Scalar = str | bool | int | float | None


class _Plain(msgspec.Struct):
    """The usual line: every value in a list, every value text."""

    dn: str
    attributes: dict[str, list[str]]
    objectClass: list[str] = []


class _Loose(msgspec.Struct):
    dn: str
    attributes: dict[str, list[_Scalar] | _Scalar] = {}
    objectClass: list[str] | str = []


_plain = msgspec.json.Decoder(_Plain)
_loose = msgspec.json.Decoder(_Loose)
_encoder = msgspec.json.Encoder()


def decode_line(line: bytes) -> DirectoryObject:
    """The object of one line. Raises InvalidRecordError("json") with what is wrong with it."""
    try:
        entry = _plain.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _decode_loosely(line)
    attributes = entry.attributes
    if not attributes.keys() <= _KNOWN:
        attributes = _recognised(attributes.items())
    return DirectoryObject(entry.dn, entry.objectClass, attributes)


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


def _decode_loosely(line: bytes) -> DirectoryObject:
    try:
        entry = _loose.decode(line.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRecordError("json", f"not of the form {{dn, objectClass, attributes}}: {error}") from error
    classes = [entry.objectClass] if isinstance(entry.objectClass, str) else entry.objectClass
    attributes = {}
    for name, found in entry.attributes.items():
        values = [_text(value) for value in (found if isinstance(found, list) else [found]) if value is not None]
        if values:
            attributes[name] = values
    return DirectoryObject(entry.dn, classes, _recognised(attributes.items()))


def _recognised(attributes: Iterable[tuple[str, list[str]]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, values in attributes:
        canonical = canonical_name(name)
        if canonical is not None:
            found[canonical] = values
    return found


def _text(value: str | float) -> str:
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    return value if isinstance(value, str) else str(value)
