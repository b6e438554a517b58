"""Certificates in userCertificate: the fields that count, and nothing that breaks."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import example, given, settings
from hypothesis import strategies as st

from producers.ad.certificate import certificate_line
from producers.ad.ldap.wire import Entry
from producers.ad.mapping import read_change
from streams.contracts.certificate import Certificate, read_certificate
from streams.contracts.times import rfc3339

GUID = "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55"
KEY = ec.generate_private_key(ec.SECP256R1())


def certificate(names: list[tuple[x509.ObjectIdentifier, str]], start: datetime, end: datetime) -> bytes:
    subject = x509.Name([x509.NameAttribute(kind, text) for kind, text in names])
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(KEY.public_key())
    builder = builder.serial_number(4711).not_valid_before(start).not_valid_after(end)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


SOUND = certificate(
    [(NameOID.COMMON_NAME, GUID)], datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2036, 1, 2, tzinfo=UTC)
)


def test_the_line_has_thumbprint_validity_and_common_name() -> None:
    thumbprint = hashlib.sha1(SOUND).hexdigest().upper()
    assert certificate_line(SOUND) == f"{thumbprint} 2026-01-02T03:04:05Z 2036-01-02T00:00:00Z {GUID}"


@settings(deadline=None)
@given(
    names=st.lists(
        st.tuples(
            st.sampled_from([NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME, NameOID.ORGANIZATIONAL_UNIT_NAME]),
            st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=16),
        ),
        max_size=4,
    ),
    start_s=st.integers(-599_616_000, 7_258_118_400),  # 1951 to 2200
    days=st.integers(1, 4000),
)
def test_says_what_the_certificate_was_made_of(
    names: list[tuple[x509.ObjectIdentifier, str]], start_s: int, days: int
) -> None:
    start, end = (datetime.fromtimestamp(moment, UTC) for moment in (start_s, start_s + days * 86_400))
    read = read_certificate(certificate_line(certificate(names, start, end)))
    assert (read.not_before_ms, read.not_after_ms) == (start_s * 1000, (start_s + days * 86_400) * 1000)
    common_names = [text for kind, text in names if kind == NameOID.COMMON_NAME]
    assert read.common_name == (common_names[-1] if common_names else "")


@settings(max_examples=400, deadline=None)
@given(value=st.binary(max_size=300))
@example(b"")
@example(b"\x30\x80\x00\x00")
@example(b"\x30\x84\xff\xff\xff\xff")
def test_any_bytes_give_a_line_that_reads_back(value: bytes) -> None:
    read = read_certificate(certificate_line(value))
    assert read.thumbprint == hashlib.sha1(value).hexdigest().upper()


@settings(max_examples=600, deadline=None)
@given(
    at=st.integers(0, len(SOUND) - 1),
    change=st.integers(1, 255),
    cut=st.one_of(st.none(), st.integers(0, len(SOUND))),
)
def test_damaged_certificates_are_data(at: int, change: int, cut: int | None) -> None:
    damaged = bytearray(SOUND)
    damaged[at] ^= change
    value = bytes(damaged[:cut])
    read = read_certificate(certificate_line(value))
    assert read.thumbprint == hashlib.sha1(value).hexdigest().upper()
    assert "\n" not in certificate_line(value)


@pytest.mark.parametrize("value", [b"", b"\x30", b"\x30\x00", b"\x30\x80", b"\x30\x02\x30\x00", b"\x30\x00" + SOUND])
def test_certificates_without_content_are_data(value: bytes) -> None:
    assert certificate_line(value) == hashlib.sha1(value).hexdigest().upper()


@settings(deadline=None)
@given(text=st.text(max_size=120))
def test_any_line_reads(text: str) -> None:
    assert isinstance(read_certificate(text), Certificate)


@pytest.mark.parametrize(
    ("common_name", "fits"),
    [(GUID, True), ("{" + GUID.upper() + "}", True), ("6e1a2c90", False), ("", False), (f"{GUID}-x", False)],
)
def test_a_join_certificate_names_the_computer(common_name: str, fits: bool) -> None:
    assert Certificate("00", 0, 1, common_name).names(GUID) is fits


def test_validity_ends_at_its_moment() -> None:
    read = read_certificate(certificate_line(SOUND))
    assert read.not_after_ms is not None
    assert read.covers(read.not_after_ms - 1)
    assert not read.covers(read.not_after_ms)
    assert rfc3339(read.not_after_ms) == "2036-01-02T00:00:00.000Z"


def test_facts_carry_lines_and_no_blobs() -> None:
    guid = bytes.fromhex("902c1a6e7d5b384f9c210a4be37d1f55")
    entry = Entry("CN=PC1,DC=corp", {"objectGUID": [guid], "userCertificate": [SOUND, b"no certificate"]})
    lines = read_change(entry).attributes["userCertificate"]
    assert lines == [certificate_line(SOUND), hashlib.sha1(b"no certificate").hexdigest().upper()]
    assert read_change(Entry("CN=PC1,DC=corp", {"objectGUID": [guid], "userCertificate;binary": [SOUND]})).attributes[
        "userCertificate"
    ] == [certificate_line(SOUND)]
