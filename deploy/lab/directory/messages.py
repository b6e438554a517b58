"""LDAP messages: requests decoded into records, responses encoded.

Source: RFC 4511 section 4.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from deploy.lab.directory import ber, filters
from deploy.lab.directory.ber import BerError, Reader
from deploy.lab.directory.results import ResultCode
from deploy.lab.directory.updates import Operation, Update

BASE, ONE_LEVEL, SUBTREE = 0, 1, 2
START_TLS = "1.3.6.1.4.1.1466.20037"
WHO_AM_I = "1.3.6.1.4.1.4203.1.11.3"
# Headers of short elements: a sequence, and a set of one octet string, by the size of their contents.
_SHORT_SEQUENCE = tuple(bytes((0x30, size)) for size in range(128))
_SHORT_SET = tuple(bytes((0x31, size + 2, 0x04, size)) for size in range(126))
NOTICE_OF_DISCONNECTION = "1.3.6.1.4.1.1466.20036"


@dataclass(frozen=True, slots=True)
class Bind:
    version: int
    name: str
    password: str | None  # None: another mechanism than simple
    response = 0x61


@dataclass(frozen=True, slots=True)
class Unbind:
    response = None


@dataclass(frozen=True, slots=True)
class Search:
    base: str
    scope: int
    size_limit: int
    types_only: bool
    filter: filters.Filter
    attributes: tuple[str, ...]
    response = 0x65


@dataclass(frozen=True, slots=True)
class Modify:
    dn: str
    updates: tuple[Update, ...]
    response = 0x67


@dataclass(frozen=True, slots=True)
class Add:
    dn: str
    attributes: dict[str, list[bytes]]
    response = 0x69


@dataclass(frozen=True, slots=True)
class Delete:
    dn: str
    response = 0x6B


@dataclass(frozen=True, slots=True)
class ModifyDn:
    dn: str
    new_rdn: str
    delete_old: bool
    new_parent: str | None
    response = 0x6D


@dataclass(frozen=True, slots=True)
class Compare:
    dn: str
    attribute: str
    value: bytes
    response = 0x6F


@dataclass(frozen=True, slots=True)
class Abandon:
    message_id: int
    response = None


@dataclass(frozen=True, slots=True)
class Extended:
    name: str
    value: bytes | None
    response = 0x78


Request: TypeAlias = Bind | Unbind | Search | Modify | Add | Delete | ModifyDn | Compare | Abandon | Extended


@dataclass(frozen=True, slots=True)
class Control:
    oid: str
    critical: bool
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Message:
    id: int
    request: Request
    controls: tuple[Control, ...] = ()


def decode(raw: bytes) -> Message:
    """Return the request in `raw`, one whole LDAPMessage. Raises BerError when it is none."""
    outer = Reader(raw).sequence()
    message_id = outer.integer()
    if not 0 <= message_id < 1 << 31:
        raise BerError("a message id out of range")
    tag = outer.peek()
    decoder = _DECODERS.get(tag)
    if decoder is None:
        raise BerError(f"0x{tag & 0xFF:02x} is no LDAP request")
    request = decoder(outer)
    controls = []
    if outer.peek() == 0xA0:
        listed = outer.sequence(0xA0)
        while listed:
            controls.append(_control(listed.sequence()))
    return Message(message_id, request, tuple(controls))


def message(message_id: int, operation: bytes, controls: Iterable[bytes] = ()) -> bytes:
    """Return a whole LDAPMessage around an encoded response and encoded controls."""
    listed = b"".join(controls)
    return ber.tlv(ber.SEQUENCE, ber.integer(message_id), operation, ber.tlv(0xA0, listed) if listed else b"")


def result(tag: int, code: ResultCode, text: str = "", matched: str = "", *extra: bytes) -> bytes:
    """Return an encoded LDAPResult with the response tag of its operation."""
    return ber.tlv(tag, ber.integer(code, ber.ENUMERATED), ber.octets(matched), ber.octets(text), *extra)


def control(oid: str, value: bytes | None = None) -> bytes:
    """Return an encoded response control."""
    return ber.tlv(ber.SEQUENCE, ber.octets(oid), b"" if value is None else ber.octets(value))


def entry(dn: bytes, attributes: Iterable[bytes]) -> bytes:
    """Return an encoded SearchResultEntry of encoded attributes."""
    return ber.tlv(0x64, ber.octets(dn), ber.tlv(ber.SEQUENCE, *attributes))


def attribute(encoded_name: bytes, values: Sequence[bytes]) -> bytes:
    """Return an encoded PartialAttribute; `encoded_name` is the name as an OCTET STRING element."""
    if len(values) == 1:
        value = values[0]
        size = len(value)
        whole = len(encoded_name) + size + 4
        if whole < 128:  # the usual case, and half of the time a full pass takes
            return _SHORT_SEQUENCE[whole] + encoded_name + _SHORT_SET[size] + value
    content = b"".join([ber.octets(value) for value in values])
    content = encoded_name + b"\x31" + ber.length(len(content)) + content
    return b"\x30" + ber.length(len(content)) + content


def reference(*urls: str) -> bytes:
    """Return an encoded SearchResultReference."""
    return ber.tlv(0x73, *map(ber.octets, urls))


def _bind(outer: Reader) -> Bind:
    inner = outer.sequence(0x60)
    version, name = inner.integer(), inner.text()
    if inner.peek() != 0x80:
        inner.element()
        return Bind(version, name, None)
    return Bind(version, name, inner.octets(0x80).decode(errors="replace"))


def _unbind(outer: Reader) -> Unbind:
    outer.element(0x42)
    return Unbind()


def _search(outer: Reader) -> Search:
    inner = outer.sequence(0x63)
    base, scope = inner.text(), inner.integer(ber.ENUMERATED)
    inner.integer(ber.ENUMERATED)  # alias dereferencing: Active Directory has no aliases
    size_limit, _time_limit = inner.integer(), inner.integer()
    types_only = inner.boolean()
    wanted = filters.decode(inner)
    names = tuple(name.decode(errors="replace") for name in inner.sequence().each(ber.OCTET_STRING))
    if scope not in (BASE, ONE_LEVEL, SUBTREE) or size_limit < 0:
        raise BerError("a search with an impossible scope or size limit")
    return Search(base, scope, size_limit, types_only, wanted, names)


def _modify(outer: Reader) -> Modify:
    inner = outer.sequence(0x66)
    dn, listed, updates = inner.text(), inner.sequence(), []
    while listed:
        change = listed.sequence()
        number = change.integer(ber.ENUMERATED)
        if number not in (0, 1, 2):
            raise BerError(f"modification {number} does not exist")
        partial = change.sequence()
        updates.append(
            Update(Operation(number), partial.text(), tuple(partial.sequence(ber.SET).each(ber.OCTET_STRING)))
        )
    return Modify(dn, tuple(updates))


def _add(outer: Reader) -> Add:
    inner = outer.sequence(0x68)
    dn, listed = inner.text(), inner.sequence()
    attributes: dict[str, list[bytes]] = {}
    while listed:
        partial = listed.sequence()
        attributes.setdefault(partial.text(), []).extend(partial.sequence(ber.SET).each(ber.OCTET_STRING))
    return Add(dn, attributes)


def _delete(outer: Reader) -> Delete:
    return Delete(outer.text(0x4A))


def _modify_dn(outer: Reader) -> ModifyDn:
    inner = outer.sequence(0x6C)
    dn, rdn, delete_old = inner.text(), inner.text(), inner.boolean()
    return ModifyDn(dn, rdn, delete_old, inner.text(0x80) if inner.peek() == 0x80 else None)


def _compare(outer: Reader) -> Compare:
    inner = outer.sequence(0x6E)
    dn, assertion = inner.text(), inner.sequence()
    return Compare(dn, assertion.text(), assertion.octets())


def _abandon(outer: Reader) -> Abandon:
    return Abandon(outer.integer(0x50))


def _extended(outer: Reader) -> Extended:
    inner = outer.sequence(0x77)
    return Extended(inner.text(0x80), inner.octets(0x81) if inner.peek() == 0x81 else None)


_DECODERS: dict[int, Callable[[Reader], Request]] = {
    0x60: _bind, 0x42: _unbind, 0x63: _search, 0x66: _modify, 0x68: _add, 0x4A: _delete, 0x6C: _modify_dn,
    0x6E: _compare, 0x50: _abandon, 0x77: _extended,
}  # fmt: skip


def _control(inner: Reader) -> Control:
    oid = inner.text()
    critical = inner.boolean() if inner.peek() == ber.BOOLEAN else False
    return Control(oid, critical, inner.octets() if inner.peek() == ber.OCTET_STRING else None)
