"""Attribute values: what callers write, checked against the schema and turned into the octets the directory keeps."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import TypeAlias

from deploy.lab.directory.entry import Stored
from deploy.lab.directory.results import DirectoryError, ResultCode
from deploy.lab.directory.schema import Attribute, Syntax

Value: TypeAlias = str | bytes | int | bool | datetime | uuid.UUID
Values: TypeAlias = Value | Sequence[Value] | set[str] | frozenset[str] | None

NEVER = b"9223372036854775807"
_FILETIME_EPOCH_S = 11_644_473_600
# Values that many objects repeat are kept once.
_SHARED = {"userAccountControl", "groupType", "department", "company", "title", "l", "st", "co", "c", "operatingSystem"}
_shared: dict[bytes, bytes] = {}


def as_list(values: Values) -> list[Value]:
    """Return one value, many, or none as a list."""
    if values is None:
        return []
    if isinstance(values, str | bytes | int | datetime | uuid.UUID):
        return [values]
    return list(values)


def encode(value: Value) -> bytes:
    """Return the octets of one value: UTF-8 text, TRUE/FALSE, generalized time, little-endian GUID."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, bool):
        return b"TRUE" if value else b"FALSE"
    if isinstance(value, datetime):
        return generalized_time(int(value.timestamp()))
    if isinstance(value, uuid.UUID):
        return value.bytes_le
    return str(value).encode()


def checked(known: Attribute, values: Iterable[Value]) -> list[bytes]:
    """Return the octets of `values`.

    Raises:
        DirectoryError: invalidAttributeSyntax, attributeOrValueExists (the same value twice), or constraintViolation
            (too long, empty, or several values of a single-valued attribute).
    """
    encoded = [encode(value) for value in values]
    for value in encoded:
        _check(known, value)
    if known.single and len(encoded) > 1:
        raise DirectoryError(
            ResultCode.CONSTRAINT_VIOLATION, _text("00002081", "1005 (CONSTRAINT_ATT_TYPE)", known.name)
        )
    if len(encoded) > 1 and len({fold(known, value) for value in encoded}) < len(encoded):
        raise DirectoryError(
            ResultCode.ATTRIBUTE_OR_VALUE_EXISTS, _text("00002083", "1006 (ATT_OR_VALUE_EXISTS)", known.name)
        )
    if known.name in _SHARED:
        encoded = [_shared.setdefault(value, value) for value in encoded]
    return encoded


def fold(known: Attribute | None, value: bytes) -> bytes:
    """Return the form in which two equal values are the same octets."""
    if known is None or known.syntax in (Syntax.TEXT, Syntax.DN):
        return value.lower() if value.isascii() else value.decode(errors="replace").lower().encode()
    return value.upper() if known.syntax is Syntax.BOOLEAN else value


def pack(encoded: Sequence[bytes]) -> Stored:
    """Return values as an entry stores them: None, one value, or a tuple."""
    if not encoded:
        return None
    return encoded[0] if len(encoded) == 1 else tuple(encoded)


def unpack(stored: Stored) -> tuple[bytes, ...]:
    """Return a stored, non-link value as a tuple of octet strings."""
    if isinstance(stored, bytes):
        return (stored,)
    return stored if isinstance(stored, tuple) else ()


@lru_cache(maxsize=4096)
def generalized_time(seconds: int) -> bytes:
    """Return a Unix time in seconds as Active Directory writes it, e.g. 20261123140000.0Z."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d%H%M%S.0Z").encode()


def filetime(seconds: float) -> bytes:
    """Return a Unix time as a count of 100 ns since 1601, in decimal: the form of pwdLastSet."""
    return b"%d" % int((seconds + _FILETIME_EPOCH_S) * 10_000_000)


def _check(known: Attribute, value: bytes) -> None:
    if known.syntax is Syntax.INTEGER and not value.removeprefix(b"-").isdigit():
        raise DirectoryError(
            ResultCode.INVALID_ATTRIBUTE_SYNTAX, _text("00000057", "1000 (NO_SUCH_SYNTAX)", known.name)
        )
    if known.syntax is Syntax.BOOLEAN and value not in (b"TRUE", b"FALSE"):
        raise DirectoryError(
            ResultCode.INVALID_ATTRIBUTE_SYNTAX, _text("00000057", "1000 (NO_SUCH_SYNTAX)", known.name)
        )
    size = len(value) if known.syntax is Syntax.OCTETS else len(value.decode(errors="replace"))
    if size == 0 or (known.max_length is not None and size > known.max_length):
        raise DirectoryError(
            ResultCode.CONSTRAINT_VIOLATION, _text("00002082", "1005 (CONSTRAINT_ATT_TYPE)", known.name)
        )


def _text(code: str, problem: str, name: str) -> str:
    return f"{code}: AtrErr: DSID-03151E04, problem {problem}, data 0, Att ({name})"
