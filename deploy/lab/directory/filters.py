"""LDAP search filters: from BER to a predicate over entries.

A predicate returns True, False, or None where the attribute is not in the schema (RFC 4511 "Undefined"); an absent
attribute is False, so that `(!(mail=x))` finds objects without mail, as Active Directory does.

Source: RFC 4511 section 4.5.1.7; MS-ADTS 3.1.1.3.1.3 (filters), 3.1.1.3.4.4 (matching rules).
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from deploy.lab.directory import reading, schema, sids, values
from deploy.lab.directory.ber import BerError, Reader
from deploy.lab.directory.entry import Entry
from deploy.lab.directory.results import DirectoryError
from deploy.lab.directory.schema import Attribute, Syntax

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore

Predicate: TypeAlias = Callable[[Entry], "bool | None"]
AND, OR, NOT, EQUAL, SUBSTRINGS, GREATER, LESS, PRESENT, APPROX, EXTENSIBLE = (
    0xA0, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xA6, 0x87, 0xA8, 0xA9,
)  # fmt: skip
BIT_AND = "1.2.840.113556.1.4.803"
BIT_OR = "1.2.840.113556.1.4.804"
IN_CHAIN = "1.2.840.113556.1.4.1941"
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
        """Return the filter as text.

        Source: RFC 4515.
        """
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


def compile_filter(store: DirectoryStore, node: Filter) -> Predicate:
    """Return the predicate that decides whether an entry of `store` matches."""
    if node.kind in (AND, OR):
        return _all_of(store, node) if node.kind == AND else _any_of(store, node)
    if node.kind == NOT:
        inner = compile_filter(store, node.parts[0])

        def negated(entry: Entry) -> bool | None:
            verdict = inner(entry)
            return None if verdict is None else not verdict

        return negated
    known = schema.attribute(node.attribute.partition(";")[0])
    if known is None:
        return lambda entry: None
    if node.kind == PRESENT:
        return _present(store, known)
    if node.kind == EXTENSIBLE and node.rule:
        return _extensible(store, known, node)
    return _comparison(store, known, node)


def _all_of(store: DirectoryStore, node: Filter) -> Predicate:
    parts = [compile_filter(store, part) for part in node.parts]

    def predicate(entry: Entry) -> bool | None:
        verdict: bool | None = True
        for part in parts:
            found = part(entry)
            if found is False:
                return False
            if found is None:
                verdict = None
        return verdict

    return predicate


def _any_of(store: DirectoryStore, node: Filter) -> Predicate:
    parts = [compile_filter(store, part) for part in node.parts]

    def predicate(entry: Entry) -> bool | None:
        verdict: bool | None = False
        for part in parts:
            found = part(entry)
            if found:
                return True
            if found is None:
                verdict = None
        return verdict

    return predicate


def _present(store: DirectoryStore, known: Attribute) -> Predicate:
    if known.name in ("objectClass", "objectGUID", "distinguishedName", "name", "uSNChanged"):
        return lambda entry: True
    if not known.computed and not known.secret:
        return lambda entry: entry.stored(known.name) is not None
    return lambda entry: bool(reading.read(store, entry, known))


def _comparison(store: DirectoryStore, known: Attribute, node: Filter) -> Predicate:
    if node.kind == SUBSTRINGS:
        return _substrings(store, known, node)
    if known.syntax is Syntax.DN and node.kind == EQUAL and known.name != "objectCategory":
        return _dn_equal(store, known, node.value.decode(errors="replace"))
    wanted = _assertion(store, known, node.value)
    if wanted is None:
        return lambda entry: None
    if known.syntax is Syntax.INTEGER:
        number = int(wanted)
        if node.kind == GREATER:
            return lambda entry: any(int(value) >= number for value in reading.read(store, entry, known))
        if node.kind == LESS:
            return lambda entry: any(int(value) <= number for value in reading.read(store, entry, known))
    if node.kind == GREATER:
        return lambda entry: any(values.fold(known, value) >= wanted for value in reading.read(store, entry, known))
    if node.kind == LESS:
        return lambda entry: any(values.fold(known, value) <= wanted for value in reading.read(store, entry, known))
    if known.name == "objectClass":
        return lambda entry: any(value.lower() == wanted for value in values.unpack(entry.stored("objectClass")))
    return lambda entry: any(values.fold(known, value) == wanted for value in reading.read(store, entry, known))


def _assertion(store: DirectoryStore, known: Attribute, value: bytes) -> bytes | None:
    """Return the folded value to compare with, None when it has the wrong form for the attribute."""
    text = value.decode(errors="replace")
    if known.name == "objectCategory" and "=" not in text:
        category = schema.CATEGORY_NAMES.get(text.lower())
        return None if category is None else f"CN={category},{store.schema_dn}".lower().encode()
    if known.syntax is Syntax.INTEGER:
        return value if value.removeprefix(b"-").isdigit() else None
    try:
        if known.name == "objectSid" and text.upper().startswith("S-1-"):
            return sids.parse(text)
        if known.name in ("objectGUID", "parentGUID") and len(value) in (36, 38):
            return uuid.UUID(text).bytes_le
    except ValueError:
        return None
    return values.fold(known, value)


def _dn_equal(store: DirectoryStore, known: Attribute, text: str) -> Predicate:
    """Compare DN values as objects, so that spelling and escapes do not matter."""
    try:
        target = store.entry(text)
    except DirectoryError:
        return lambda entry: False
    if known.name == "distinguishedName":
        return lambda entry: entry is target
    if known.link:
        return lambda entry: target in entry.targets(known.name)
    if known.name in schema.BACK_LINKS:
        forward = schema.BACK_LINKS[known.name]
        return lambda entry: entry in target.targets(forward)
    wanted = store.dn(target).lower().encode()
    return lambda entry: any(value.lower() == wanted for value in reading.read(store, entry, known))


def _substrings(store: DirectoryStore, known: Attribute, node: Filter) -> Predicate:
    if known.syntax is Syntax.DN:
        return lambda entry: False  # Active Directory supports no substring match on names
    initial, *middle, final = [None if piece is None else values.fold(known, piece) for piece in node.pieces]

    def matches(value: bytes) -> bool:
        start, stop = 0, len(value)
        if initial is not None:
            if not value.startswith(initial):
                return False
            start = len(initial)
        if final is not None:
            if not value.endswith(final):
                return False
            stop -= len(final)
        for piece in middle:
            found = value.find(piece or b"", start, stop) if stop >= start else -1
            if found < 0:
                return False
            start = found + len(piece or b"")
        return start <= stop

    return lambda entry: any(matches(values.fold(known, value)) for value in reading.read(store, entry, known))


def _extensible(store: DirectoryStore, known: Attribute, node: Filter) -> Predicate:
    if node.rule in (BIT_AND, BIT_OR) and known.syntax is Syntax.INTEGER and node.value.removeprefix(b"-").isdigit():
        bits = int(node.value)
        if node.rule == BIT_AND:
            return lambda entry: any(int(value) & bits == bits for value in reading.read(store, entry, known))
        return lambda entry: any(int(value) & bits != 0 for value in reading.read(store, entry, known))
    if node.rule == IN_CHAIN and known.syntax is Syntax.DN:
        return _in_chain(store, known, node.value.decode(errors="replace"))
    return lambda entry: None


def _in_chain(store: DirectoryStore, known: Attribute, text: str) -> Predicate:
    """Match entries from which the named object is reached through `known`, directly or over any number of hops."""
    try:
        waiting = [store.entry(text)]
    except DirectoryError:
        return lambda entry: False
    found: set[Entry] = set()
    while waiting:
        entry = waiting.pop()
        if known.link:
            near = entry.sources(schema.LINKS[known.name][0])
        else:
            near = list(entry.targets(schema.BACK_LINKS.get(known.name, "")))
        fresh = [other for other in near if other not in found]
        found.update(fresh)
        waiting += fresh
    return lambda entry: entry in found


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
