"""The four ways to prove who we are, msal unmodified, against the lab's authority."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from deploy.lab.certificates import Certificates
from deploy.lab.entra.apps import FederatedCredential
from deploy.lab.entra.faults import Fault
from deploy.lab.entra.http_tokens import ManagedIdentities
from producers.graph.client import GraphClient
from streams.contracts.errors import RetriableError
from tests.support.graph_lab import CLIENT_ID, SECRET, GraphLab, graph_lab


def reads(lab: GraphLab, **changes: object) -> bool:
    client = GraphClient(lab.settings(**changes))
    return bool(client.get(client.url("/organization"))["value"])


def key_pair(directory: Path) -> tuple[Path, Path, str]:
    """A certificate, its private key, and the public key as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "synchealth")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    certificate_file, key_file = directory / "app.pem", directory / "app.key"
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    key_file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return certificate_file, key_file, public.decode()


def test_a_secret(lab: GraphLab) -> None:
    assert reads(lab)


def test_a_certificate(lab: GraphLab, tmp_path: Path) -> None:
    certificate_file, key_file, _ = key_pair(tmp_path)
    lab.app.certificates.append(certificate_file.read_text())
    assert reads(lab, client_secret=None, certificate_file=certificate_file, private_key_file=key_file)


def test_a_federated_token_is_read_again_for_each_request(lab: GraphLab, tmp_path: Path) -> None:
    _, key_file, public = key_pair(tmp_path)
    lab.app.federated.append(FederatedCredential("https://issuer.example", "workload", public))
    token_file = tmp_path / "token"

    def issue(lifetime_s: int) -> None:
        claims = {
            "iss": "https://issuer.example",
            "sub": "workload",
            "aud": "api://AzureADTokenExchange",
            "exp": int(time.time()) + lifetime_s,
        }
        token_file.write_text(jwt.encode(claims, key_file.read_text(), algorithm="RS256"))

    issue(-100)
    client = GraphClient(lab.settings(client_secret=None, federated_token_file=token_file))
    with pytest.raises(RetriableError, match="AADSTS"):
        client.get(client.url("/organization"))
    issue(600)
    assert client.get(client.url("/organization"))["value"]


def test_a_managed_identity(certificates: Certificates, monkeypatch: pytest.MonkeyPatch, lab: GraphLab) -> None:
    identities = ManagedIdentities("header-secret")
    with graph_lab(certificates, identities=identities) as other:
        identities.apps[None] = (other.tenant, other.app)
        monkeypatch.setenv("IDENTITY_ENDPOINT", f"{other.server.url}/msi/token")
        monkeypatch.setenv("IDENTITY_HEADER", "header-secret")
        assert reads(other, client_secret=None, client_id="", managed_identity=True)


@pytest.fixture
def secret_file(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "secret"
    file.write_text(SECRET)
    yield file


def test_an_expired_secret_is_named_and_its_replacement_needs_no_restart(lab: GraphLab, secret_file: Path) -> None:
    lab.app.secrets, lab.app.expired_secrets = {"renewed"}, {SECRET}
    client = GraphClient(lab.settings(client_secret=None, client_secret_file=secret_file))
    with pytest.raises(RetriableError, match="AADSTS7000222") as refusal:
        client.get(client.url("/organization"))
    assert CLIENT_ID in str(refusal.value) and SECRET not in str(refusal.value)
    assert refusal.value.retry_after_s == 60
    secret_file.write_text("renewed\n")
    assert client.get(client.url("/organization"))["value"]


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_authority_in_trouble_is_asked_again_at_once_when_it_is_back(lab: GraphLab, status: int) -> None:
    lab.faults.add(Fault("server_error", path="/oauth2/v2.0/token", times=1, status=status))
    client = GraphClient(lab.settings())
    with pytest.raises(RetriableError, match=r"no token|refuses"):
        client.get(client.url("/organization"))
    assert client.get(client.url("/organization"))["value"]


def test_a_missing_credential_file_is_a_clear_error(lab: GraphLab, tmp_path: Path) -> None:
    client = GraphClient(lab.settings(client_secret=None, federated_token_file=tmp_path / "nothing"))
    with pytest.raises(RetriableError, match="nothing cannot be read"):
        client.get(client.url("/organization"))
