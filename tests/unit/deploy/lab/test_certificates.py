"""The lab's CA and leaf work under full verification, and are made once."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

import pytest

from deploy.lab.certificates import Certificates, issue


def handshake(certificates: Certificates, host: str) -> str:
    """Run a TLS handshake in memory with CERT_REQUIRED; return the negotiated version."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificates.cert_file, certificates.key_file)
    client = ssl.create_default_context(cafile=str(certificates.ca_file))
    client.verify_flags |= ssl.VERIFY_X509_STRICT  # the default from Python 3.13 on
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname=host)
    far = server.wrap_bio(to_server, to_client, server_side=True)
    done = 0
    for side in (near, far) * 4:
        try:
            side.do_handshake()
            done += 1
        except ssl.SSLWantReadError:
            continue
    assert done >= 2
    return near.version() or ""


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "dc1.contoso.local"])
def test_leaf_is_accepted_for_every_name_it_was_issued_for(tmp_path: Path, host: str) -> None:
    certificates = issue(tmp_path, ["localhost", "127.0.0.1", "dc1.contoso.local"])
    assert handshake(certificates, host).startswith("TLS")


def test_leaf_is_refused_for_another_name(tmp_path: Path) -> None:
    certificates = issue(tmp_path, ["localhost"])
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(certificates, "graph.contoso.local")


def test_private_keys_are_readable_by_their_owner_only(tmp_path: Path) -> None:
    issue(tmp_path, ["localhost"])
    keys = list(tmp_path.glob("*.key"))
    assert len(keys) == 2
    assert {stat.S_IMODE(key.stat().st_mode) for key in keys} == {0o600}


def test_valid_certificates_are_used_again_and_a_new_name_keeps_the_authority(
    tmp_path: Path,
) -> None:
    first = issue(tmp_path, ["localhost", "127.0.0.1"])
    ca, leaf = first.ca_file.read_bytes(), first.cert_file.read_bytes()
    assert issue(tmp_path, ["localhost"]).cert_file.read_bytes() == leaf
    again = issue(tmp_path, ["localhost", "lab.contoso.local"])
    assert again.ca_file.read_bytes() == ca
    assert again.cert_file.read_bytes() != leaf
    assert handshake(again, "lab.contoso.local").startswith("TLS")


def test_damaged_files_are_replaced(tmp_path: Path) -> None:
    first = issue(tmp_path, ["localhost"])
    first.cert_file.write_text("not a certificate")
    (tmp_path / "ca.key").write_text("")
    assert handshake(issue(tmp_path, ["localhost"]), "localhost").startswith("TLS")


def test_no_hosts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="at least one"):
        issue(tmp_path, [])
