"""A Graph, an authority or a checkpoint that lies: no credential leaves, and every answer has an end."""

from __future__ import annotations

import gc
import gzip
import http.server
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest

from deploy.lab.certificates import Certificates
from producers.graph.client import GraphClient
from producers.graph.source import GraphSource
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.errors import RetriableError
from streams.runtime import http_session as session
from streams.runtime.settings import TenantSettings

TENANT = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"
Answer = tuple[int, dict[str, str], bytes]


class Stranger:
    """An HTTPS server that notes what it is asked, and answers as it is told."""

    def __init__(self, server: http.server.HTTPServer) -> None:
        self.port = server.server_port
        self.url = f"https://127.0.0.1:{self.port}"
        self.heard: list[tuple[str, dict[str, str], bytes]] = []
        self.answer: Callable[[str], Answer] = lambda _: (404, {}, b"{}")
        self.pour: Callable[[Any], None] | None = None

    @property
    def credentials(self) -> str:
        """Everything that it was sent, headers and bodies."""
        return repr(self.heard)


@contextmanager
def stranger(certificates: Certificates) -> Iterator[Stranger]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            told.heard.append((self.path, dict(self.headers), body))
            if told.pour is not None:
                told.pour(self)
                return
            status, headers, content = told.answer(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(content)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_GET

        def log_message(self, *_: Any) -> None: ...

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign] - clients hang up, on purpose
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.cert_file, certificates.key_file)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    told = Stranger(server)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def parties(certificates: Certificates) -> Iterator[tuple[Stranger, Stranger, Stranger]]:
    """Graph, the authority, and a third whom nobody has named."""
    with ExitStack() as stack:
        graph, authority, evil = (stack.enter_context(stranger(certificates)) for _ in range(3))
        authority.answer = lambda path: (200, {}, orjson.dumps(documents(authority.url)[path.endswith("/token")]))
        yield graph, authority, evil


def documents(token_host: str) -> tuple[dict[str, Any], dict[str, Any]]:
    tokens = f"{token_host}/{TENANT}/oauth2/v2.0"
    discovery = {"issuer": "x", "authorization_endpoint": f"{tokens}/authorize", "token_endpoint": f"{tokens}/token"}
    return discovery, {"access_token": "the-bearer-token", "token_type": "Bearer", "expires_in": 3600}


def settings(parties: tuple[Stranger, Stranger, Stranger], certificates: Certificates, **more: Any) -> TenantSettings:
    graph, authority, _ = parties
    return TenantSettings.model_validate(
        {
            "id": TENANT, "graph_url": graph.url, "authority": f"{authority.url}/{TENANT}", "client_id": "app",
            "client_secret": "the-client-secret", "ca_file": certificates.ca_file, "scope": "x/.default", **more,
        }
    )  # fmt: skip


def lies(graph: Stranger, evil: Stranger) -> list[str]:
    """Links that lead to evil, or would for one parser or another."""
    ours, theirs = f"127.0.0.1:{graph.port}", f"127.0.0.1:{evil.port}"
    return [
        f"https://{theirs}\\@{ours}/v1.0/users/delta", f"https://{theirs}/\\@{ours}/", f"https://{ours}\\@{theirs}/",
        f"https://{ours}@{theirs}/", f"https://{theirs}#@{ours}/", f"https://{theirs}?@{ours}/", f"https://{theirs}/",
        f"https://{ours}\t@{theirs}/", f"//{theirs}/", f"https:\\\\{theirs}/", f" https://{theirs}/",
        f"https://127.0.0.1:{evil.port}\\.{ours}/", f"https://localhost:{evil.port}/",
        f"https://2130706433:{evil.port}/", f"https://[::ffff:127.0.0.1]:{evil.port}/", f"https://127.1:{evil.port}/",
    ]  # fmt: skip


