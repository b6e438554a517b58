"""The DirSync cookie: opaque to clients, in the layout Windows and Samba share.

`MSDS`, version 3, time, reserved, size of the trailer; then the USN up to which objects were sent, a position inside a
split object, and the USN after which attributes count as changed; the invocationId; the up-to-dateness vector.

Source: layout measured on Samba 4.17.12.
"""

from __future__ import annotations

import struct
import uuid
from dataclasses import dataclass

from deploy.lab.directory.results import DirectoryError, ResultCode
from deploy.lab.directory.values import filetime

_HEAD = struct.Struct("<4sIQQIQQQ16s")
_VECTOR_HEAD = struct.Struct("<QII")
_VECTOR_ITEM = struct.Struct("<16sQ")
_MAGIC, _VERSION = b"MSDS", 3


@dataclass(frozen=True, slots=True)
class Cookie:
    """A position. `link_offset`: link changes already sent of the first object after `object_usn`."""

    object_usn: int = 0
    link_offset: int = 0
    attribute_usn: int = 0

    @classmethod
    def read(cls, raw: bytes, invocation_id: uuid.UUID) -> Cookie:
        """Return the position in `raw` for the directory of this invocationId.

        An empty cookie, and one of a directory nobody here knows, mean the beginning. A cookie of another controller
        whose vector names this one continues from there.

        Raises:
            DirectoryError: unavailableCriticalExtension, `raw` is no cookie.
        """
        if not raw:
            return cls()
        try:
            magic, version, _, _, size, objects, offset, attributes, owner = _HEAD.unpack_from(raw)
            if magic != _MAGIC or version != _VERSION or size != len(raw) - _HEAD.size or size < _VECTOR_HEAD.size:
                raise _refused("its frame is damaged")
            _, count, _ = _VECTOR_HEAD.unpack_from(raw, _HEAD.size)
            items = [
                _VECTOR_ITEM.unpack_from(raw, _HEAD.size + _VECTOR_HEAD.size + place * _VECTOR_ITEM.size)
                for place in range(min(count, len(raw)))
            ]
        except struct.error as error:
            raise _refused("it is cut off") from error
        if owner == invocation_id.bytes_le:
            return cls(objects, offset, attributes)
        for known, usn in items:
            if known == invocation_id.bytes_le:
                return cls(usn, 0, usn)
        return cls()

    def write(self, invocation_id: uuid.UUID, now_s: int) -> bytes:
        """Return the cookie's octets."""
        owner = invocation_id.bytes_le
        trailer = _VECTOR_HEAD.pack(1, 1, 0) + _VECTOR_ITEM.pack(owner, self.attribute_usn)
        head = _HEAD.pack(
            _MAGIC, _VERSION, int(filetime(now_s)), 0, len(trailer), self.object_usn, self.link_offset,
            self.attribute_usn, owner,
        )  # fmt: skip
        return head + trailer


def _refused(why: str) -> DirectoryError:
    message = f"00000057: LdapErr: DSID-0C0907F6, comment: Error processing control (cookie: {why}), data 0, v4563"
    return DirectoryError(ResultCode.UNAVAILABLE_CRITICAL_EXTENSION, message)
