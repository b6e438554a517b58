"""One call to the lab's Graph and its answer, apart from any web framework.

`$batch` runs calls through the same door, so a call carries everything a handler needs.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NoReturn
from urllib.parse import parse_qsl, quote

import orjson

from deploy.lab.entra.tenant import TenantStore

JSON: Final = "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8"


class GraphError(Exception):
    """A refusal, as Graph words it: HTTP status, error code, message, extra headers."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status, self.code, self.message = status, code, message
        self.headers = dict(headers or {})


def bad_request(message: str, code: str = "BadRequest") -> NoReturn:
    """Refuse a call that can never succeed."""
    raise GraphError(400, code, message)


def not_found(object_id: str) -> NoReturn:
    """Say that an object is not there (any more)."""
    message = f"Resource '{object_id}' does not exist or one of its queried reference-property objects are not present."
    raise GraphError(404, "Request_ResourceNotFound", message)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls, taken from the access token."""

    client_id: str
    roles: frozenset[str]
    delegated: bool


@dataclass(frozen=True, slots=True)
class Inbound:
    """A request as it came in; header names in lower case, `path` decoded, without version."""

    method: str
    version: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    origin: str


@dataclass(frozen=True, slots=True)
class Call:
    """A request: `path` without version, `options` without `$` and in lower case."""

    tenant: TenantStore
    caller: Caller
    method: str
    version: str
    path: str
    options: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    origin: str
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def beta(self) -> bool:
        """Whether the beta version was asked for."""
        return self.version == "beta"

    def context(self, what: str) -> str:
        """Return the `@odata.context` of an answer."""
        return f"{self.origin}/{self.version}/$metadata#{what}"

    def link(self, path: str, options: Mapping[str, str]) -> str:
        """Return an absolute link to this server, spelled by the Host the client used."""
        query = "&".join(f"${name}={quote(value, safe='-_.~,')}" for name, value in options.items())
        return f"{self.origin}/{self.version}{path}?{query}"

    def selected(self) -> tuple[str, ...] | None:
        """Return the names of `$select`, or None when it is absent or empty."""
        names = [name.strip() for name in self.options.get("select", "").split(",")]
        return tuple(dict.fromkeys(name for name in names if name)) or None


@dataclass(slots=True)
class Answer:
    """A response."""

    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def answer(item: Mapping[str, Any], **headers: str) -> Answer:
    """Answer 200 with a JSON body; header names are given with underscores."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(200, orjson.dumps(item), {"Content-Type": JSON, **named})


def refusal(error: GraphError, request_id: str, client_request_id: str) -> Answer:
    """Turn a refusal into the error body Graph sends."""
    body = {
        "error": {
            "code": error.code,
            "message": error.message,
            "innerError": {
                "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S"),
                "request-id": request_id,
                "client-request-id": client_request_id,
            },
        }
    }
    return Answer(error.status, orjson.dumps(body), {"Content-Type": "application/json", **error.headers})


def query_options(raw: str) -> dict[str, str]:
    """Decode a query string; `$` may be absent or encoded, and names compare without case."""
    return {name.lstrip("$").lower(): value for name, value in parse_qsl(raw, keep_blank_values=True)}
