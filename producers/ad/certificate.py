"""The few fields of an X.509 certificate that hybrid join is judged by. Pure.

A computer writes a self-signed certificate to userCertificate; half a million blobs of 800 bytes each are not
carried on. The values come from anyone who may write the attribute, so a broken one is data, not an error. The
signature is not verified, as Entra Connect does not verify it either.
"""

from __future__ import annotations

import hashlib
import warnings
from datetime import datetime

from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import NameOID

_LONGEST_NAME = 200
# Serial numbers do not count here.
warnings.filterwarnings("ignore", "Parsed a serial number", CryptographyDeprecationWarning)


def certificate_line(value: bytes) -> str:
    """The line of streams.contracts.certificate for one raw value; never raises."""
    thumbprint = hashlib.sha1(value, usedforsecurity=False).hexdigest().upper()
    try:
        parsed = x509.load_der_x509_certificate(value)
        not_before, not_after = _time(parsed.not_valid_before_utc), _time(parsed.not_valid_after_utc)
        common_name = _common_name(parsed.subject)
    except Exception:  # noqa: BLE001  whatever the parser stumbles over is this value's
        return thumbprint
    return f"{thumbprint} {not_before} {not_after} {common_name}".rstrip()


def _time(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _common_name(subject: x509.Name) -> str:
    """The most specific common name: the last one, as names are written from it."""
    names = subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return " ".join(str(names[-1].value).split())[:_LONGEST_NAME] if names else ""
