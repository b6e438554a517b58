from __future__ import annotations

import contextlib
import socket
import ssl
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import bcrypt
import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from prometheus_client import CollectorRegistry, Gauge

from deploy.lab.certificates import issue
from streams.contracts.errors import FatalError, SettingsError
from streams.runtime import listener as module
from streams.runtime.listener import LARGEST_REQUEST, MOST_CONNECTIONS, Listener, State, well
from streams.runtime.logs import configure_logs
from streams.runtime.web_configuration import WebConfiguration

SETTING = "[metrics] host and port"
New = Callable[..., Listener]


@pytest.fixture
def new() -> Iterator[New]:
    made: list[Listener] = []

    def make(host: str = "127.0.0.1", ready: State = well, healthy: State = well, web: Path | None = None) -> Listener:
        registry = CollectorRegistry()
        Gauge("a_gauge", "A gauge.", registry=registry).set(3)
        made.append(
            Listener(
                host, 0, registry, role="exporter", setting=SETTING, ready=ready, healthy=healthy, web_config_file=web
            )
        )
        return made[-1]

    yield make
    for each in made:
        each.close()


def get(
    url: str, user: str | None = None, context: ssl.SSLContext | None = None, method: str = "GET"
) -> tuple[int, str]:
    headers = {"Authorization": f"Basic {b64encode(user.encode()).decode()}"} if user is not None else {}
    request = urllib.request.Request(url, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=120, context=context) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def page(listener: Listener, path: str) -> str:
    return listener.url.removesuffix("/metrics") + path


def ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


@pytest.mark.parametrize("host", ["127.0.0.1", *(["::1"] if ipv6() else [])])
def test_its_pages(new: New, host: str) -> None:
    missing: list[str | None] = ["still reading"]
    listener = new(host, ready=lambda: missing[0], healthy=lambda: missing[0] and "stands still")
    assert "a_gauge 3.0" in get(listener.url)[1]
    assert get(page(listener, "/-/healthy")) == (503, "stands still\n")
    assert get(page(listener, "/-/ready")) == (503, "still reading\n")
    missing[0] = None
    assert get(page(listener, "/-/ready")) == get(page(listener, "/-/healthy")) == (200, "ok\n")
    assert get(page(listener, "/"))[0] == 200
    assert get(page(listener, "/nothing"))[0] == 404
    assert get(listener.url, method="DELETE")[0] == 405


def test_a_taken_address_is_an_error_that_names_the_setting() -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        with pytest.raises(FatalError, match=r"\[metrics\] host and port"):
            Listener("127.0.0.1", squatter.getsockname()[1], CollectorRegistry(), role="exporter", setting=SETTING)


def test_silent_connections_are_bounded_in_number_and_in_time(
    new: New, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module._Handler, "timeout", 600)
    monkeypatch.setattr(module, "LONGEST_CONNECTION_S", 600.0)  # so that only the lack of room can end one
    listener = new()
    silent = [socket.create_connection(("127.0.0.1", listener.port)) for _ in range(MOST_CONNECTIONS)]
    try:
        for each in silent:
            each.sendall(b"GET /metrics HTTP/1.1\r\nX-Slow: ")  # and no more
        assert get(listener.url)[0] == 200, "whoever holds all places keeps nobody out"
        silent[0].settimeout(120)
        assert silent[0].recv(4096) == b"", "the oldest made room"
        monkeypatch.setattr(module, "LONGEST_CONNECTION_S", 0.0)
        for each in silent:
            each.settimeout(120)
            while each.recv(4096):  # an answer to half a request, perhaps; then the end
                pass
    finally:
        for each in silent:
            each.close()
    monkeypatch.setattr(module, "LONGEST_CONNECTION_S", 30.0)
    assert get(listener.url)[0] == 200
    assert capfd.readouterr().err == ""


def test_a_request_without_end_is_cut(new: New) -> None:
    listener = new()
    for head in (b"GET /", b"GET / HTTP/1.1\r\nX: ", b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 90 + b"Z: "):
        with socket.create_connection(("127.0.0.1", listener.port)) as peer:
            peer.settimeout(10)
            with contextlib.suppress(ConnectionError):
                peer.sendall(head + b"x" * LARGEST_REQUEST)
                assert peer.recv(4096) == b""
    assert get(listener.url)[0] == 200


def test_a_peer_that_drips_bytes_into_a_handshake_keeps_nobody_waiting(new: New, tmp_path: Path) -> None:
    listener = new(web=secured(tmp_path))
    with socket.create_connection(("127.0.0.1", listener.port)) as silent:
        silent.sendall(b"\x16")
        assert get(listener.url.replace("127.0.0.1", "localhost"), "ann:secret", trusting(tmp_path))[0] == 200


def secured(folder: Path, more: str = "") -> Path:
    certificates = issue(folder, ["localhost"])
    hashed = bcrypt.hashpw(b"secret", bcrypt.gensalt(4, b"2b")).decode()
    hashed = hashed.replace("$2b$", "$2y$")  # as htpasswd writes it
    file = folder / "web.yml"
    file.write_text(
        f"tls_server_config:\n  cert_file: {certificates.cert_file.name}\n"
        f"  key_file: {certificates.key_file.name}\n{more}"
        f"basic_auth_users:\n  ann: {hashed}\n"
        "http_server_config:\n  headers:\n    X-Frame-Options: deny\n"
    )
    return file


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "ca.pem"))


