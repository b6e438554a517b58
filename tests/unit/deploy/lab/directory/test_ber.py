"""The BER codec against pyasn1, and against rubbish."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyasn1.codec.ber import decoder, encoder
from pyasn1.type import namedtype, univ

from deploy.lab.directory import ber, messages
from deploy.lab.directory.ber import BerError, Reader


class _Pair(univ.Sequence):
    componentType = namedtype.NamedTypes(
        namedtype.NamedType("number", univ.Integer()), namedtype.NamedType("octets", univ.OctetString())
    )


@given(st.integers(min_value=-(2**62), max_value=2**62))
def test_integers_are_minimal_and_read_back_by_pyasn1(number: int) -> None:
    raw = ber.integer(number)
    value, rest = decoder.decode(raw, asn1Spec=univ.Integer())
    assert (int(value), rest) == (number, b"")
    assert Reader(raw).integer() == number
    content = raw[2:]
    assert len(content) == 1 or content[0] not in (0x00, 0xFF) or (content[0] ^ content[1]) & 0x80


@given(st.integers(min_value=-(2**31), max_value=2**31), st.binary(max_size=70_000))
def test_a_sequence_is_read_as_pyasn1_wrote_it_and_the_other_way(number: int, octets: bytes) -> None:
    pair = _Pair()
    pair["number"], pair["octets"] = number, octets
    theirs = encoder.encode(pair)
    inner = Reader(theirs).sequence()
    assert (inner.integer(), inner.octets(), bool(inner)) == (number, octets, False)
    ours = ber.tlv(ber.SEQUENCE, ber.integer(number), ber.octets(octets))
    value, _ = decoder.decode(ours, asn1Spec=_Pair())
    assert (int(value["number"]), bytes(value["octets"])) == (number, octets)


@given(st.binary(max_size=200), st.integers(min_value=0, max_value=127))
def test_a_short_attribute_is_the_same_element_as_a_long_one(value: bytes, cut: int) -> None:
    name = ber.octets("a" * cut)
    expected = ber.tlv(ber.SEQUENCE, name, ber.tlv(ber.SET, ber.octets(value)))
    assert messages.attribute(name, (value,)) == expected


@given(st.binary(max_size=300))
def test_rubbish_is_refused_and_nothing_else_happens(rubbish: bytes) -> None:
    try:
        messages.decode(rubbish)
    except BerError:
        return
    assert rubbish[0] == ber.SEQUENCE


@given(st.data())
def test_a_damaged_request_is_a_request_or_refused(data: st.DataObject) -> None:
    filter_ = ber.tlv(0xA3, ber.octets("mail"), ber.octets("x@y"))
    body = ber.octets("dc=x") + ber.integer(2, 10) + ber.integer(0, 10) + ber.integer(0) + ber.integer(0)
    search = ber.tlv(0x63, body, ber.boolean(False), filter_, ber.tlv(ber.SEQUENCE, ber.octets("cn")))
    raw = bytearray(ber.tlv(ber.SEQUENCE, ber.integer(1), search))
    assert isinstance(messages.decode(bytes(raw)).request, messages.Search)
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BerError):
        assert isinstance(messages.decode(bytes(raw)), messages.Message)


@pytest.mark.parametrize(
    "raw", [b"\x30\x80\x00\x00", b"\x30\x85\x00\x00\x00\x00\x01\x00", b"\x1f\x81\x01\x00", b"\x30\x05\x02"]
)
def test_forms_ldap_forbids_are_refused(raw: bytes) -> None:
    with pytest.raises(BerError):
        Reader(raw).element()


def test_endless_nesting_is_refused() -> None:
    raw = b""
    for _ in range(400):
        raw = ber.tlv(0xA2, raw)
    body = (
        ber.octets("") + ber.integer(2, 10) + ber.integer(0, 10) + ber.integer(0) + ber.integer(0) + ber.boolean(False)
    )
    search = ber.tlv(0x63, body, raw, ber.tlv(ber.SEQUENCE))
    with pytest.raises(BerError, match="nested"):
        messages.decode(ber.tlv(ber.SEQUENCE, ber.integer(1), search))
