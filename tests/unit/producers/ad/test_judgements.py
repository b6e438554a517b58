"""Small judgements: refusals, positions, times, certificate names."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from producers.ad.ldap.refusals import refusal
from producers.ad.ldap.times import nearest
from producers.ad.ldap.tls import VerifiedNames, check_names
from producers.ad.ldap.wire import Result
from producers.ad.position import Position
from producers.ad.root_dse import ServerIdentity
from streams.contracts.errors import CheckpointLostError, FatalError, RetriableError
from streams.runtime.clock import parse_rfc3339

DAY_MS = 86_400_000
DC1 = ServerIdentity("CN=NTDS Settings,CN=DC1", "life-1", "DC=corp", "CN=Configuration,DC=corp", ("DC=corp",))
DC2 = ServerIdentity("CN=NTDS Settings,CN=DC2", "life-9", "DC=corp", "CN=Configuration,DC=corp", ("DC=corp",))


@pytest.mark.parametrize(
    ("code", "with_cookie", "expected"),
    [
        (12, True, CheckpointLostError),
        (53, True, CheckpointLostError),
        (2, True, CheckpointLostError),
        (12, False, FatalError),
        (50, True, FatalError),
        (50, False, FatalError),
        (8, False, FatalError),
        (32, False, FatalError),
        (10, False, FatalError),
        (1, False, RetriableError),
        (3, True, RetriableError),
        (51, False, RetriableError),
        (52, True, RetriableError),
        (80, True, RetriableError),
    ],
)
def test_a_refusal_is_an_error_by_its_recovery(code: int, with_cookie: bool, expected: type[Exception]) -> None:
    error = refusal(Result(code, "said so"), "ldaps://dc1: DirSync", with_cookie=with_cookie)
    assert type(error) is expected
    assert "ldaps://dc1" in str(error)


@pytest.mark.parametrize(
    ("data", "advice"),
    [("52e", "bind_password"), ("532", "expired"), ("533", "enable"), ("773", "changed"), ("777", "bind_user")],
)
def test_a_refused_bind_says_what_to_do(data: str, advice: str) -> None:
    error = refusal(Result(49, f"80090308: LdapErr: comment: AcceptSecurityContext error, data {data}, v4563"), "bind")
    assert isinstance(error, FatalError)
    assert advice in str(error)


def test_a_locked_account_is_waited_for_without_further_attempts() -> None:
    error = refusal(Result(49, "AcceptSecurityContext error, data 775, v4563"), "bind")
    assert isinstance(error, RetriableError)
    assert error.retry_after_s == 300


def position() -> Position:
    return Position("DC=corp", "guid", b"cookie", {DC1.service_name: ("life-1", 100)}, True, contact_ms=DAY_MS)


@pytest.mark.parametrize(
    ("identity", "domain_guid", "usn", "now_ms", "expected"),
    [
        (DC1, "guid", 100, DAY_MS, None),
        (DC1, "guid", 5000, DAY_MS, None),
        (DC2, "guid", 3, DAY_MS, None),  # another server's USNs are its own; the cookie is portable
        (DC1, "other", 100, DAY_MS, "foreign_domain"),
        (DC1, "guid", 99, DAY_MS, "usn_rollback"),
        (ServerIdentity(DC1.service_name, "life-2", "", "", ()), "guid", 100, DAY_MS, "restored_server"),
        (DC1, "guid", 100, 200 * DAY_MS, "tombstone_lifetime"),
    ],
)
def test_when_a_cookie_must_not_be_used(
    identity: ServerIdentity, domain_guid: str, usn: int, now_ms: int, expected: str | None
) -> None:
    assert position().fault(identity, domain_guid, usn, now_ms, 180 * DAY_MS) == expected


def test_without_a_cookie_nothing_can_be_wrong_with_it() -> None:
    assert Position("DC=corp").fault(DC1, "guid", 0, DAY_MS, DAY_MS) is None


@given(st.binary(max_size=300), st.dictionaries(st.text(), st.tuples(st.none() | st.text(), st.integers(0))))
def test_a_position_comes_back_as_it_was_saved(cookie: bytes, servers: dict[str, tuple[str | None, int]]) -> None:
    before = Position("DC=corp", "guid", cookie, servers, True, 5, 6)
    assert Position.from_json(before.to_json()) == before


@given(
    st.dictionaries(
        st.sampled_from(["cookie", "servers", "complete", "domain_guid", "contact_ms", "swept_ms"]),
        st.none() | st.text() | st.integers() | st.lists(st.integers()) | st.dictionaries(st.text(), st.none()),
    )
)
def test_an_unreadable_position_means_beginning_again(saved: dict[str, object]) -> None:
    found = Position.from_json({"naming_context": "DC=corp", **saved})
    assert found.naming_context == "DC=corp"


@pytest.mark.parametrize(
    ("when_changed", "read", "quiet", "expected"),
    [
        ("20261122140509.0Z", "2026-11-22T14:05:09.700Z", "2026-11-22T14:05:09.500Z", "2026-11-22T14:05:09.700Z"),
        ("20261122140509.0Z", "2026-11-22T14:05:10.100Z", "2026-11-22T14:05:09.900Z", "2026-11-22T14:05:09.900Z"),
        ("20261122140509.0Z", "2026-11-22T14:09:00.000Z", "2026-11-22T14:00:00.000Z", "2026-11-22T14:05:09.000Z"),
        ("20261122150509.0Z", "2026-11-22T14:05:09.700Z", "2026-11-22T14:00:00.000Z", "2026-11-22T14:05:09.700Z"),
        ("nonsense", "2026-11-22T14:05:09.700Z", "2026-11-22T14:00:00.000Z", "2026-11-22T14:05:09.700Z"),
    ],
)
def test_the_time_of_a_change_is_the_best_that_can_be_known(
    when_changed: str, read: str, quiet: str, expected: str
) -> None:
    assert nearest(when_changed, parse_rfc3339(read), parse_rfc3339(quiet)) == parse_rfc3339(expected)


def _certificate(*carried: x509.GeneralName) -> bytes:
    key, start = ec.generate_private_key(ec.SECP256R1()), datetime(2026, 1, 1, tzinfo=UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "dc1.corp.contoso.local")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(1).not_valid_before(start).not_valid_after(start + timedelta(days=9))
    if carried:
        builder = builder.add_extension(x509.SubjectAlternativeName(carried), critical=False)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize(
    ("carried", "fits"),
    [
        (x509.DNSName("dc1.corp.contoso.local"), True),
        (x509.DNSName("DC1.corp.contoso.local"), True),
        (x509.DNSName("*.corp.contoso.local"), True),
        (x509.DNSName("*.contoso.local"), False),
        (x509.DNSName("dc2.corp.contoso.local"), False),
        (x509.DNSName("10.0.0.1"), False),
        (x509.IPAddress(ip_address("10.0.0.1")), True),
        (x509.IPAddress(ip_address("10.0.0.2")), False),
        (x509.UniformResourceIdentifier("dc1.corp.contoso.local"), False),
        (x509.RFC822Name("dc1.corp.contoso.local"), False),
    ],
)
def test_a_certificate_must_carry_an_allowed_name(carried: x509.GeneralName, fits: bool) -> None:
    names = VerifiedNames("10.0.0.1", ("dc1.corp.contoso.local",))
    if fits:
        check_names(_certificate(carried), names)
    else:
        with pytest.raises(ssl.SSLCertVerificationError):
            check_names(_certificate(carried), names)


@pytest.mark.parametrize("certificate", [_certificate(), b"", b"no certificate"])
def test_a_certificate_without_names_fits_nobody(certificate: bytes) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        check_names(certificate, VerifiedNames("10.0.0.1", ("dc1",)))
