"""TLS as this source wants it: always verified, by host name, IP address or one of `valid_names`."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from ipaddress import ip_address

from cryptography import x509
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address

from streams.contracts.errors import FatalError


@dataclass(frozen=True, slots=True)
class VerifiedNames:
    """Whom we talk to. `others`: names that its certificate may carry instead (settings: valid_names)."""

    host: str
    others: tuple[str, ...] = ()


def verifying_context(ca_file: str | None, names: VerifiedNames) -> ssl.SSLContext:
    """A client context that checks the chain, and the host too unless other names are allowed.

    Raises FatalError if `ca_file` cannot be read.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except OSError as error:  # ssl.SSLError is one
        raise FatalError(f"ca_file {ca_file} cannot be used ({error}): give a PEM file with the authority") from error
    context.check_hostname = not names.others
    return context


def check_names(certificate: bytes, names: VerifiedNames) -> None:
    """Compare a verified certificate (DER) with the allowed names where OpenSSL was not told to.

    Raises ssl.SSLCertVerificationError if none fits (RFC 9525: names of their own type, a wildcard is one label).
    """
    if not names.others:
        return
    try:
        parsed = x509.load_der_x509_certificate(certificate)
        if any(_carries(parsed, name) for name in (names.host, *names.others)):
            return
    except (ValueError, x509.InvalidVersion, CertificateError) as error:
        raise ssl.SSLCertVerificationError(f"the names of the certificate cannot be read ({error})") from error
    raise ssl.SSLCertVerificationError(f"the certificate names none of {[names.host, *names.others]}")


def _carries(certificate: x509.Certificate, name: str) -> bool:
    try:
        if _is_address(name):
            verify_certificate_ip_address(certificate, name)
        else:
            verify_certificate_hostname(certificate, name)
    except VerificationError:
        return False
    return True


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
