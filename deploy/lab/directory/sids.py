"""Security identifiers: text form `S-1-5-21-…` and the binary form of objectSid.

Source: MS-DTYP 2.4.2.
"""

from __future__ import annotations

import struct


def parse(text: str) -> bytes:
    """Return the binary SID of `S-1-authority-sub-…`. Raises ValueError when it is not one."""
    parts = text.upper().split("-")
    if len(parts) < 3 or parts[:2] != ["S", "1"] or len(parts) > 18:
        raise ValueError(f"not a SID: {text!r}")
    numbers = [int(part) for part in parts[2:]]
    try:
        return struct.pack(">BBHI", 1, len(numbers) - 1, numbers[0] >> 32, numbers[0] & 0xFFFFFFFF) + struct.pack(
            f"<{len(numbers) - 1}I", *numbers[1:]
        )
    except struct.error as error:
        raise ValueError(f"not a SID: {text!r}") from error


def text(sid: bytes) -> str:
    """Return `S-1-…` for a binary SID. Raises ValueError when it is not one."""
    if len(sid) < 8 or sid[0] != 1 or len(sid) != 8 + 4 * sid[1]:
        raise ValueError(f"not a binary SID: {sid.hex()}")
    numbers = struct.unpack(f"<{sid[1]}I", sid[8:])
    return "-".join(map(str, ("S", 1, int.from_bytes(sid[2:8], "big"), *numbers)))


def with_rid(domain_sid: bytes, rid: int) -> bytes:
    """Return the SID of the account `rid` in the domain."""
    return bytes((1, domain_sid[1] + 1)) + domain_sid[2:] + rid.to_bytes(4, "little")
