"""LDAP search filters as they come over the wire, and as text.

Source: RFC 4511 section 4.5.1.7; RFC 4515.
"""

from __future__ import annotations

from dataclasses import dataclass

from deploy.lab.directory.ber import BerError, Reader

AND, OR, NOT, EQUAL, SUBSTRINGS, GREATER, LESS, PRESENT, APPROX, EXTENSIBLE = (
    0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0x87, 0xA8, 0xA9,
)  # fmt: skip
_SYMBOLS = {EQUAL: "=", GREATER: ">=", LESS: "<=", APPROX: "~="}


@dataclass(frozen=True, slots=True)
class Filter:
    """One node. `parts` are the operands of and/or/not; `pieces` the (initial, any…, final) of a substring match."""

    kind: int
    attribute: str = ""
    value: bytes = b""
    parts: tuple[Filter, ...] = ()
    pieces: tuple[bytes | None, ...] = ()
    rule: str = ""
    dn_attributes: bool = False

    def __str__(self) -> str:
        """Return the filter as text."""
        if self.kind in (AND, OR, NOT):
            sign = {AND: "&", OR: "|", NOT: "!"}[self.kind]
            return f"({sign}{''.join(map(str, self.parts))})"
        if self.kind == PRESENT:
            return f"({self.attribute}=*)"
        if self.kind == SUBSTRINGS:
            return f"({self.attribute}={'*'.join('' if piece is None else _escape(piece) for piece in self.pieces)})"
        if self.kind == EXTENSIBLE:
            flags = (":dn" if self.dn_attributes else "") + (f":{self.rule}" if self.rule else "")
            return f"({self.attribute}{flags}:={_escape(self.value)})"
        return f"({self.attribute}{_SYMBOLS[self.kind]}{_escape(self.value)})"


def decode(reader: Reader) -> Filter:
    """Return the filter that follows in `reader`. Raises BerError when it is malformed."""
    kind = reader.peek()
    if kind == PRESENT:
        return Filter(PRESENT, reader.text(PRESENT))
    if kind in (AND, OR):
        inner, parts = reader.sequence(kind), []
        while inner:
            parts.append(decode(inner))
        return Filter(kind, parts=tuple(parts))
    if kind == NOT:
        inner = reader.sequence(NOT)
        negated = decode(inner)
        if inner:
            raise BerError("a not filter has two operands")
        return Filter(NOT, parts=(negated,))
    if kind in _SYMBOLS:
        inner = reader.sequence(kind)
        return Filter(kind, inner.text(), inner.octets())
    if kind == SUBSTRINGS:
        return _decode_substrings(reader.sequence(SUBSTRINGS))
    if kind == EXTENSIBLE:
        return _decode_extensible(reader.sequence(EXTENSIBLE))
    raise BerError(f"0x{kind & 0xFF:02x} is no filter")


def _decode_substrings(inner: Reader) -> Filter:
    name, parts = inner.text(), inner.sequence()
    initial: bytes | None = None
    final: bytes | None = None
    middle: list[bytes] = []
    while parts:
        tag, piece = parts.element()
        if tag == 0x80 and initial is None and not middle and final is None:
            initial = piece
        elif tag == 0x81 and final is None:
            middle.append(piece)
        elif tag == 0x82 and final is None:
            final = piece
        else:
            raise BerError("the pieces of a substring filter are out of order")
    if initial is None and final is None and not middle:
        raise BerError("a substring filter without a piece")
    return Filter(SUBSTRINGS, name, pieces=(initial, *middle, final))


def _decode_extensible(inner: Reader) -> Filter:
    rule = inner.text(0x81) if inner.peek() == 0x81 else ""
    name = inner.text(0x82) if inner.peek() == 0x82 else ""
    value = inner.octets(0x83)
    dn_attributes = inner.boolean(0x84) if inner.peek() == 0x84 else False
    return Filter(EXTENSIBLE, name, value, rule=rule, dn_attributes=dn_attributes)


def _escape(value: bytes) -> str:
    """Return an assertion value as filter text: what is not plain ASCII, and a space at either end, is escaped."""
    kept = value.strip(b" ")
    text = "".join(chr(o) if 0x20 <= o < 0x7F and chr(o) not in "*()\\" else f"\\{o:02x}" for o in kept)
    start = len(value) - len(value.lstrip(b" ")) if kept else len(value)
    return "\\20" * start + text + "\\20" * (len(value) - start - len(kept))
