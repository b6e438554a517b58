"""The exporter's HTTP listener: /metrics, /-/healthy and /-/ready, on loopback unless told otherwise."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import make_wsgi_app

from streams.contracts.errors import FatalError

_INDEX = b"SyncHealth exporter: /metrics, /-/healthy, /-/ready\n"
Application = Callable[[dict[str, Any], Any], Iterable[bytes]]


class Listener:
    """Serves one registry from a thread of its own until closed.

    ready: why the exporter is not ready yet, None once it is.
    """

    def __init__(self, host: str, port: int, registry: CollectorRegistry, ready: Callable[[], str | None]) -> None:
        """Raises FatalError if the address cannot be listened on."""
        try:
            self._server = make_server(host, port, _application(registry, ready), _Server, _SilentHandler)
        except OSError as error:
            raise FatalError(
                f"/metrics cannot listen on {host}:{port} ({error.strerror}); set [metrics] host and port"
            ) from error
        self._host = host
        self._thread = threading.Thread(target=self._server.serve_forever, name="metrics", daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """Where the metrics are."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._server.server_port}/metrics"

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def _application(registry: CollectorRegistry, ready: Callable[[], str | None]) -> Application:
    metrics: Application = make_wsgi_app(registry)

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if path == "/metrics":
            return metrics(environ, start_response)
        status, body = "200 OK", b"ok\n"
        if path == "/-/ready":
            missing = ready()
            if missing is not None:
                status, body = "503 Service Unavailable", missing.encode() + b"\n"
        elif path == "/":
            body = _INDEX
        elif path != "/-/healthy":
            status, body = "404 Not Found", _INDEX
        start_response(status, [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
        return [body]

    return application


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, handler)

    def server_bind(self) -> None:
        """As the standard library's, without asking DNS for our name: that can hang for seconds."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _SilentHandler(WSGIRequestHandler):
    timeout = 30

    def log_message(self, *args: Any) -> None:
        """A scrape is no news."""
