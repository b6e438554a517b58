"""The token endpoints over HTTP: discovery, client credentials, managed identity."""

from __future__ import annotations

import hmac
import time
import uuid
from dataclasses import dataclass, field

from aiohttp import web

from deploy.lab.entra.apps import AppRegistration
from deploy.lab.entra.faults import Faults
from deploy.lab.entra.tenant import TenantStore
from deploy.lab.entra.token_service import TokenRefused, TokenService

_FAULT_PATH = "/oauth2/v2.0/token"


@dataclass(slots=True)
class ManagedIdentities:
    """What a host hands out without secrets: apps by client id; None is the host's own."""

    header: str = field(repr=False)
    apps: dict[str | None, tuple[TenantStore, AppRegistration]] = field(default_factory=dict)


class TokenEndpoints:
    """Handlers of the authority and of the managed-identity endpoint (App Service flavour)."""

    def __init__(self, tokens: TokenService, faults: Faults, identities: ManagedIdentities | None) -> None:
        self._tokens, self._faults, self._identities = tokens, faults, identities

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to the application."""
        return [
            web.get("/common/discovery/instance", self.instance_discovery),
            web.get("/{tenant}/v2.0/.well-known/openid-configuration", self.discovery),
            web.get("/{tenant}/discovery/v2.0/keys", self.keys),
            web.post("/{tenant}/oauth2/v2.0/token", self.token),
            web.get("/msi/token", self.managed_identity),
        ]

    async def instance_discovery(self, request: web.Request) -> web.Response:
        """Say that this host is the only authority."""
        host = request.host
        return web.json_response(
            {
                "tenant_discovery_endpoint": f"{_origin(request)}/common/v2.0/.well-known/openid-configuration",
                "api-version": "1.1",
                "metadata": [{"preferred_network": host, "preferred_cache": host, "aliases": [host]}],
            }
        )

    async def discovery(self, request: web.Request) -> web.Response:
        """Serve the OpenID configuration of a tenant."""
        try:
            tenant = self._tokens.tenant(request.match_info["tenant"])
        except TokenRefused as error:
            return web.json_response(error.body(), status=error.status)
        base = f"{_origin(request)}/{tenant.tenant_id}"
        return web.json_response(
            {
                "token_endpoint": f"{base}/oauth2/v2.0/token",
                "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt"],
                "jwks_uri": f"{base}/discovery/v2.0/keys",
                "response_modes_supported": ["query", "fragment", "form_post"],
                "subject_types_supported": ["pairwise"],
                "id_token_signing_alg_values_supported": ["RS256"],
                "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
                "scopes_supported": ["openid", "profile", "email", "offline_access"],
                "issuer": f"{base}/v2.0",
                "request_uri_parameter_supported": False,
                "authorization_endpoint": f"{base}/oauth2/v2.0/authorize",
                "device_authorization_endpoint": f"{base}/oauth2/v2.0/devicecode",
                "end_session_endpoint": f"{base}/oauth2/v2.0/logout",
                "claims_supported": ["sub", "iss", "aud", "exp", "iat", "tid", "ver"],
                "tenant_region_scope": "EU",
                "cloud_instance_name": "microsoftonline.com",
                "msgraph_host": request.host,
            }
        )

    async def keys(self, request: web.Request) -> web.Response:
        """Publish no keys: nobody but this service can check its tokens."""
        return web.json_response({"keys": []})

    async def token(self, request: web.Request) -> web.Response:
        """Answer a token request. Faults whose path names `oauth2` apply here."""
        if (failed := self._fail()) is not None:
            return failed
        form = {name: value for name, value in (await request.post()).items() if isinstance(value, str)}
        try:
            tenant = self._tokens.tenant(request.match_info["tenant"])
            endpoint = f"{_origin(request)}/{tenant.tenant_id}/oauth2/v2.0/token"
            return web.json_response(self._tokens.grant(tenant, form, endpoint))
        except TokenRefused as error:
            return web.json_response(error.body(), status=error.status)

    async def managed_identity(self, request: web.Request) -> web.Response:
        """Answer as the identity endpoint of an Azure App Service does."""
        identities = self._identities
        sent = request.headers.get("X-IDENTITY-HEADER", "")
        if identities is None or not hmac.compare_digest(sent.encode(), identities.header.encode()):
            return _msi_error(401, "The identity header is missing or wrong.")
        found = identities.apps.get(request.query.get("client_id"))
        if found is None:
            return _msi_error(400, "No User Assigned or Delegated Managed Identity found for specified ClientId.")
        resource = request.query.get("resource", "")
        try:
            self._tokens.check_resource(resource)
        except TokenRefused as error:
            return _msi_error(400, str(error))
        tenant, app = found
        token, lifetime = self._tokens.issue(tenant, app), self._tokens.lifetime(app)
        return web.json_response(
            {
                "access_token": token,
                "client_id": app.client_id,
                "expires_on": str(int(time.time()) + lifetime),
                "resource": resource,
                "token_type": "Bearer",
            }
        )

    def _fail(self) -> web.Response | None:
        for kind in ("throttle", "server_error", "unauthorized"):
            for fault in self._faults.standing(kind, _FAULT_PATH):
                if not fault.path:
                    continue
                self._faults.use(fault)
                if kind == "unauthorized":
                    refused = TokenRefused(401, "invalid_client", 7000222, "The client secret keys are expired.")
                    return web.json_response(refused.body(), status=401)
                status = 429 if kind == "throttle" else fault.status
                refused = TokenRefused(status, "temporarily_unavailable", 90055, "Try again later.")
                wait = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
                return web.json_response(refused.body(), status=status, headers=wait)
        return None


def _msi_error(status: int, message: str) -> web.Response:
    body = {"statusCode": status, "message": message, "correlationId": str(uuid.uuid4())}
    return web.json_response(body, status=status)


def _origin(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"
