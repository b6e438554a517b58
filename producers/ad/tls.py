"""TLS as this source wants it: always verified, by host name, IP address or one of `valid_names`."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

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


def check_names(certificate: Mapping[str, Any], names: VerifiedNames) -> None:
    """Compare a verified certificate with the allowed names where OpenSSL was not told to.

    Raises ssl.SSLCertVerificationError if none fits. A wildcard stands for one label (RFC 6125 6.4.3).
    """
    if not names.others:
        return
    carried = [str(value).lower() for _, value in certificate.get("subjectAltName", ())]
    for allowed in (names.host.lower(), *(name.lower() for name in names.others)):
        parent = allowed.partition(".")[2]
        if allowed in carried or (parent and f"*.{parent}" in carried):
            return
    raise ssl.SSLCertVerificationError(f"the certificate names {carried or 'nobody'}")
