"""Who may write one attribute, by the access control list of an object: binary, as LDAP hands it out. Pure.

Source: [MS-DTYP] 2.4.4 (ACCESS_ALLOWED_ACE, ACCESS_ALLOWED_OBJECT_ACE), 2.4.6 (SECURITY_DESCRIPTOR); deny entries are
left out, for what is denied to somebody is decided object by object.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator

_ALLOWED, _ALLOWED_OBJECT = 0x00, 0x05
_FOR_CHILDREN = 0x02  # CONTAINER_INHERIT_ACE
_HAS_OBJECT_TYPE, _HAS_INHERITED_TYPE = 0x1, 0x2
_WRITES = 0x20 | 0x40000000 | 0x10000000  # DS_WRITE_PROP, GENERIC_WRITE, GENERIC_ALL
_USER_CLASS = uuid.UUID("bf967aba-0de6-11d0-a285-00aa003049e2")


def writers_below(descriptor: bytes, attribute: uuid.UUID) -> frozenset[bytes]:
    """The SIDs (binary) that may write `attribute` (its schemaIDGUID) of the users below the object.

    Raises ValueError if `descriptor` is no security descriptor.
    """
    try:
        return frozenset(_writers(descriptor, attribute))
    except (struct.error, IndexError) as error:
        raise ValueError(f"no security descriptor: {error}") from error


def _writers(descriptor: bytes, attribute: uuid.UUID) -> Iterator[bytes]:
    at = struct.unpack_from("<I", descriptor, 16)[0]
    if at == 0:
        return
    count = struct.unpack_from("<H", descriptor, at + 4)[0]
    at += 8
    for _ in range(count):
        kind, flags, size, mask = struct.unpack_from("<BBHI", descriptor, at)
        body, at = descriptor[at + 8 : at + size], at + size
        if size < 8 or not flags & _FOR_CHILDREN or not mask & _WRITES:
            continue
        if kind == _ALLOWED:
            yield body
        elif kind == _ALLOWED_OBJECT:
            present = struct.unpack_from("<I", body)[0]
            names, start = [], 4
            for flag in (_HAS_OBJECT_TYPE, _HAS_INHERITED_TYPE):
                named = uuid.UUID(bytes_le=body[start : start + 16]) if present & flag else None
                start += 16 if present & flag else 0
                names.append(named)
            if names[0] in (None, attribute) and names[1] in (None, _USER_CLASS):
                yield body[start:]
