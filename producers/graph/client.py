"""HTTP to Microsoft Graph: one answer per call, every failure as an error that says how to go on."""

from __future__ import annotations

import email.utils
import threading
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from producers.graph.page import read_page
from producers.graph.session import BearerAuth, TimedSession, graph_place
from producers.graph.token import TokenSource
from streams.contracts.codec import NotJsonError, dump_document, load_document
from streams.contracts.errors import RetriableError, SyncHealthError
from streams.runtime.http_session import Answer, HttpError, RefusedRequestError
from streams.runtime.place import place_of
from streams.runtime.settings import TenantSettings

_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504, 509})
# Of a Retry-After we honour at most this much: a wrong header must not silence a source for a day.
_LONGEST_WAIT_S = 3600.0
_ELSEWHERE_WAIT_S = 60.0
_LONGEST_SAID = 500
_UNAUTHORIZED = 401


class GraphError(SyncHealthError):
    """Graph refused a call for good: `status`, `code` and `message` are Graph's own."""

    def __init__(self, status: int, code: str, message: str, url: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(f"Graph answers {status} {code} to {_path(url)}: {message}")


class GraphClient:
    """Calls Graph for one tenant. Thread-safe: each thread has its own connections.

    Raises RetriableError for whatever may pass (network, throttling, a cut answer, a refused token), with
    Retry-After where Graph named it, and GraphError for a definite refusal.
    """

    def __init__(self, tenant: TenantSettings, tokens: TokenSource | None = None) -> None:
        self._tenant = tenant
        self._base = tenant.graph_url.rstrip("/")
        self._place = graph_place(tenant)
        self._tokens = tokens or TokenSource(tenant, TimedSession(tenant))
        self._local = threading.local()

    def url(self, path: str) -> str:
        """The address of a path of v1.0, e.g. "/users/delta?$select=id"."""
        return f"{self._base}/v1.0{path}"

    def beta_url(self, path: str) -> str:
        """The address of a path of the beta, for what v1.0 does not tell."""
        return f"{self._base}/beta{path}"

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> dict[str, Any]:
        """The JSON object behind an address that Graph gave out or `url` built."""
        return self._call("GET", url, headers or {}, None)

    def post(self, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to `body` as JSON; for reads that Graph wants as POST."""
        return self._call("POST", url, {"Content-Type": "application/json"}, dump_document(body))

    def require_own(self, url: str) -> str:
        """`url`, if it leads to the configured Graph: a token must never go to another host.

        Raises RetriableError: whoever answered was not our Graph.
        """
        try:
            ours = place_of(url) == self._place
        except ValueError:
            ours = False
        if not ours:
            raise RetriableError(
                f"a link of the answer leads elsewhere than to {self._base}: not followed",
                retry_after_s=_ELSEWHERE_WAIT_S,
            )
        return url

    def _call(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> dict[str, Any]:
        self.require_own(url)
        token = self._tokens.token()
        answer = self._send(method, url, headers, body, token)
        if answer.status_code == _UNAUTHORIZED:
            self._tokens.renew(token)
            answer = self._send(method, url, headers, body, self._tokens.token())
        if answer.status_code == _UNAUTHORIZED:
            code, message = _refusal(answer)
            raise RetriableError(f"Graph takes no token of ours: {code}: {message}", retry_after_s=30.0)
        if answer.status_code in _TRANSIENT:
            code, message = _refusal(answer)
            raise RetriableError(
                f"Graph answers {answer.status_code} {code} to {_path(url)}: {message}",
                retry_after_s=retry_after_s(answer.headers),
            )
        if not answer.ok:
            raise GraphError(answer.status_code, *_refusal(answer), url)
        return _document(answer, url)

    def _send(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, token: str
    ) -> Answer:
        sent = {
            **headers,
            "Accept": "application/json",
            "User-Agent": "SyncHealth",
            "client-request-id": str(uuid.uuid4()),
            # We only watch: whoever works for people goes first when the tenant is throttled.
            "x-ms-throttle-priority": "Low",
        }
        try:
            return self._session().request(method, url, headers=sent, data=body, auth=BearerAuth(token, self._place))
        except RefusedRequestError as error:
            raise RetriableError(f"Graph at {self._base}: {error}", retry_after_s=_ELSEWHERE_WAIT_S) from error
        except HttpError as error:
            raise RetriableError(
                f"Graph at {self._base} cannot be reached ({type(error).__name__}: {error})"
            ) from error

    def _session(self) -> TimedSession:
        if not hasattr(self._local, "session"):
            self._local.session = TimedSession(self._tenant, [self._place])
        session: TimedSession = self._local.session
        return session


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After header (a number or an HTTP date); None if there is none to read."""
    text = headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        seconds = (
            float(text) if text[:1].isdigit() else email.utils.parsedate_to_datetime(text).timestamp() - time.time()
        )
    except ValueError:
        return None
    return min(max(seconds, 0.0), _LONGEST_WAIT_S)


def _document(answer: Answer, url: str) -> dict[str, Any]:
    try:
        document = read_page(answer.content)
    except ValueError as error:
        raise RetriableError(f"the answer to {_path(url)} is cut or not JSON ({error})") from error
    if not isinstance(document, dict):
        raise RetriableError(f"the answer to {_path(url)} is not a JSON object")
    return document


def _refusal(answer: Answer) -> tuple[str, str]:
    try:
        error = load_document(answer.content)["error"]
        return str(error["code"])[:_LONGEST_SAID], str(error["message"])[:_LONGEST_SAID]
    except (NotJsonError, KeyError, TypeError, IndexError):
        return answer.reason or "", "(no explanation)"


def _path(url: str) -> str:
    # Tokens of delta and skip links are long and say nothing to people.
    return urlsplit(url).path
