"""msal, unmodified, gets tokens by every credential that SyncHealth supports."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import jwt
import msal
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from deploy.lab.entra.apps import FederatedCredential
from tests.integration.entra.conftest import CLIENT_ID, SECRET, TENANT_ID, Lab

SCOPES = ["https://graph.microsoft.com/.default"]


def client(lab: Lab, credential: Any, authority: str = "") -> msal.ConfidentialClientApplication:
    return msal.ConfidentialClientApplication(
        CLIENT_ID,
        client_credential=credential,
        authority=authority or lab.authority,
        instance_discovery=False,
        http_client=lab.http,
    )


def rsa_key() -> tuple[rsa.RSAPrivateKey, str, str]:
    """Return a key, its PEM and the PEM of its public half."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return key, private.decode(), public.decode()


def certificate(key: rsa.RSAPrivateKey) -> str:
    """Return a self-signed certificate for a key, as PEM."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "SyncHealth")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


def users_status(lab: Lab, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return lab.http.get(f"{lab.url}/v1.0/users", headers=headers, timeout=120).status_code


@pytest.mark.parametrize("name", [TENANT_ID, "contoso.onmicrosoft.com"])
def test_secret_gives_a_token_with_the_granted_roles(lab: Lab, name: str) -> None:
    app = client(lab, SECRET, f"{lab.url}/{name}")
    result = app.acquire_token_for_client(SCOPES)
    claims = jwt.decode(result["access_token"], options={"verify_signature": False})
    assert set(claims["roles"]) == lab.app.roles
    assert claims["tid"] == TENANT_ID
    assert users_status(lab, result["access_token"]) == 200
    assert app.acquire_token_for_client(SCOPES)["token_source"] == "cache"


def test_wrong_secret_is_told_apart_from_an_expired_one(lab: Lab) -> None:
    result = client(lab, "guess").acquire_token_for_client(SCOPES)
    assert (result["error"], result["error_codes"]) == ("invalid_client", [7000215])
    assert "guess" not in result["error_description"]
    lab.app.secrets.clear()
    lab.app.expired_secrets.add(SECRET)
    result = client(lab, SECRET).acquire_token_for_client(SCOPES)
    assert result["error_codes"] == [7000222]


def test_certificate_is_verified_against_the_registered_ones(lab: Lab) -> None:
    key, private, _ = rsa_key()
    public = certificate(key)
    credential = {"private_key": private, "public_certificate": public}
    refused = client(lab, credential).acquire_token_for_client(SCOPES)
    assert refused["error_codes"] == [700027]
    lab.app.certificates.append(public)
    result = client(lab, credential).acquire_token_for_client(SCOPES)
    assert users_status(lab, result["access_token"]) == 200


def test_workload_identity_trusts_the_named_issuer_and_subject_only(lab: Lab) -> None:
    _, private, public = rsa_key()
    _, stranger, _ = rsa_key()
    lab.app.federated.append(FederatedCredential("https://cluster", "system:serviceaccount:sync", public))

    def assertion(key: str = private, subject: str = "system:serviceaccount:sync") -> str:
        claims = {"iss": "https://cluster", "sub": subject, "aud": "api://AzureADTokenExchange"}
        return jwt.encode({**claims, "exp": int(time.time()) + 60}, key, algorithm="RS256")

    result = client(lab, {"client_assertion": assertion}).acquire_token_for_client(SCOPES)
    assert users_status(lab, result["access_token"]) == 200
    forged = client(lab, {"client_assertion": lambda: assertion(stranger)}).acquire_token_for_client(SCOPES)
    assert forged["error_codes"] == [700024]
    other = client(lab, {"client_assertion": lambda: assertion(subject="x")}).acquire_token_for_client(SCOPES)
    assert other["error_codes"] == [70021]


def test_managed_identity_gets_a_token_without_a_secret(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{lab.url}/msi/token")
    monkeypatch.setenv("IDENTITY_HEADER", "msi-header")
    identity = msal.ManagedIdentityClient(msal.SystemAssignedManagedIdentity(), http_client=lab.http)
    result = identity.acquire_token_for_client(resource="https://graph.microsoft.com")
    assert users_status(lab, result["access_token"]) == 200
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    stranger = msal.ManagedIdentityClient(msal.SystemAssignedManagedIdentity(), http_client=lab.http)
    assert "access_token" not in stranger.acquire_token_for_client(resource="https://graph.microsoft.com")


def test_expired_tokens_are_refused_with_a_challenge_and_replaced(lab: Lab) -> None:
    token = client(lab, SECRET).acquire_token_for_client(SCOPES)["access_token"]
    lab.faults.expire_tokens()
    response = lab.http.get(f"{lab.url}/v1.0/users", headers={"Authorization": f"Bearer {token}"}, timeout=120)
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "InvalidAuthenticationToken"
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    fresh = client(lab, SECRET).acquire_token_for_client(SCOPES)["access_token"]
    assert users_status(lab, fresh) == 200


def test_token_life_is_what_the_application_says(lab: Lab) -> None:
    lab.app.token_lifetime_s = -1
    token = lab.token().json()["access_token"]
    assert users_status(lab, token) == 401


def test_a_token_of_another_server_is_worth_nothing(lab: Lab) -> None:
    claims = {"aud": "https://graph.microsoft.com", "tid": TENANT_ID, "appid": CLIENT_ID, "roles": ["User.Read.All"]}
    for forged in (jwt.encode(claims, "x" * 32, algorithm="HS256"), jwt.encode(claims, "", algorithm="none")):
        assert users_status(lab, forged) == 401


@pytest.mark.parametrize(
    ("form", "status", "number"),
    [
        ({"scope": "https://graph.microsoft.com/User.Read"}, 400, 1002012),
        ({"scope": "https://example.org/.default"}, 400, 500011),
        ({"client_id": "nobody"}, 400, 700016),
        ({"client_id": ""}, 400, 900144),
        ({"grant_type": "password"}, 400, 70003),
        ({"client_secret": ""}, 401, 7000218),
        ({"client_assertion": "x", "client_assertion_type": "y"}, 400, 900144),
    ],
)
def test_bad_requests_are_named_as_entra_names_them(lab: Lab, form: dict[str, str], status: int, number: int) -> None:
    response = lab.token(**form)
    assert (response.status_code, response.json()["error_codes"]) == (status, [number])


def test_unknown_tenants_have_no_authority(lab: Lab) -> None:
    response = lab.http.get(f"{lab.url}/nobody.com/v2.0/.well-known/openid-configuration", timeout=120)
    assert (response.status_code, response.json()["error_codes"]) == (400, [90002])


def test_the_token_endpoint_fails_on_command(lab: Lab) -> None:
    lab.fault("throttle", path="oauth2", retry_after_s=7)
    lab.fault("server_error", path="oauth2", status=500)
    first, second, third = lab.token(), lab.token(), lab.token()
    assert (first.status_code, first.headers["Retry-After"]) == (429, "7")
    assert (second.status_code, third.status_code) == (500, 200)