def test_a_link_of_an_answer_takes_the_token_nowhere_else(parties: Any, certificates: Certificates) -> None:
    graph, _, evil = parties
    client = GraphClient(settings(parties, certificates))
    for link in lies(graph, evil):
        with pytest.raises(RetriableError):
            client.get(link)
    assert evil.heard == [] and "the-bearer-token" not in graph.credentials


def test_a_position_from_kafka_takes_the_token_nowhere_else(parties: Any, certificates: Certificates) -> None:
    graph, _, evil = parties
    for link in lies(graph, evil):
        source = GraphSource(settings(parties, certificates))
        position = {
            "phase": "delta", "link": link, "anchor": link, "known": "a", "unverified": False, "completed": True,
            "verified_ms": 0, "doubtful": [], "last_item": None, "marks": {"a": [0, 0, 0], "b": [0, 0, 0]},
        }  # fmt: skip
        source.restore([Checkpoint(source=source.origin.name, seq=1, ts_ms=1, part="users", position=position)])
        try:
            for _ in range(8):
                source.read()
        finally:
            source.close()
    assert evil.heard == []


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_of_the_token_endpoint_is_followed(parties: Any, certificates: Certificates, status: int) -> None:
    _, authority, evil = parties
    right = authority.answer
    authority.answer = lambda path: (
        (status, {"Location": f"{evil.url}/token"}, b"") if path.endswith("/token") else right(path)
    )
    client = GraphClient(settings(parties, certificates))
    with pytest.raises(RetriableError, match="redirect"):
        client.get(client.url("/organization"))
    assert evil.heard == [] and "the-client-secret" in authority.credentials


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_of_graph_is_followed_nor_read(parties: Any, certificates: Certificates, status: int) -> None:
    graph, _, evil = parties
    graph.answer = lambda _: (status, {"Location": f"{evil.url}/"}, b'{"value": []}')
    client = GraphClient(settings(parties, certificates))
    with pytest.raises(RetriableError, match="redirect"):
        client.get(client.url("/organization"))
    assert evil.heard == []


def test_a_discovery_document_that_names_a_foreign_token_endpoint(parties: Any, certificates: Certificates) -> None:
    graph, authority, evil = parties
    for host in (evil.url, graph.url, f"https://x@127.0.0.1:{evil.port}", f"{evil.url}\\@127.0.0.1:{authority.port}"):
        authority.answer = lambda _, host=host: (200, {}, orjson.dumps(documents(host)[0]))  # type: ignore[misc]
        client = GraphClient(settings(parties, certificates))
        with pytest.raises(RetriableError):
            client.get(client.url("/organization"))
    assert evil.heard == graph.heard == []


