"""A proxy is a way to Graph and to the authority; what the machine's own endpoint hands out in clear goes by none."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator

import orjson
import pytest

from producers.graph.client import GraphClient
from producers.graph.session import TimedSession
from producers.graph.token import TokenSource
from streams.contracts.errors import RetriableError
from streams.runtime.settings import TenantSettings

TENANT = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"


class Heard:
    """A server that notes what it is asked and hands out a token to everybody."""

    def __init__(self) -> None:
        said = self.lines = list[str]()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                said.append(self.requestline)
                body = orjson.dumps({"access_token": "the-token", "expires_on": "9999999999", "resource": "x"})
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def do_CONNECT(self) -> None:
                said.append(self.requestline)
                self.send_error(502)

            def log_message(self, *_: object) -> None: ...

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})
        self.thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


@pytest.fixture
def heard() -> Iterator[Callable[[], Heard]]:
    made: list[Heard] = []

    def make() -> Heard:
        made.append(Heard())
        return made[-1]

    yield make
    for each in made:
        each.close()


def settings(**more: object) -> TenantSettings:
    return TenantSettings.model_validate({"id": TENANT, **more})


@pytest.mark.parametrize("way", ["named", "environment"])
def test_the_token_of_the_machine_goes_by_no_proxy(
    way: str, heard: Callable[[], Heard], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy, endpoint = heard(), heard()
    monkeypatch.setenv("IDENTITY_ENDPOINT", f"{endpoint.url}/token")
    monkeypatch.setenv("IDENTITY_HEADER", "the-secret-of-the-endpoint")
    for name in ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    tenant = settings(managed_identity=True, proxy=proxy.url if way == "named" else "environment")
    assert TokenSource(tenant, TimedSession(tenant)).token() == "the-token"
    assert proxy.lines == [] and len(endpoint.lines) == 1


def test_graph_and_the_authority_go_by_the_proxy(heard: Callable[[], Heard], monkeypatch: pytest.MonkeyPatch) -> None:
    proxy = heard()
    tenant = settings(client_id="a", client_secret="s", proxy=proxy.url, graph_url="https://graph.invalid")
    client = GraphClient(tenant)
    with pytest.raises(RetriableError):
        client.get(client.url("/organization"))
    assert proxy.lines == ["CONNECT login.microsoftonline.com:443 HTTP/1.0"]
    monkeypatch.setattr(client._tokens, "token", lambda: "the-token")
    with pytest.raises(RetriableError):
        client.get(client.url("/organization"))
    assert proxy.lines[1:] == ["CONNECT graph.invalid:443 HTTP/1.0"]


def test_no_proxy_of_the_environment_counts_for_each_place(
    heard: Callable[[], Heard], monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = heard()
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "graph.invalid")
    tenant = settings(client_id="a", client_secret="s", proxy="environment", graph_url="https://graph.invalid")
    session = TimedSession(tenant)
    assert session._proxies("https://graph.invalid/v1.0/users") == {}
    assert session._proxies(f"{tenant.authority}/x") == {"https": proxy.url}
