"""HTTP that goes where the settings say and nowhere else, and that ends: no redirect, no netrc, no endless answer.

Every request passes through `BoundedSession.send` as requests has prepared it, so what is checked is what is sent.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Collection
from contextlib import suppress
from http.cookiejar import DefaultCookiePolicy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_environ_proxies
from urllib3.util import parse_url

from streams.runtime.place import Place, place_of

_CONNECT_S, _READ_S = 10.0, 30.0
_ANSWER_S = 120.0
"""The longest an answer may take from the first byte sent to the last one read; requests' own limit is per byte."""
LARGEST_ANSWER = 32 * 1024 * 1024
"""Bytes of an answer, unpacked. A page of a thousand audit rows has some 5 MB."""
_CHUNK = 64 * 1024
HttpError = requests.RequestException
"""What a session raises where there is no answer."""
Answer = requests.Response


class RefusedRequestError(HttpError):
    """Not sent, or not followed: it would have led elsewhere than the settings say."""


class BoundedSession(requests.Session):
    """A session that trusts what the configuration says, and waits for nothing for ever.

    places: where it may go. ca_file: unset: the system's authorities. proxy: its URL; "environment": as the environment
    says; "": none.
    """

    def __init__(self, places: Collection[Place], *, ca_file: Path | None = None, proxy: str = "") -> None:
        super().__init__()
        self._places = list(places)
        self._proxy = proxy
        # Else ~/.netrc replaces the token, REQUESTS_CA_BUNDLE our ca_file, and HTTPS_PROXY sees where we go.
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))  # none is needed; a server could set many
        self.verify = str(ca_file) if ca_file is not None else True
        self._adapter = _Adapter()
        for scheme in ("https://", "http://"):
            self.mount(scheme, self._adapter)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        """As requests, with the whole answer read within bounds of time and size.

        Raises RefusedRequestError for another place than ours and for a redirect, requests.Timeout, or another
        requests.RequestException.
        """
        require_place(request, self._places)
        options.update(allow_redirects=False, stream=True, proxies=self._proxies(request.url or ""))
        options["timeout"] = options.get("timeout") or (_CONNECT_S, _READ_S)
        late = threading.Event()
        alarm = threading.Timer(_ANSWER_S, self._cut_off, [late])
        alarm.daemon = True
        alarm.start()
        try:
            answer = super().send(request, **options)
            _read(answer)
        except requests.RequestException as error:
            if late.is_set():
                raise requests.ReadTimeout(f"no whole answer within {_ANSWER_S:.0f} s", request=request) from error
            raise
        finally:
            alarm.cancel()
        if late.is_set():
            raise requests.ReadTimeout(f"no whole answer within {_ANSWER_S:.0f} s", request=request)
        if 300 <= answer.status_code < 400:
            raise RefusedRequestError(f"a redirect ({answer.status_code}) is not followed", request=request)
        return answer

    def _proxies(self, url: str) -> dict[str, str]:
        if self._proxy != "environment":
            return {"https": self._proxy} if self._proxy else {}
        return {name: way for name, way in get_environ_proxies(url).items() if name in ("https", "all")}

    def _cut_off(self, late: threading.Event) -> None:
        late.set()
        self._adapter.cut_off()


def require_place(request: requests.PreparedRequest, places: Collection[Place]) -> None:
    """Return if the request, as prepared, leads to one of `places` for every parser on its way.

    Raises RefusedRequestError.
    """
    url = request.url or ""
    try:
        place, split, parsed = place_of(url), urlsplit(url), parse_url(url)
        same = place.host.strip("[]") == split.hostname == (parsed.host or "").lower().strip("[]")
        same = same and (split.port or place.port) == (parsed.port or place.port) == place.port
        if same and place in places and "Host" not in (request.headers or {}):
            return
    except ValueError:
        pass
    named = ", ".join(f"{place.scheme}://{place.host}:{place.port}" for place in places)
    raise RefusedRequestError(f"a request that leads elsewhere than to {named} is not sent", request=request)


def _read(answer: requests.Response) -> None:
    """Read the body into the answer. Raises requests.RequestException if it is larger than believable."""
    body = bytearray()
    try:
        for chunk in answer.iter_content(_CHUNK):
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise requests.exceptions.ContentDecodingError(f"the answer has more than {LARGEST_ANSWER} bytes")
    except BaseException:
        answer.close()
        raise
    answer._content = bytes(body)  # noqa: SLF001 - what requests does in Response.content


class _Adapter(HTTPAdapter):
    """Keeps a second handle of each socket, by which another thread can end whatever waits for it."""

    def __init__(self) -> None:
        self._watched: set[socket.socket] = set()
        super().__init__()

    def get_connection_with_tls_context(self, *args: Any, **options: Any) -> Any:
        """As requests; connections of the pool are watched."""
        pool: Any = super().get_connection_with_tls_context(*args, **options)
        if not getattr(pool.ConnectionCls, "watched", False):
            pool.ConnectionCls = _watched(pool.ConnectionCls, self._watched)
        return pool

    def cut_off(self) -> None:
        """End all connections, in the middle of whatever they do."""
        for handle in list(self._watched):
            with suppress(OSError):
                handle.shutdown(socket.SHUT_RDWR)


def _watched(base: Any, handles: set[socket.socket]) -> Any:
    class Watched(base):
        watched = True
        handle: socket.socket | None = None

        def _new_conn(self) -> socket.socket:
            opened: socket.socket = super()._new_conn()
            self._forget()
            self.handle = opened.dup()
            handles.add(self.handle)
            return opened

        def close(self) -> None:
            super().close()
            self._forget()

        def _forget(self) -> None:
            handle, self.handle = self.handle, None
            if handle is not None:
                handles.discard(handle)
                handle.close()

    return Watched
