"""LDAP bytes: checked against the encoder of ldap3, cut anywhere, and against garbage."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.protocol.controls import build_control
from ldap3.protocol.rfc4511 import (
    LDAPDN,
    Attribute,
    AttributeDescription,
    AttributeValue,
    Controls,
    LDAPMessage,
    LDAPString,
    MessageID,
    PartialAttributeList,
    ProtocolOp,
    ResultCode,
    SearchResultDone,
    SearchResultEntry,
    Vals,
)
from ldap3.utils.asn1 import encode

from producers.ad.ldap import wire
from streams.contracts.errors import RetriableError

values = st.lists(st.binary(max_size=300), max_size=4)
names = st.text(st.characters(codec="ascii", categories=["Lu", "Ll", "Nd"]), min_size=1, max_size=20)
entries = st.builds(wire.Entry, dn=st.text(max_size=200), attributes=st.dictionaries(names, values, max_size=6))


def encoded(entry: wire.Entry, message_id: int = 7) -> bytes:
    """The entry as another implementation writes it."""
    attributes = PartialAttributeList()
    for at, (name, contents) in enumerate(entry.attributes.items()):
        vals = Vals()
        for number, value in enumerate(contents):
            vals.setComponentByPosition(number, AttributeValue(value))
        if not contents:
            vals.clear()
        attribute = Attribute()
        attribute["type"] = AttributeDescription(name)
        attribute["vals"] = vals
        attributes.setComponentByPosition(at, attribute)
    if not entry.attributes:
        attributes.clear()
    found = SearchResultEntry()
    found["object"] = LDAPDN(entry.dn)
    found["attributes"] = attributes
    return message(message_id, "searchResEntry", found)


def message(message_id: int, kind: str, operation: object, controls: Controls | None = None) -> bytes:
    whole = LDAPMessage()
    whole["messageID"] = MessageID(message_id)
    whole["protocolOp"] = ProtocolOp().setComponentByName(kind, operation)
    if controls is not None:
        whole["controls"] = controls
    return bytes(encode(whole))


def fed(data: bytes, cuts: list[int]) -> Callable[[int], bytes]:
    """A socket that delivers `data` in pieces."""
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    pieces = [data[start:end] for start, end in pairwise(edges)]
    return lambda _size: pieces.pop(0) if pieces else b""


@given(st.lists(entries, min_size=1, max_size=4), st.lists(st.integers(0, 5000), max_size=8))
def test_entries_survive_any_cut_of_the_stream(sent: list[wire.Entry], cuts: list[int]) -> None:
    reader = wire.MessageReader(fed(b"".join(map(encoded, sent)), cuts))
    received = [wire.read_entry(reader.next().content) for _ in sent]
    assert received == sent


@given(st.integers(1, 2**31 - 1), entries)
def test_a_message_tells_its_id_and_kind(message_id: int, entry: wire.Entry) -> None:
    found = wire.MessageReader(fed(encoded(entry, message_id), [])).next()
    assert (found.message_id, found.tag) == (message_id, wire.SEARCH_ENTRY)


@given(st.integers(0, 90), st.text(st.characters(codec="ascii", exclude_characters="\0\n "), max_size=300), values)
def test_a_result_tells_code_text_and_controls(code: int, text: str, control_values: list[bytes]) -> None:
    done = SearchResultDone()
    done["resultCode"] = ResultCode(code)
    done["matchedDN"] = LDAPDN("")
    done["diagnosticMessage"] = LDAPString(text)
    controls = Controls()
    expected = {}
    for number, value in enumerate(control_values):
        identifier = f"1.2.840.{number}"
        expected[identifier] = value
        controls.setComponentByPosition(number, build_control(identifier, bool(number % 2), value, False))
    raw = message(3, "searchResDone", done, controls if control_values else None)
    found = wire.MessageReader(fed(raw, [])).next()
    assert found.tag == wire.SEARCH_DONE
    assert wire.read_result(found.content, found.controls) == wire.Result(code, text, expected)


@given(st.binary(max_size=400))
def test_garbage_is_a_garbled_response_and_nothing_else(garbage: bytes) -> None:
    reader = wire.MessageReader(fed(garbage, []))
    with pytest.raises(RetriableError):  # garbled, or at its end
        while True:
            found = reader.next()
            wire.read_entry(found.content)
            wire.read_result(found.content, found.controls)


@given(entries, st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_byte_never_raises_anything_else(entry: wire.Entry, at: int, flip: int) -> None:
    raw = bytearray(encoded(entry))
    raw[at % len(raw)] ^= flip
    reader = wire.MessageReader(fed(bytes(raw), []))
    with suppress(RetriableError):
        wire.read_entry(reader.next().content)


def test_a_message_of_unbelievable_length_is_refused_before_it_is_read() -> None:
    with pytest.raises(wire.GarbledResponseError, match="not believable"):
        wire.MessageReader(fed(b"\x30\x84\xff\xff\xff\xff", [])).next()


@given(st.lists(st.integers(-(2**31), 2**31 - 1) | st.binary(max_size=300), max_size=5))
def test_control_values_come_back(items: list[int | bytes]) -> None:
    assert wire.read_sequence(wire.write_sequence(*items)) == items


def test_bit_31_is_sent_in_four_bytes_as_windows_wants_it() -> None:
    assert wire.write_sequence(-0x80000000, 0, b"") == bytes.fromhex("300b 0204 80000000 020100 0400".replace(" ", ""))
    assert wire.write_sequence(-0x80000000 + 1)[2:] == bytes.fromhex("020480000001")


@given(st.lists(entries, min_size=1, max_size=4), st.lists(st.integers(0, 5000), max_size=8))
def test_bytes_fed_in_pieces_give_each_message_once(sent: list[wire.Entry], cuts: list[int]) -> None:
    data = b"".join(map(encoded, sent))
    edges = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    reader = wire.MessageReader(lambda _size: b"")
    found = [message for start, end in pairwise(edges) for message in reader.feed(data[start:end])]
    assert [wire.read_entry(message.content) for message in found] == sent
