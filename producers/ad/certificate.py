"""The few fields of an X.509 certificate that hybrid join is judged by, read straight from DER. Pure.

A computer writes a self-signed certificate to userCertificate; half a million blobs of 800 bytes each are not
carried on. The values come from anyone who may write the attribute, so broken DER is data, not an error. Only
the path version, serial, algorithm, issuer, validity, subject is walked (RFC 5280, section 4.1); the signature
is not verified, as Entra Connect does not verify it either.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime

_SEQUENCE, _SET, _OID = 0x30, 0x31, 0x06
_UTC_TIME, _GENERALIZED_TIME = 0x17, 0x18
_VERSION = 0xA0
_COMMON_NAME = b"\x55\x04\x03"
_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1E: "utf-16-be"}
_LONGEST_NAME = 200


def certificate_line(value: bytes) -> str:
    """The line of streams.contracts.certificate for one raw value; never raises."""
    thumbprint = hashlib.sha1(value, usedforsecurity=False).hexdigest().upper()
    try:
        not_before, not_after, common_name = _read(value)
    except (ValueError, IndexError, OverflowError):
        return thumbprint
    return f"{thumbprint} {not_before} {not_after} {common_name}".rstrip()


def _read(value: bytes) -> tuple[str, str, str]:
    signed = _header(value, *_expect(value, 0, len(value), _SEQUENCE))
    body = list(_parts(value, _range(signed, _SEQUENCE)))
    if body and body[0][0] == _VERSION:
        del body[0]
    # serial, algorithm, issuer, validity, subject
    validity = list(_parts(value, _range(body[3], _SEQUENCE)))
    not_before, not_after = (_time(value, part) for part in validity[:2])
    return not_before, not_after, _common_name(value, _range(body[4], _SEQUENCE))


_Part = tuple[int, int, int]  # tag, start and end of the content


def _header(value: bytes, at: int, end: int) -> _Part:
    if at + 2 > end:
        raise ValueError("cut short")
    tag, length, start = value[at], value[at + 1], at + 2
    if length & 0x80:
        size = length & 0x7F
        if not 1 <= size <= 4 or start + size > end:
            raise ValueError("a length that DER does not know")
        length = int.from_bytes(value[start : start + size], "big")
        start += size
    if start + length > end:
        raise ValueError("cut short")
    return tag, start, start + length


def _expect(value: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    return _range(_header(value, at, end), tag)


def _range(part: _Part, tag: int) -> tuple[int, int]:
    if part[0] != tag:
        raise ValueError(f"tag {part[0]:#x} where {tag:#x} belongs")
    return part[1], part[2]


def _parts(value: bytes, within: tuple[int, int]) -> Iterator[_Part]:
    at, end = within
    while at < end:
        part = _header(value, at, end)
        yield part
        at = part[2]


def _time(value: bytes, part: _Part) -> str:
    tag, start, end = part
    text = value[start:end].decode("ascii")
    if tag == _UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    elif tag != _GENERALIZED_TIME:
        raise ValueError(f"tag {tag:#x} is no time")
    if len(text) != 15 or not text[:14].isdigit() or text[14] != "Z":
        raise ValueError(f"{text!r} is no time")
    # the constructor checks what the parts may be; strptime takes ten times as long
    month, day, hour, minute, second = (int(text[at : at + 2]) for at in range(4, 14, 2))
    moment = datetime(int(text[:4]), month, day, hour, minute, second, tzinfo=UTC)
    return moment.isoformat().replace("+00:00", "Z")


def _common_name(value: bytes, subject: tuple[int, int]) -> str:
    """The most specific common name: the last one, as names are written from it."""
    found = ""
    for names in _parts(value, subject):
        for pair in _parts(value, _range(names, _SET)):
            kind, text, *_ = [*_parts(value, _range(pair, _SEQUENCE))]
            if value[slice(*_range(kind, _OID))] == _COMMON_NAME:
                raw = value[text[1] : text[2]].decode(_ENCODINGS.get(text[0], "latin-1"))
                found = " ".join(raw.split())[:_LONGEST_NAME]
    return found
