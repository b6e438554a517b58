"""The lab's own certificate authority: one CA and one server certificate in a directory.

Everything the lab serves over TLS (Graph, tokens, LDAPS) presents the same leaf, and every
client is given the CA file, so that certificate checking stays on in the lab as it is in
production. The private keys never leave the directory and are readable by their owner only.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_CA_LIFE = dt.timedelta(days=3650)
_LEAF_LIFE = dt.timedelta(days=397)
_RENEW_BEFORE = dt.timedelta(days=7)
_BACKDATE = dt.timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Certificates:
    """Paths of PEM files: what clients trust, and what servers present."""

    ca_file: Path
    cert_file: Path
    key_file: Path


def issue(directory: Path, hostnames: Sequence[str]) -> Certificates:
    """Return a CA and a server certificate for `hostnames`, creating what is missing.

    Args:
        directory: where the files live; created (mode 0700) if absent. Files found there are
            used again while they are valid for a week more and name every host.
        hostnames: DNS names and IP addresses the leaf must answer for, e.g.
            `["localhost", "127.0.0.1"]`. At least one.

    Raises:
        ValueError: `hostnames` is empty.
        OSError: the directory cannot be written.
    """
    if not hostnames:
        raise ValueError("a server certificate needs at least one host name or address")
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = Certificates(directory / "ca.pem", directory / "server.pem", directory / "server.key")
    if _usable(found, hostnames):
        return found
    ca_key, ca = _authority(directory)
    leaf_key = ec.generate_private_key(ec.SECP256R1())
    leaf = _leaf(leaf_key, ca_key, ca, hostnames)
    _write_key(found.key_file, leaf_key)
    _write(found.cert_file, leaf.public_bytes(serialization.Encoding.PEM), 0o644)
    return found


def _usable(found: Certificates, hostnames: Sequence[str]) -> bool:
    try:
        ca = x509.load_pem_x509_certificate(found.ca_file.read_bytes())
        leaf = x509.load_pem_x509_certificate(found.cert_file.read_bytes())
        key = serialization.load_pem_private_key(found.key_file.read_bytes(), password=None)
        leaf.verify_directly_issued_by(ca)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, InvalidSignature, x509.ExtensionNotFound):
        return False
    soon = dt.datetime.now(dt.UTC) + _RENEW_BEFORE
    return (
        ca.not_valid_after_utc > soon
        and leaf.not_valid_after_utc > soon
        and leaf.public_key() == key.public_key()
        and set(_names(hostnames)) <= set(names)
    )


def _authority(directory: Path) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    """Load the CA of the directory, or make one when it is absent, damaged or near its end."""
    cert_file, key_file = directory / "ca.pem", directory / "ca.key"
    try:
        ca = x509.load_pem_x509_certificate(cert_file.read_bytes())
        key = serialization.load_pem_private_key(key_file.read_bytes(), password=None)
        soon = dt.datetime.now(dt.UTC) + _RENEW_BEFORE
        if (
            isinstance(key, ec.EllipticCurvePrivateKey)
            and ca.public_key() == key.public_key()
            and ca.not_valid_after_utc > soon
        ):
            return key, ca
    except (OSError, ValueError):
        pass  # nothing usable there: a new authority is what the caller asked for
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SyncHealth lab CA")])
    ca = (
        _builder(name, name, key.public_key(), _CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_key_usage(authority=True), critical=True)
        .sign(key, hashes.SHA256())
    )
    _write_key(key_file, key)
    _write(cert_file, ca.public_bytes(serialization.Encoding.PEM), 0o644)
    return key, ca


def _leaf(
    key: ec.EllipticCurvePrivateKey,
    ca_key: ec.EllipticCurvePrivateKey,
    ca: x509.Certificate,
    hostnames: Sequence[str],
) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostnames[0][:64])])
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        _builder(subject, ca.subject, key.public_key(), _LEAF_LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(_names(hostnames)), critical=False)
        .add_extension(authority, critical=False)
        .sign(ca_key, hashes.SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, public_key: ec.EllipticCurvePublicKey, life: dt.timedelta
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public_key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _BACKDATE)
        .not_valid_after(now + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public_key), critical=False)
    )


def _names(hostnames: Sequence[str]) -> list[x509.GeneralName]:
    names: list[x509.GeneralName] = []
    for host in hostnames:
        try:
            names.append(x509.IPAddress(ipaddress.ip_address(host)))
        except ValueError:
            names.append(x509.DNSName(host))
    return names


def _key_usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    _write(path, pem, 0o600)


def _write(path: Path, content: bytes, mode: int) -> None:
    """Replace `path` in one step, never readable by others for even a moment."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(content)
    fresh.replace(path)
