"""Graph over HTTP: from a web request to a call, and from an answer back, broken if so ordered."""

from __future__ import annotations

import asyncio
from urllib.parse import unquote

from aiohttp import web

from deploy.lab.entra.dispatch import Dispatcher
from deploy.lab.entra.faults import Faults
from deploy.lab.entra.messages import Answer, Inbound


class GraphEndpoint:
    """The handler of `/v1.0/...` and `/beta/...`."""

    def __init__(self, dispatcher: Dispatcher, faults: Faults) -> None:
        self._dispatcher, self._faults = dispatcher, faults

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to the application."""
        return [web.route("*", "/{version:v1\\.0|beta}/{path:.*}", self.answer)]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Answer a Graph request, late or cut in half if a fault says so."""
        version, _, path = request.rel_url.raw_path.lstrip("/").partition("/")
        inbound = Inbound(
            method=request.method,
            version=version,
            path="/" + unquote(path),
            query=request.rel_url.raw_query_string,
            headers={name.lower(): value for name, value in request.headers.items()},
            body=await request.read(),
            origin=f"{request.scheme}://{request.host}",
        )
        if fault := self._faults.take("slow", inbound.path):
            await asyncio.sleep(fault.delay_s)
        made = self._dispatcher.handle(inbound)
        if made.status == 200 and self._faults.take("cut", inbound.path):
            return await _cut(request, made)
        return web.Response(status=made.status, body=made.body, headers=made.headers)


async def _cut(request: web.Request, made: Answer) -> web.StreamResponse:
    """Promise the whole body, send half of it and close the connection."""
    response = web.StreamResponse(headers={**made.headers, "Content-Length": str(len(made.body))})
    await response.prepare(request)
    await response.write(made.body[: len(made.body) // 2])
    if request.transport is not None:
        request.transport.abort()
    return response
