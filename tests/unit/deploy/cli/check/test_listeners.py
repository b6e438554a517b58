"""Who can ask the listeners, and who can read what guards them."""

from __future__ import annotations

from pathlib import Path

import bcrypt
import pytest

from deploy.cli.check.kafka import check_secrets
from deploy.cli.check.line import Line, Mark
from deploy.cli.check.listeners import check_listeners
from deploy.lab.certificates import issue
from streams.runtime.settings import Settings

USERS = f"basic_auth_users: {{ann: '{bcrypt.hashpw(b'secret', bcrypt.gensalt(4)).decode()}'}}\n"
TLS = "tls_server_config: {cert_file: server.pem, key_file: server.key}\n"


def lines(folder: Path, web: str | None = None, **metrics: object) -> list[Line]:
    if web is not None:
        certificates = issue(folder, ["localhost"])
        web = web.replace("server.pem", certificates.cert_file.name).replace("server.key", certificates.key_file.name)
        (folder / "web.yml").write_text(web)
        metrics["web_config_file"] = str(folder / "web.yml")
    return [*check_listeners(Settings.model_validate({"metrics": metrics}))]


def test_alone_on_this_machine(tmp_path: Path) -> None:
    for host in ("127.0.0.1", "127.0.0.2", "::1", "localhost"):
        assert [line.mark for line in lines(tmp_path, host=host)] == [Mark.GOOD]


@pytest.mark.parametrize("web", [None, "", TLS, USERS], ids=["none", "empty", "TLS", "users"])
def test_open_to_everybody(tmp_path: Path, web: str | None) -> None:
    for host in ("0.0.0.0", "::", "monitor.example"):
        (line,) = lines(tmp_path, web, host=host)
        assert line.mark is Mark.GAP and host in line.what


def test_guarded(tmp_path: Path) -> None:
    clients = TLS.replace("}", ", client_auth_type: RequireAndVerifyClientCert, client_ca_file: ca.pem}")
    for web in (TLS + USERS, clients):
        assert [line.mark for line in lines(tmp_path, web, host="0.0.0.0")] == [Mark.GOOD]


def test_a_file_that_cannot_be_used_and_a_key_that_others_read(tmp_path: Path) -> None:
    (line,) = lines(tmp_path, "nonsense: 1", host="0.0.0.0")
    assert line.mark is Mark.FAULT
    lines(tmp_path, TLS + USERS)
    for key in tmp_path.glob("*.key"):
        key.chmod(0o640)
    found = check_listeners(Settings.model_validate({"metrics": {"web_config_file": str(tmp_path / "web.yml")}}))
    assert [line.mark for line in found] == [Mark.GAP, Mark.GOOD]


@pytest.mark.parametrize(("mode", "told"), [(0o400, 0), (0o600, 0), (0o640, 4), (0o602, 4)])
def test_private_keys_and_tokens_are_secrets_too(tmp_path: Path, mode: int, told: int) -> None:
    file = tmp_path / "secret"
    file.write_text("x")
    file.chmod(mode)
    kafka = {"security_protocol": "SSL", "certificate_file": str(file), "key_file": str(file)}
    tenants = [
        {"id": "t1", "client_id": "a", "certificate_file": str(file), "private_key_file": str(file)},
        {"id": "t2", "client_id": "a", "federated_token_file": str(file)},
        {"id": "t3", "client_id": "a", "client_secret_file": str(file)},
    ]
    found = [*check_secrets(Settings.model_validate({"kafka": kafka, "tenant": tenants}))]
    assert [line.mark for line in found] == [Mark.GAP] * told


@pytest.mark.parametrize(
    ("server", "protocol", "mechanism", "told"),
    [
        ("kafka.example:9092", "SASL_PLAINTEXT", "PLAIN", 1),
        ("10.0.0.1:9092", "SASL_PLAINTEXT", "PLAIN", 1),
        ("kafka.example:9092", "SASL_SSL", "PLAIN", 0),
        ("kafka.example:9092", "SASL_PLAINTEXT", "SCRAM-SHA-512", 0),
        ("127.0.0.1:9092", "SASL_PLAINTEXT", "PLAIN", 0),
        ("[::1]:9092", "SASL_PLAINTEXT", "PLAIN", 0),
    ],
)
def test_a_password_in_clear_is_told(server: str, protocol: str, mechanism: str, told: int) -> None:
    kafka = {"bootstrap_servers": [server], "security_protocol": protocol, "sasl_mechanism": mechanism}
    found = check_secrets(Settings.model_validate({"kafka": kafka | {"sasl_username": "u", "sasl_password": "p"}}))
    assert [line.mark for line in found] == [Mark.GAP] * told
