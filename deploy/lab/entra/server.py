"""The lab's Entra ID over HTTPS: tokens, Microsoft Graph and, for the lab itself, administration.

Example:
    certificates = issue(directory, ["localhost", "127.0.0.1"])
    async with EntraServer([tenant], certificates=certificates) as entra:
        ...  # clients: authority entra.authority(tenant), Graph entra.url, CA certificates.ca_file
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Iterable
from typing import Self

from aiohttp import web

from deploy.lab.certificates import Certificates
from deploy.lab.entra.delta_pages import PageLimits
from deploy.lab.entra.dispatch import Dispatcher
from deploy.lab.entra.faults import Faults
from deploy.lab.entra.http_admin import AdminEndpoints
from deploy.lab.entra.http_graph import GraphEndpoint
from deploy.lab.entra.http_tokens import ManagedIdentities, TokenEndpoints
from deploy.lab.entra.service import GraphService
from deploy.lab.entra.tenant import TenantStore
from deploy.lab.entra.throttling import Throttling
from deploy.lab.entra.token_service import TokenService

_MAX_BODY = 4 * 1024 * 1024


class EntraServer:
    """One HTTPS server for any number of tenants.

    Args:
        tenants: the tenant stores; written to by others while the server runs, in its own thread.
        host, port: where to listen; port 0 takes a free one.
        certificates: the lab's; None serves plain HTTP, which msal refuses for an authority.
        token_lifetime_s: life of access tokens, by the wall clock.
        throttling_scale: multiplies Graph's limits; None switches them off.
        limits: how much a delta page holds.
        admin_secret: mounts `/lab/admin/` for callers on this machine who send it.
        identities: what the managed-identity endpoint `/msi/token` hands out.
    """

    def __init__(
        self,
        tenants: Iterable[TenantStore],
        host: str = "127.0.0.1",
        port: int = 0,
        certificates: Certificates | None = None,
        *,
        token_lifetime_s: int = 3599,
        throttling_scale: float | None = None,
        limits: PageLimits | None = None,
        admin_secret: str | None = None,
        identities: ManagedIdentities | None = None,
    ) -> None:
        self.tenants = {tenant.tenant_id: tenant for tenant in tenants}
        self.faults = Faults()
        self._host, self._port, self._certificates = host, port, certificates
        service = GraphService(self.tenants, self.faults, Throttling(throttling_scale), limits or PageLimits())
        tokens = TokenService(self.tenants, self.faults, lifetime_s=token_lifetime_s)
        self._app = web.Application(client_max_size=_MAX_BODY)
        self._app.add_routes(TokenEndpoints(tokens, self.faults, identities).routes())
        self._app.add_routes(GraphEndpoint(Dispatcher(service, tokens), self.faults).routes())
        if admin_secret:
            self._app.add_routes(AdminEndpoints(self.tenants, self.faults, admin_secret).routes())
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The base address: what settings call `graph_url`. Valid once started."""
        scheme = "http" if self._certificates is None else "https"
        return f"{scheme}://{self._host}:{self._port}"

    def authority(self, tenant: TenantStore) -> str:
        """Return the authority that clients of a tenant ask for tokens."""
        return f"{self.url}/{tenant.tenant_id}"

    async def start(self) -> None:
        """Listen. Raises OSError: the port is taken; ssl.SSLError: the certificates do not load."""
        context: ssl.SSLContext | None = None
        if self._certificates is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            context.load_cert_chain(self._certificates.cert_file, self._certificates.key_file)
        listener = socket.create_server((self._host, self._port))
        self._port = listener.getsockname()[1]
        self._runner = web.AppRunner(self._app, access_log=None, shutdown_timeout=2.0)
        await self._runner.setup()
        await web.SockSite(self._runner, listener, ssl_context=context).start()

    async def stop(self) -> None:
        """Stop listening and close open connections; what the tenants hold stays."""
        if self._runner is None:
            return
        served = self._runner.server
        open_now = [one.transport for one in served.connections] if served is not None else []
        await self._runner.cleanup()
        self._runner = None
        for transport in open_now:
            if transport is not None:
                transport.abort()  # do not wait for the client's half of a TLS farewell
        await asyncio.sleep(0)

    async def __aenter__(self) -> Self:
        """Start the server."""
        await self.start()
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        """Stop the server."""
        await self.stop()
