"""Directory objects from LDIF content records (RFC 2849), as ldapsearch, ldifde and csvde-style exports write them.

Only what a scan needs: content records, and `changetype: add`. A record that cannot be read is reported with the
number of its first line, and the next one is read.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator

from deploy.cli.scan.record import Record
from streams.contracts.errors import InvalidRecordError
from streams.hygiene.objects import DirectoryObject, canonical_name

BINARY = frozenset({"userCertificate", "userSMIMECertificate", "msExchMailboxGuid"})
"""Attributes whose values are not text: kept in base64."""

_TRAILERS = (b"search:", b"result:", b"ref:", b"version:")


def ldif_records(lines: Iterable[bytes]) -> Iterator[Record]:
    """The records of an LDIF stream, in order."""
    for number, record in _blocks(lines):
        try:
            subject = _object(record)
        except InvalidRecordError as error:
            yield InvalidRecordError(error.reason, f"record at line {number}: {error}")
            continue
        if subject is not None:
            yield subject


def _blocks(lines: Iterable[bytes]) -> Iterator[tuple[int, list[bytes]]]:
    """(number of the first line, unfolded lines without comments) of each block between blank lines."""
    block: list[bytes] = []
    first = 0
    in_comment = False
    for number, raw in enumerate(lines, start=1):
        line = raw.rstrip(b"\r\n")
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.startswith(b" "):
            if block and not in_comment:
                block[-1] += line[1:]
            continue
        in_comment = line.startswith(b"#")
        if in_comment:
            continue
        if line:
            first = number if not block else first
            block.append(line)
        elif block:
            yield first, block
            block = []
    if block:
        yield first, block


def _object(block: list[bytes]) -> DirectoryObject | None:
    lines = [line for line in block if not line.lower().startswith(b"version:")]
    if not lines or lines[0].lower().startswith(_TRAILERS):
        return None
    name, value = _pair(lines[0])
    if name.lower() != "dn":
        raise InvalidRecordError("ldif", f"it starts with {name!r}, not with dn")
    dn = _as_text("dn", value)
    classes: list[str] = []
    attributes: dict[str, list[str]] = {}
    for line in lines[1:]:
        name, value = _pair(line)
        lowered = name.lower()
        if lowered == "objectclass":
            classes.append(_as_text(name, value))
        elif lowered == "changetype":
            if value.lower() != b"add":
                kind = value.decode("ascii", "replace")
                raise InvalidRecordError("ldif", f"it is a change ({kind} of {dn}), not an object: export the objects")
        elif (canonical := canonical_name(name)) is not None:
            attributes.setdefault(canonical, []).append(text_of(canonical, value))
    return DirectoryObject(dn, classes, attributes)


def text_of(attribute: str, value: bytes) -> str:
    """A value as the rules see it: base64 where the attribute is binary, else text.

    Raises InvalidRecordError("encoding") if it should be text and is not UTF-8.
    """
    return base64.b64encode(value).decode("ascii") if attribute in BINARY else _as_text(attribute, value)


def _as_text(attribute: str, value: bytes) -> str:
    try:
        return value.decode("utf-8")
    except UnicodeDecodeError as error:
        message = f"{attribute} is not UTF-8 (byte {error.start}: {error.reason})"
        raise InvalidRecordError("encoding", message) from error


def _pair(line: bytes) -> tuple[str, bytes]:
    """The attribute's name without its options, and the raw value."""
    spelled, colon, rest = line.partition(b":")
    name = spelled.partition(b";")[0].strip().decode("ascii", "replace")
    if not colon or not name:
        raise InvalidRecordError("ldif", f"a line is not of the form `name: value`: {line[:60]!r}")
    if rest.startswith(b"<"):
        raise InvalidRecordError("ldif", f"{name} refers to a URL; values must stand in the file")
    if not rest.startswith(b":"):
        return name, rest.lstrip(b" ")
    try:
        return name, base64.b64decode(rest[1:].strip(), validate=True)
    except binascii.Error as error:
        raise InvalidRecordError("ldif", f"{name} is not valid base64: {error}") from error
