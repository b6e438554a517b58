"""Access tokens: who may have one, what is in it, and whether it still holds.

Tokens are JWTs with the claims real ones carry (`roles` above all), signed with a key that
only this process knows. Their life runs by the wall clock, as the clients' caches do.
"""

from __future__ import annotations

import datetime as dt
import hmac
import secrets
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import jwt

from deploy.lab.entra.apps import AppRegistration
from deploy.lab.entra.client_assertion import AssertionRefused, verify
from deploy.lab.entra.faults import Faults
from deploy.lab.entra.messages import Caller, GraphError
from deploy.lab.entra.tenant import TenantStore

GRAPH_HOSTS: Final = frozenset(
    {"graph.microsoft.com", "graph.microsoft.us", "dod-graph.microsoft.us", "microsoftgraph.chinacloudapi.cn"}
)
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_ASSERTION_TYPE: Final = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_AUDIENCE: Final = "https://graph.microsoft.com"


class TokenRefused(Exception):
    """A refusal of the token endpoint: HTTP status, OAuth error, AADSTS number, text."""

    def __init__(self, status: int, error: str, number: int, text: str) -> None:
        super().__init__(f"AADSTS{number}: {text}")
        self.status, self.error, self.number, self.text = status, error, number, text

    def body(self) -> dict[str, Any]:
        """Return the error as Entra words it."""
        now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M:%SZ")
        trace, correlation = str(uuid.uuid4()), str(uuid.uuid4())
        tail = f"Trace ID: {trace} Correlation ID: {correlation} Timestamp: {now}"
        return {
            "error": self.error,
            "error_description": f"AADSTS{self.number}: {self.text} {tail}",
            "error_codes": [self.number],
            "timestamp": now,
            "trace_id": trace,
            "correlation_id": correlation,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.number}",
        }


class TokenService:
    """Issues and checks tokens for the applications of the tenants."""

    def __init__(
        self,
        tenants: Mapping[str, TenantStore],
        faults: Faults,
        *,
        lifetime_s: int = 3599,
        now_s: Callable[[], float] = time.time,
    ) -> None:
        self._tenants, self._faults = tenants, faults
        self._lifetime_s, self._now_s = lifetime_s, now_s
        self._key = secrets.token_bytes(32)

    def tenant(self, name: str) -> TenantStore:
        """Return the tenant of a GUID or a verified domain. Raises TokenRefused: AADSTS90002."""
        for tenant in self._tenants.values():
            domain = tenant.profile.domains.get(name.lower())
            if tenant.tenant_id.lower() == name.lower() or (domain is not None and domain.verified):
                return tenant
        raise TokenRefused(400, "invalid_tenant", 90002, f"Tenant '{name}' not found.")

    def grant(self, tenant: TenantStore, form: Mapping[str, str], token_endpoint: str) -> dict[str, Any]:
        """Answer a client-credentials request.

        Raises:
            TokenRefused: with the OAuth error and AADSTS number the real service gives.
        """
        for name in ("grant_type", "client_id", "scope"):
            if not form.get(name):
                raise TokenRefused(
                    400,
                    "invalid_request",
                    900144,
                    f"The request body must contain the following parameter: '{name}'.",
                )
        if form["grant_type"] != "client_credentials":
            raise TokenRefused(
                400,
                "unsupported_grant_type",
                70003,
                f"The app requested an unsupported grant type '{form['grant_type']}'.",
            )
        app = tenant.apps.get(form["client_id"])
        if app is None:
            text = f"Application with identifier '{form['client_id']}' was not found in the directory."
            raise TokenRefused(400, "unauthorized_client", 700016, text)
        self._prove(app, form, token_endpoint)
        scope = form["scope"]
        if not scope.endswith("/.default"):
            text = f"The provided value for scope {scope} is not valid. It must end with /.default."
            raise TokenRefused(400, "invalid_scope", 1002012, text)
        self.check_resource(scope.removesuffix("/.default"))
        lifetime = self.lifetime(app)
        return {
            "token_type": "Bearer",
            "expires_in": lifetime,
            "ext_expires_in": lifetime,
            "access_token": self.issue(tenant, app),
        }

    def check_resource(self, resource: str) -> None:
        """Raise TokenRefused unless `resource` is a Graph host or this machine."""
        host = urlsplit(resource).hostname or ""
        if host not in GRAPH_HOSTS | _LOOPBACK:
            text = f"The resource principal named {resource} was not found in the tenant."
            raise TokenRefused(400, "invalid_resource", 500011, text)

    def issue(self, tenant: TenantStore, app: AppRegistration) -> str:
        """Return an access token for an application."""
        now = int(self._now_s())
        claims = {
            "aud": _AUDIENCE,
            "iss": f"https://sts.windows.net/{tenant.tenant_id}/",
            "iat": now,
            "nbf": now,
            "exp": now + self.lifetime(app),
            "app_displayname": app.display_name,
            "appid": app.client_id,
            "idtyp": "app",
            "oid": app.service_principal_id,
            "roles": sorted(app.roles),
            "tid": tenant.tenant_id,
            "uti": secrets.token_urlsafe(16),
            "ver": "1.0",
            "lab_generation": self._faults.token_generation,
        }
        return jwt.encode(claims, self._key, algorithm="HS256")

    def authenticate(self, authorization: str) -> tuple[TenantStore, Caller]:
        """Read an Authorization header. Raises GraphError: 401 as Graph words it."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise unauthorized("Access token is empty.")
        try:
            claims = jwt.decode(
                token,
                self._key,
                algorithms=["HS256"],
                audience=_AUDIENCE,
                options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
            )
            tenant = self._tenants[claims["tid"]]
            expired = claims["exp"] <= self._now_s()
            expired = expired or claims["lab_generation"] < self._faults.token_generation
            app = tenant.apps[claims["appid"]]
        except (jwt.PyJWTError, KeyError) as error:
            raise unauthorized("Invalid token: the signature or the tenant does not fit.") from error
        if expired:
            raise unauthorized("Lifetime validation failed, the token is expired.")
        return tenant, Caller(app.client_id, frozenset(claims["roles"]), app.delegated)

    def lifetime(self, app: AppRegistration) -> int:
        """Return how many seconds a token of this application lives."""
        return self._lifetime_s if app.token_lifetime_s is None else app.token_lifetime_s

    def _prove(self, app: AppRegistration, form: Mapping[str, str], token_endpoint: str) -> None:
        if assertion := form.get("client_assertion"):
            if form.get("client_assertion_type") != _ASSERTION_TYPE:
                raise TokenRefused(400, "invalid_request", 900144, "client_assertion_type is missing or unknown.")
            try:
                verify(assertion, app, token_endpoint)
            except AssertionRefused as error:
                raise TokenRefused(401, "invalid_client", error.code, f"{error}.") from error
            return
        secret = form.get("client_secret", "")
        if not secret:
            text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
            raise TokenRefused(401, "invalid_client", 7000218, text)
        if any(hmac.compare_digest(secret.encode(), known.encode()) for known in app.secrets):
            return
        if secret in app.expired_secrets:
            text = "The provided client secret keys for the app are expired."
            raise TokenRefused(401, "invalid_client", 7000222, text)
        text = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client"
            " secret value, not the client secret ID."
        )
        raise TokenRefused(401, "invalid_client", 7000215, text)


def unauthorized(message: str) -> GraphError:
    """Return Graph's 401 with the challenge it sends along."""
    challenge = (
        'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize",'
        ' client_id="00000003-0000-0000-c000-000000000000"'
    )
    return GraphError(401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": challenge})
