"""The HTTP listener of every role: /metrics, /-/healthy and /-/ready; on loopback unless told otherwise.

It serves Prometheus and nobody else, so it is stingy: a handful of connections at a time, each for half a minute. A
scrape takes milliseconds, so where all places are taken the oldest connection makes room: whoever holds them keeps
nobody out.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import make_wsgi_app

from streams.contracts.errors import FatalError, SettingsError
from streams.runtime.logs import get_logger
from streams.runtime.web_configuration import WebConfiguration

MOST_CONNECTIONS = 32
LONGEST_CONNECTION_S = 30.0
LARGEST_REQUEST = 32 * 1024  # bytes; http.server would take 6 MB of headers
_PAGES = "/metrics, /-/healthy, /-/ready"
log = get_logger(__name__)

Application = Callable[[dict[str, Any], Any], Iterable[bytes]]
State = Callable[[], str | None]
"""None where all is well, else what is not, in one line."""


def well() -> str | None:
    """Of a role that is healthy as long as it answers."""
    return None


class Listener:
    """Serves one registry from a thread of its own until closed."""

    def __init__(
        self,
        host: str,
        port: int,
        registry: CollectorRegistry,
        *,
        role: str,
        setting: str,
        ready: State = well,
        healthy: State = well,
        web_config_file: Path | None = None,
    ) -> None:
        """Listen on `host`:`port` (0: any free port).

        role: what the index page calls us. setting: the keys to change where the address is taken.
        ready: whether work is being done. healthy: whether a restart would not help.
        Raises FatalError if the address cannot be listened on, SettingsError for a wrong web configuration file.
        """
        web = WebConfiguration(web_config_file.expanduser()) if web_config_file is not None else None
        application = _Application(registry, role, ready, healthy)
        try:
            self._server = _Server((host, port), application, web)
        except OSError as error:
            raise FatalError(f"/metrics cannot listen on {host}:{port} ({error.strerror}); set {setting}") from error
        self._host = host
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._server.server_port)

    @property
    def url(self) -> str:
        """Where the metrics are."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"{'https' if self._server.encrypted else 'http'}://{host}:{self.port}/metrics"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Application:
    """The pages, as WSGI."""

    def __init__(self, registry: CollectorRegistry, role: str, ready: State, healthy: State) -> None:
        self._metrics: Application = make_wsgi_app(registry)
        self._states = {"/-/ready": ready, "/-/healthy": healthy}
        self._index = f"SyncHealth {role}: {_PAGES}\n".encode()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """What is raised is a line of our log; wsgiref would print it as it is."""
        try:
            return self._answer(environ, start_response)
        except Exception:
            log.exception("a page cannot be answered")
            return _page(start_response, "500 Internal Server Error", b"see the log\n", [])

    def _answer(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        web: WebConfiguration | None = environ["synchealth.web"]
        headers = web.headers if web is not None else []
        if web is not None and not web.allows(*_credentials(environ.get("HTTP_AUTHORIZATION", ""))):
            challenge = ("WWW-Authenticate", "Basic")
            return _page(start_response, "401 Unauthorized", b"Unauthorized\n", [*headers, challenge])
        path = environ.get("PATH_INFO", "/")
        if environ["REQUEST_METHOD"] not in {"GET", "HEAD"}:
            return _page(start_response, "405 Method Not Allowed", self._index, [*headers, ("Allow", "GET, HEAD")])
        if path == "/metrics":
            return self._metrics(environ, lambda status, own: start_response(status, [*own, *headers]))
        if path in self._states:
            amiss = self._states[path]()
            if amiss is not None:
                text = amiss.encode("utf-8", "replace") + b"\n"
                return _page(start_response, "503 Service Unavailable", text, headers)
            return _page(start_response, "200 OK", b"ok\n", headers)
        return _page(start_response, "200 OK" if path == "/" else "404 Not Found", self._index, headers)


def _page(start_response: Any, status: str, body: bytes, headers: list[tuple[str, str]]) -> Iterable[bytes]:
    own = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    start_response(status, [*own, *headers])
    return [body]


def _credentials(header: str) -> tuple[str | None, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return None, ""
    try:
        user, colon, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return None, ""
    return (user, password) if colon else (None, "")


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], application: _Application, web: WebConfiguration | None) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.web = web
        self._logged = ""
        self._open: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        super().__init__(address, _Handler)
        self.set_app(application)

    @property
    def encrypted(self) -> bool:
        """Whether it speaks TLS."""
        return self.web is not None and self.web.tls is not None

    def server_bind(self) -> None:
        """As the standard library's, without asking DNS for our name: that can hang for seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        """A thread for the connection; the oldest one ends where there are enough."""
        with self._lock:
            if len(self._open) >= MOST_CONNECTIONS:
                oldest = next(iter(self._open))
                del self._open[oldest]
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)  # its own thread closes it
            self._open[request] = time.monotonic()
        super().process_request(request, client_address)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Serve it, in its own thread: a slow handshake keeps nobody waiting."""
        if self.web is not None:
            try:
                self.web = self.web.current()
            except SettingsError as error:
                if str(error) != self._logged:  # once, however many ask meanwhile
                    self._logged = str(error)
                    log.error("web configuration cannot be used; the former one goes on", error=str(error))
        connection = request
        if self.web is not None and self.web.tls is not None:
            request.settimeout(_Handler.timeout)
            # The plain socket stays ours, to be counted and closed.
            copy = request.dup()
            copy.settimeout(_Handler.timeout)
            try:
                connection = self.web.tls.wrap_socket(copy, server_side=True)
            except (OSError, ssl.SSLError):
                copy.close()
                return
        try:
            super().finish_request(connection, client_address)
        finally:
            if connection is not request:
                with contextlib.suppress(OSError):
                    connection.unwrap()
                connection.close()

    def shutdown_request(self, request: Any) -> None:
        """Close it, and make room."""
        with self._lock:
            self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Twice a second: whoever drips bytes to hold a connection open loses it."""
        latest = time.monotonic() - LONGEST_CONNECTION_S
        with self._lock:
            for request, since in self._open.items():
                if since < latest:
                    with contextlib.suppress(OSError):
                        request.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A peer that disconnects or sends nothing is not logged."""
        log.debug("connection failed", exc_info=True)


class _Request:
    """What a peer sends, line by line, up to LARGEST_REQUEST."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self._left = LARGEST_REQUEST

    def readline(self, size: int) -> bytes:
        """The next line. Raises ConnectionError where the whole is too long."""
        line: bytes = self._raw.readline(min(size, self._left + 1))
        self._left -= len(line)
        if self._left < 0:
            raise ConnectionError(f"a request of more than {LARGEST_REQUEST} bytes")
        return line

    def close(self) -> None:
        """As a file."""
        self._raw.close()


class _Handler(WSGIRequestHandler):
    timeout = 10
    server: _Server

    def setup(self) -> None:
        """As the standard library's, with an end to what is read."""
        super().setup()
        self.rfile: Any = _Request(self.rfile)

    def get_environ(self) -> dict[str, Any]:
        """With the configuration as it stood when the request came."""
        return {**super().get_environ(), "synchealth.web": self.server.web}

    def log_message(self, *args: Any) -> None:
        """A scrape is no news."""