def test_neither_netrc_nor_proxies_of_the_environment(
    parties: Any, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, authority, evil = parties
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    for name, value in {
        "NETRC": str(netrc), "HTTPS_PROXY": evil.url, "https_proxy": evil.url, "ALL_PROXY": evil.url, "NO_PROXY": "",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    graph.answer = lambda _: (200, {}, b"{}")
    client = GraphClient(settings(parties, certificates))
    assert client.get(client.url("/organization")) == {}
    assert evil.heard == [] and "Basic" not in graph.credentials + authority.credentials
    [(_, headers, _)] = graph.heard
    assert headers["Authorization"] == "Bearer the-bearer-token"


NO_TOKENS: list[Any] = [["x"], {"a": 1}, "a\r\nX-Evil: 1", "\ud83d", "", None, 123, "a b", "ä"]
OF_NO_SHAPE = [b"[]", b"1", b'"x"', b"null", b"\xff", b"[" * 100_000, b'{"token_endpoint": ["x"]}', b'{"access_token":']


@pytest.mark.parametrize("token", NO_TOKENS, ids=ascii)
def test_what_is_no_token_becomes_no_header(parties: Any, certificates: Certificates, token: Any) -> None:
    graph, authority, _ = parties
    given = json.dumps({**documents("")[1], "access_token": token}).encode()
    right = authority.answer
    authority.answer = lambda path: (200, {}, given) if path.endswith("/token") else right(path)
    client = GraphClient(settings(parties, certificates))
    with pytest.raises(RetriableError):
        client.get(client.url("/organization"))
    assert graph.heard == []


@pytest.mark.parametrize("where", ["/token", "/openid-configuration"])
@pytest.mark.parametrize(
    "answer", [*OF_NO_SHAPE, b'{"expires_in": [1]}', b'{"expires_in": null}'], ids=lambda each: ascii(each[:20])
)
def test_an_authority_that_answers_anything_ends_nothing(
    parties: Any, certificates: Certificates, answer: bytes, where: str
) -> None:
    _, authority, _ = parties
    right = authority.answer
    if answer.startswith(b'{"expires_in"'):
        answer = json.dumps({**documents("")[1], **json.loads(answer)}).encode()
    authority.answer = lambda path: (200, {}, answer) if path.endswith(where) else right(path)
    client = GraphClient(settings(parties, certificates))
    gc.disable()  # whatever is collected at the bottom of a nested answer has no stack left for its finalizer
    try:
        with pytest.raises(RetriableError):
            client.get(client.url("/organization"))
    finally:
        gc.enable()


def test_a_refusal_that_quotes_our_secret_shows_it_to_nobody(parties: Any, certificates: Certificates) -> None:
    _, authority, _ = parties
    right = authority.answer
    said = orjson.dumps({"error": "no", "error_description": "you sent client_secret=the-client-secret"})
    authority.answer = lambda path: (401, {}, said) if path.endswith("/token") else right(path)
    with pytest.raises(RetriableError, match="you sent") as raised:
        GraphClient(settings(parties, certificates)).get(f"{parties[0].url}/v1.0/organization")
    assert "the-client-secret" not in str(raised.value)


def test_nothing_is_kept_for_who_sets_cookies(parties: Any, certificates: Certificates) -> None:
    graph, _, _ = parties
    graph.answer = lambda _: (200, {"Set-Cookie": f"a{len(graph.heard)}=b; Path=/"}, b"{}")
    client = GraphClient(settings(parties, certificates))
    for _ in range(3):
        client.get(client.url("/organization"))
    assert [headers.get("Cookie") for _, headers, _ in graph.heard] == [None, None, None]


def test_an_answer_that_unpacks_without_end(parties: Any, certificates: Certificates) -> None:
    graph, _, _ = parties
    bomb = gzip.compress(bytes(session.LARGEST_ANSWER + 1))
    for encoding, content in (("gzip", bomb), ("gzip, gzip", gzip.compress(bomb))):
        graph.answer = lambda _, e=encoding, c=content: (200, {"Content-Encoding": e}, c)  # type: ignore[misc]
        client = GraphClient(settings(parties, certificates))
        with pytest.raises(RetriableError, match=f"more than {session.LARGEST_ANSWER} bytes"):
            client.get(client.url("/organization"))


@pytest.mark.parametrize("place", ["headers", "body", "chunks"])
def test_an_answer_that_drips_for_ever(
    parties: Any, certificates: Certificates, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    """However often a byte comes, the whole has its time."""
    graph, _, _ = parties
    monkeypatch.setattr(session, "_ANSWER_S", 0.5)
    over = threading.Event()

    def drip(handler: Any) -> None:
        start = {
            "headers": b"HTTP/1.1 200 OK\r\nX-Long: ",
            "body": b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n",
            "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n000fffff\r\n",
        }[place]
        handler.wfile.write(start)
        while not over.wait(0.05):
            handler.wfile.write(b"x")
            handler.wfile.flush()

    client = GraphClient(settings(parties, certificates))
    monkeypatch.setattr(client._tokens, "token", lambda: "the-bearer-token")
    graph.pour = drip
    try:
        with pytest.raises(RetriableError, match="no whole answer"):
            client.get(client.url("/organization"))
    finally:
        over.set()
