"""Verify the signed proof a client sends instead of a secret.

Source: Microsoft identity platform, client credentials with a certificate (RFC 7523), and
workload identity federation, where the proof is a token of a foreign issuer.
"""

from __future__ import annotations

import jwt
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from deploy.lab.entra.apps import AppRegistration

_ALGORITHMS = ["RS256", "PS256", "ES256"]


class AssertionRefused(Exception):
    """The proof does not hold; `code` is the AADSTS number that says why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def verify(assertion: str, app: AppRegistration, token_endpoint: str) -> None:
    """Accept an assertion signed by a registered certificate or a trusted foreign issuer.

    Raises:
        AssertionRefused: signature, audience, issuer, subject or life do not fit.
    """
    try:
        claims = jwt.decode(assertion, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise AssertionRefused(50027, f"JWT token is invalid or malformed: {error}") from error
    if claims.get("iss") == app.client_id:
        _own(assertion, app, token_endpoint)
    else:
        _foreign(assertion, claims, app)


def _own(assertion: str, app: AppRegistration, token_endpoint: str) -> None:
    for pem in app.certificates:
        key = x509.load_pem_x509_certificate(pem.encode()).public_key()
        public = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        try:
            jwt.decode(
                assertion,
                public,
                algorithms=_ALGORITHMS,
                audience=token_endpoint,
                issuer=app.client_id,
                subject=app.client_id,
                options={"require": ["exp", "aud", "iss", "sub"]},
            )
        except jwt.InvalidSignatureError:
            continue
        except jwt.PyJWTError as error:
            raise AssertionRefused(700024, f"Client assertion is not usable: {error}") from error
        return
    raise AssertionRefused(
        700027, "The certificate with which the client assertion was signed is not registered on the application"
    )


def _foreign(assertion: str, claims: dict[str, object], app: AppRegistration) -> None:
    for credential in app.federated:
        if (credential.issuer, credential.subject) != (claims.get("iss"), claims.get("sub")):
            continue
        try:
            jwt.decode(
                assertion,
                credential.public_key,
                algorithms=_ALGORITHMS,
                audience=credential.audience,
                issuer=credential.issuer,
                options={"require": ["exp", "aud", "iss", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise AssertionRefused(700024, f"Client assertion is not usable: {error}") from error
        return
    raise AssertionRefused(
        70021, "No matching federated identity record found for presented assertion subject and issuer"
    )