def test_with_a_web_configuration_file_it_speaks_tls_and_asks_for_a_password(new: New, tmp_path: Path) -> None:
    listener = new(web=secured(tmp_path))
    url, context = listener.url.replace("127.0.0.1", "localhost"), trusting(tmp_path)
    assert url.startswith("https://")
    for path in ("/metrics", "/-/ready", "/-/healthy", "/", "/nothing"):
        for user in (None, "ann:wrong", "ann", "bob:secret", ":"):
            assert get(url.replace("/metrics", path), user, context)[0] == 401, (path, user)
    for _ in range(2):
        assert "a_gauge 3.0" in get(url, "ann:secret", context)[1]
    with pytest.raises(urllib.error.URLError):
        get(url, "ann:secret", ssl.create_default_context())
    with pytest.raises((urllib.error.URLError, ConnectionError)):
        get(url.replace("https", "http"), "ann:secret")


def test_client_certificates_can_be_required(new: New, tmp_path: Path) -> None:
    file = secured(tmp_path, "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.pem\n")
    url = new(web=file).url.replace("127.0.0.1", "localhost")
    context = trusting(tmp_path)
    with pytest.raises((urllib.error.URLError, OSError)):
        get(url, "ann:secret", context)
    context.load_cert_chain(client_certificate(tmp_path))
    assert get(url, "ann:secret", context)[0] == 200


def client_certificate(folder: Path) -> Path:
    """A certificate for clients by the authority in `folder`, with its key in one file."""
    authority = x509.load_pem_x509_certificate((folder / "ca.pem").read_bytes())
    signer = serialization.load_pem_private_key((folder / "ca.key").read_bytes(), password=None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "prometheus")]))
        .issuer_name(authority.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        .sign(signer, hashes.SHA256())
    )
    file = folder / "client.pem"
    file.write_bytes(
        certificate.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


def test_a_changed_password_counts_at_once_and_a_broken_file_changes_nothing(new: New, tmp_path: Path) -> None:
    file = secured(tmp_path)
    url, context = new(web=file).url.replace("127.0.0.1", "localhost"), trusting(tmp_path)
    assert get(url, "ann:secret", context)[0] == 200
    good = file.read_text()
    file.write_text(good + "nonsense: 1\n")
    assert get(url, "ann:secret", context)[0] == 200
    file.write_text(good.replace("ann:", "eve:"))
    assert get(url, "ann:secret", context)[0] == 401
    assert get(url, "eve:secret", context)[0] == 200


@pytest.mark.parametrize("left", ["", "{}", "TLS", "USERS", "NO CLIENTS"])
def test_a_file_that_takes_a_lock_away_while_we_run_changes_nothing(new: New, tmp_path: Path, left: str) -> None:
    """Whoever writes it anew without a temporary file leaves it empty for a moment."""
    clients = "  client_auth_type: VerifyClientCertIfGiven\n  client_ca_file: ca.pem\n"
    file = secured(tmp_path, clients)
    listener = new(web=file)
    url, context = listener.url.replace("127.0.0.1", "localhost"), trusting(tmp_path)
    whole = file.read_text()
    tls, _, users = whole.partition("basic_auth_users")
    less = {"TLS": tls, "USERS": f"basic_auth_users{users}", "NO CLIENTS": whole.replace(clients, "")}
    file.write_text(less.get(left, left).replace("ann", "eve"))
    assert get(url, None, context)[0] == 401
    assert get(url, "ann:secret", context)[0] == 200
    assert listener.url == url.replace("localhost", "127.0.0.1")


@pytest.mark.parametrize("state", ["raises", "odd"])
def test_a_page_that_fails_is_a_line_of_the_log(new: New, state: str, capfd: pytest.CaptureFixture[str]) -> None:
    configure_logs(json=True)

    def ready() -> str:
        if state == "odd":
            return "\ud800"
        raise ValueError("\x1b[31m\nforged")

    expected = (503, "?\n") if state == "odd" else (500, "see the log\n")
    assert get(page(new(ready=ready), "/-/ready")) == expected
    assert all(orjson.loads(line)["level"] == "error" for line in capfd.readouterr().err.splitlines())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("basic_auth_users: {ann: secret}", "no bcrypt hash"),
        ("tls_server_config: {cert_file: a, key_file: b}", "cert_file"),
        ("tls_server_config: {cert_file: a}", "key_file"),
        ("tls_server_config: {cert_file: a, key_file: b, client_auth_type: RequireAnyClientCert}", "client_auth_type"),
        ("tls_server_config: {cert_file: a, key_file: b, client_auth_type: VerifyClientCertIfGiven}", "client_ca_file"),
        ("tls_server_config: {cert_file: a, key_file: b, cipher_suites: [x]}", "not supported"),
        ("rate_limit: {interval: 1s}", "not supported"),
        ('http_server_config: {headers: {X-Frame-Options: "a\\r\\nX: secret"}}', "X-Frame-Options"),
        ("basic_auth_users: [", "not valid YAML"),
        ("- a list", "the file"),
        ("[" * 2000, "not valid YAML"),
        ("basic_auth_users: {ann: 2026-02-30}", "not valid YAML"),
    ],
)
def test_what_a_file_says_wrongly_or_we_cannot_do_is_said_and_no_secret_with_it(
    tmp_path: Path, text: str, said: str
) -> None:
    file = tmp_path / "web.yml"
    file.write_text(text)
    with pytest.raises(SettingsError, match=said) as raised:
        WebConfiguration(file)
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None or "secret" not in str(raised.value.__cause__)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot be read"):
        WebConfiguration(tmp_path / "web.yml")
