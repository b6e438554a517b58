"""BER, as much of it as LDAP uses: definite lengths and one-byte tags.

Source: ITU-T X.690; RFC 4511 section 5.1.
"""

from __future__ import annotations

from collections.abc import Iterator

BOOLEAN, INTEGER, OCTET_STRING, NULL, ENUMERATED = 0x01, 0x02, 0x04, 0x05, 0x0A
SEQUENCE, SET = 0x30, 0x31
MAX_DEPTH = 64

_TAGS = tuple(bytes((n,)) for n in range(256))
_SHORT_LENGTHS = _TAGS[:128]


class BerError(ValueError):
    """The bytes are not BER as LDAP restricts it."""


def length(size: int) -> bytes:
    """Return the length octets for `size` content octets."""
    if size < 128:
        return _SHORT_LENGTHS[size]
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((0x80 | len(octets),)) + octets


def tlv(tag: int, *contents: bytes) -> bytes:
    """Return one element whose contents are the given pieces, joined."""
    content = b"".join(contents)
    return _TAGS[tag] + length(len(content)) + content


def octets(value: bytes | str) -> bytes:
    """Return `value` as an OCTET STRING element (text as UTF-8)."""
    raw = value.encode() if isinstance(value, str) else value
    return b"\x04" + length(len(raw)) + raw


def integer(value: int, tag: int = INTEGER) -> bytes:
    """Return `value` as a minimal two's-complement INTEGER (or ENUMERATED) element."""
    raw = value.to_bytes((value + (value < 0)).bit_length() // 8 + 1, "big", signed=True)
    return bytes((tag, len(raw))) + raw


def boolean(value: bool) -> bytes:
    return b"\x01\x01\xff" if value else b"\x01\x01\x00"


def header(buffer: bytes, position: int, end: int) -> tuple[int, int, int]:
    """Return (tag, start of contents, end of contents) of the element at `position`, which must fit before `end`.

    Raises:
        BerError: the element is truncated, has a long tag, or an indefinite or absurd length.
    """
    if position + 2 > end:
        raise BerError(f"an element at octet {position} is cut off")
    tag, size = buffer[position], buffer[position + 1]
    if tag & 0x1F == 0x1F:
        raise BerError(f"a long tag at octet {position}; LDAP has none")
    start = position + 2
    if size >= 128:
        count = size & 0x7F
        if not 1 <= count <= 4 or start + count > end:
            raise BerError(f"an unusable length at octet {position + 1}")
        size = int.from_bytes(buffer[start : start + count], "big")
        start += count
    if start + size > end:
        raise BerError(f"an element at octet {position} is longer than what holds it")
    return tag, start, start + size


class Reader:
    """Reads elements one after the other from a slice of `buffer`."""

    __slots__ = ("_buffer", "_depth", "_end", "_position")

    def __init__(self, buffer: bytes, start: int = 0, end: int | None = None, depth: int = 0) -> None:
        if depth > MAX_DEPTH:
            raise BerError(f"more than {MAX_DEPTH} nested elements")
        self._buffer, self._position, self._depth = buffer, start, depth
        self._end = len(buffer) if end is None else end

    def __bool__(self) -> bool:
        """Tell whether another element follows."""
        return self._position < self._end

    def peek(self) -> int:
        """Return the tag of the next element, -1 at the end."""
        return self._buffer[self._position] if self else -1

    def element(self, expected: int | None = None) -> tuple[int, bytes]:
        """Return (tag, contents) of the next element.

        Raises:
            BerError: there is none, it is malformed, or its tag is not `expected`.
        """
        tag, start, stop = self._next(expected)
        return tag, self._buffer[start:stop]

    def enter(self, expected: int | None = None) -> tuple[int, Reader]:
        """Return (tag, reader of the contents) of the next, constructed element. Raises BerError like `element`."""
        tag, start, stop = self._next(expected)
        return tag, Reader(self._buffer, start, stop, self._depth + 1)

    def sequence(self, expected: int = SEQUENCE) -> Reader:
        return self.enter(expected)[1]

    def octets(self, expected: int = OCTET_STRING) -> bytes:
        return self.element(expected)[1]

    def text(self, expected: int = OCTET_STRING) -> str:
        """Return the next element as text. Raises BerError when it is not UTF-8."""
        try:
            return self.element(expected)[1].decode()
        except UnicodeDecodeError as error:
            raise BerError("a string is not UTF-8") from error

    def integer(self, expected: int = INTEGER, *, limit: int = 8) -> int:
        """Return the next element as a number of at most `limit` octets. Raises BerError."""
        raw = self.element(expected)[1]
        if not 1 <= len(raw) <= limit:
            raise BerError(f"an integer of {len(raw)} octets where 1 to {limit} are allowed")
        return int.from_bytes(raw, "big", signed=True)

    def boolean(self, expected: int = BOOLEAN) -> bool:
        raw = self.element(expected)[1]
        if len(raw) != 1:
            raise BerError("a boolean is not one octet")
        return raw != b"\x00"

    def each(self, tag: int) -> Iterator[bytes]:
        """Yield the contents of all remaining elements, which must all have `tag`."""
        while self:
            yield self.element(tag)[1]

    def _next(self, expected: int | None) -> tuple[int, int, int]:
        tag, start, stop = header(self._buffer, self._position, self._end)
        if expected is not None and tag != expected:
            raise BerError(f"tag 0x{tag:02x} at octet {self._position} where 0x{expected:02x} belongs")
        self._position = stop
        return tag, start, stop
