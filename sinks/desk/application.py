"""The desk as an ASGI application: API and pages, one set of headers, errors that say what to do."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from litestar import Litestar, MediaType, Request, Response, Router, get
from litestar.config.csrf import CSRFConfig
from litestar.di import Provide
from litestar.exceptions import ClientException, HTTPException, PermissionDeniedException
from litestar.handlers import BaseRouteHandler
from litestar.middleware import DefineMiddleware
from litestar.middleware.rate_limit import RateLimitConfig
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.plugins.jinja import JinjaTemplateEngine
from litestar.response import Template
from litestar.static_files import create_static_files_router
from litestar.template.config import TemplateConfig
from markupsafe import Markup

from sinks.desk.access import PUBLIC, Access, Connected
from sinks.desk.acting import Acting
from sinks.desk.actions import ACTION_PAGES, ACTIONS_API
from sinks.desk.api import API
from sinks.desk.pages import PAGES
from sinks.desk.reading import Reading
from sinks.history.scope import keep_scopes, narrowed
from streams.contracts.errors import InvalidRecordError, RetriableError
from streams.contracts.times import age
from streams.contracts.words import in_words
from streams.runtime.desk_settings import AccessSettings
from streams.runtime.logs import get_logger
from streams.runtime.printable import printable

_FOLDER = Path(__file__).parent
_HEADERS = {
    # https://developer.mozilla.org/docs/Web/HTTP/CSP: nothing but our own files, and forms to ourselves
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; "
    "img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
OPEN = {"role": PUBLIC}
_OUR_NAMES = {"127.0.0.1", "localhost", "::1"}
_ROOM = 160
_log = get_logger(__name__)


def application(
    reading: Reading, acting: Acting, *, access: AccessSettings, secret: str, version: str, secure: bool = False
) -> Litestar:
    """Everything the desk answers; `reading` is what it answers from, `acting` does what people ask.

    access: who may come, and do what. secret: signs what forms carry; the same after a restart, so that a page that is
    open goes on. secure: cookies travel by TLS alone.
    """
    keep_scopes(reading.engine)
    door = Access(access, reading.engine)

    @get("/-/healthy", media_type=MediaType.TEXT, sync_to_thread=False, include_in_schema=False, opt=OPEN)
    def healthy() -> Response[str]:
        return _state(reading.stuck())

    @get("/-/ready", media_type=MediaType.TEXT, sync_to_thread=False, include_in_schema=False, opt=OPEN)
    def ready() -> Response[str]:
        return _state(reading.not_ready())

    async def given(request: Request[Any, Any, Any]) -> Reading:
        person = request.scope["user"]
        if person.scopes is None:
            return reading
        return replace(reading, engine=narrowed(reading.engine, person.scopes), objects=False)

    async def actors(request: Request[Any, Any, Any]) -> Acting:
        return replace(acting, engine=narrowed(acting.engine, request.scope["user"].scopes))

    return Litestar(
        route_handlers=[
            API, ACTIONS_API, healthy, ready,
            Router("/", route_handlers=[*PAGES, *ACTION_PAGES], include_in_schema=False),
            create_static_files_router("/static", directories=[_FOLDER / "static"], include_in_schema=False, opt=OPEN),
        ],
        guards=[_require_our_own({*_OUR_NAMES, *access.names}), door.guard],
        middleware=[_limits(access)] if access.is_required else [],
        logging_config=None,
        dependencies={"reading": Provide(given), "acting": Provide(actors)},
        # The API takes no forms, only JSON, which no page of elsewhere can send us without asking first (CORS).
        csrf_config=CSRFConfig(
            secret=secret, cookie_name="synchealth_csrf", cookie_httponly=True, cookie_samesite="strict",
            cookie_secure=secure, exclude=["^/api/"],
        ),
        template_config=TemplateConfig(instance=JinjaTemplateEngine.from_environment(environment(reading))),
        openapi_config=OpenAPIConfig(
            title="SyncHealth", version=version, path="/api/v1/schema", render_plugins=[JsonRenderPlugin()]
        ),
        exception_handlers={
            InvalidRecordError: _refused, RetriableError: _away, HTTPException: _http, Exception: _failed,
        },
        response_headers=_HEADERS,
    )  # fmt: skip


def _state(amiss: str | None) -> Response[str]:
    return Response(f"{amiss or 'ok'}\n", status_code=503 if amiss else 200, media_type=MediaType.TEXT)


def _require_our_own(names: Collection[str]) -> Callable[[Connected, BaseRouteHandler], None]:
    def guard(request: Connected, _handler: BaseRouteHandler) -> None:
        _require_our_name(request, names)
        if request.scope.get("method") not in {"GET", "HEAD"}:
            _require_our_page(request)

    return guard


def _limits(access: AccessSettings) -> DefineMiddleware:
    """So that nobody guesses tokens, or keeps others out: by the address that asks, or the name that a proxy tells."""

    def who(request: Request[Any, Any, Any]) -> str:
        peer = request.client.host if request.client is not None else ""
        return f"{peer} {request.headers.get(access.proxy_user_header, '') if peer in access.proxies else ''}"

    limit = ("minute", access.requests_a_minute)
    return RateLimitConfig(rate_limit=limit, exclude=["^/static/"], identifier_for_request=who).middleware  # type: ignore[arg-type]


def _require_our_page(request: Connected) -> None:
    """What changes something is asked by a page of ours, or by no page at all.

    Source: https://developer.mozilla.org/docs/Web/HTTP/Headers/Sec-Fetch-Site; browsers send Origin with every POST.
    """
    origin = request.headers.get("origin")
    site = request.headers.get("sec-fetch-site", "same-origin")
    theirs = origin is not None and urlsplit(origin).netloc != request.headers.get("host", "")
    if theirs or site not in {"same-origin", "none"}:
        raise PermissionDeniedException("this was asked by a page of elsewhere")
    # What a form of elsewhere may send without asking first is none of these (Fetch, "CORS-safelisted request-header").
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.url.path.startswith("/api/") and kind != "application/json":
        raise PermissionDeniedException("the API takes application/json")


def _require_our_name(request: Connected, names: Collection[str]) -> None:
    """A page of elsewhere must not reach us under a name of its own (DNS rebinding)."""
    try:
        name = urlsplit(f"//{request.headers.get('host', '')}").hostname
    except ValueError:
        name = None
    if name not in names:
        raise ClientException(f"the desk answers to {', '.join(sorted(names))} alone ([desk.access] names)")


def environment(reading: Reading) -> Environment:
    """The templates: whatever they put out is escaped, and what would be hidden in it is shown.

    Every page says how fresh it is: the head asks `knowledge` itself.
    """
    found = Environment(
        loader=FileSystemLoader(_FOLDER / "templates"), autoescape=True, undefined=StrictUndefined, finalize=_visible
    )
    found.globals["knowledge"] = reading.knowledge
    found.filters["age"] = _age
    found.filters["minute"] = lambda at: f"{at[:10]} {at[11:16]}"
    found.filters["second"] = lambda at: f"{at[:10]} {at[11:19]}"
    found.filters["duration"] = age
    found.filters["words"] = in_words
    found.filters["breakable"] = _breakable
    found.filters["short"] = _short
    found.filters["as_sentence"] = lambda text: text[:1].upper() + text[1:]
    return found


def _visible(value: object) -> object:
    return printable(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def _short(text: str) -> str:
    """What a list has room for of a name that means harm; the page of the finding has all of it."""
    return text if len(text) <= _ROOM else f"{text[:_ROOM]}…"


def _breakable(name: str) -> Markup:
    """A distinguished name that may break behind its commas."""
    return Markup(",<wbr>").join(printable(part) for part in name.split(","))


def _age(at: str) -> str:
    """How long ago, in one word."""
    seconds = (datetime.now(UTC) - datetime.fromisoformat(at)).total_seconds()
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{int(seconds // length)} {unit}"
    return "now"


def _answer(request: Request[Any, Any, Any], status: int, title: str, detail: str) -> Response[object]:
    """An error as whoever asks reads it: RFC 9457 for the API, a page for people."""
    if request.url.path.startswith("/api/"):
        body: object = {"title": title, "status": status, "detail": detail}
        return Response(body, status_code=status, media_type="application/problem+json", headers=_HEADERS)
    context = {"title": title, "detail": detail}
    return Template("error.html", context=context, status_code=status, media_type=MediaType.HTML, headers=_HEADERS)  # type: ignore[return-value]


def _refused(request: Request[Any, Any, Any], error: InvalidRecordError) -> Response[object]:
    return _answer(request, 400, "This cannot be asked", str(error))


def _away(request: Request[Any, Any, Any], error: RetriableError) -> Response[object]:
    return _answer(request, 503, "The history is away", str(error))


def _http(request: Request[Any, Any, Any], error: HTTPException) -> Response[object]:
    return _answer(request, error.status_code, "Not found" if error.status_code == 404 else "Refused", error.detail)


def _failed(request: Request[Any, Any, Any], error: Exception) -> Response[object]:
    _log.error("a page cannot be answered", path=request.url.path, exc_info=error)
    return _answer(request, 500, "This went wrong", "the log of the desk says more")
