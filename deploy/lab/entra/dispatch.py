"""The one door of the lab's Graph: token, faults, limits, permission, handler, headers."""

from __future__ import annotations

from typing import Final, NoReturn

import orjson

from deploy.lab.entra import routes
from deploy.lab.entra.batch import run_batch
from deploy.lab.entra.messages import (
    Answer,
    Call,
    Caller,
    GraphError,
    Inbound,
    bad_request,
    query_options,
    refusal,
)
from deploy.lab.entra.service import GraphService
from deploy.lab.entra.tenant import TenantStore
from deploy.lab.entra.throttling import resource_units
from deploy.lab.entra.token_service import TokenService, unauthorized

_DIAGNOSTIC: Final = orjson.dumps({"ServerInfo": {"DataCenter": "Lab", "Slice": "E", "Ring": "1"}}).decode()
_SHOW_USE_ABOVE: Final = 0.8


class Dispatcher:
    """Answers calls; `handle` never raises for what a client can cause."""

    def __init__(self, service: GraphService, tokens: TokenService) -> None:
        self._service, self._tokens = service, tokens

    def handle(self, inbound: Inbound) -> Answer:
        """Answer one request, `$batch` included."""
        client_request_id = inbound.headers.get("client-request-id", "")
        call: Call | None = None
        try:
            tenant, caller = self._tokens.authenticate(inbound.headers.get("authorization", ""))
            call = self._call(inbound, tenant, caller)
            if call.path == "/$batch" and call.method == "POST":
                found = run_batch(call, self._item)
            else:
                found = self._answer(call)
        except GraphError as error:
            request_id = call.request_id if call else ""
            found = refusal(error, request_id, client_request_id or request_id)
        request_id = call.request_id if call else client_request_id
        found.headers |= {
            "Cache-Control": "no-cache",
            "request-id": request_id,
            "client-request-id": client_request_id or request_id,
            "x-ms-ags-diagnostic": _DIAGNOSTIC,
        }
        return found

    def _item(self, parent: Call, inbound: Inbound) -> Answer:
        """Answer one item of a batch, with the token of the batch."""
        call = self._call(inbound, parent.tenant, parent.caller)
        try:
            made = self._answer(call)
        except GraphError as error:
            made = refusal(error, call.request_id, call.request_id)
        made.headers["Cache-Control"] = "no-cache"
        return made

    def _call(self, inbound: Inbound, tenant: TenantStore, caller: Caller) -> Call:
        return Call(
            tenant=tenant,
            caller=caller,
            method=inbound.method,
            version=inbound.version,
            path=routes.normal(inbound.path),
            options=query_options(inbound.query),
            headers=inbound.headers,
            body=inbound.body,
            origin=inbound.origin,
        )

    def _answer(self, call: Call) -> Answer:
        self._fail(call)
        found = routes.find(call.method, call.path)
        if found is None:
            self._unknown(call)
        route, groups = found
        headers = self._charge(call, route)
        roles = call.caller.roles - self._service.faults.denied(call.path, route.permissions) - call.tenant.revoked
        if not roles.intersection(route.permissions):
            raise _denied()
        made = route.handler(self._service, call, groups)
        made.headers |= headers
        return made

    def _fail(self, call: Call) -> None:
        """Raise what an armed fault says about this call."""
        faults = self._service.faults
        if fault := faults.take("throttle", call.path):
            raise _too_many(call, "reports" if "/auditLogs" in call.path else "identity", fault.retry_after_s)
        if faults.take("unauthorized", call.path):
            raise unauthorized("Lifetime validation failed, the token is expired.")
        if faults.take("forbidden", call.path):
            raise _denied()
        if fault := faults.take("server_error", call.path):
            wait = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
            codes = {503: "serviceNotAvailable", 504: "gatewayTimeout"}
            code = codes.get(fault.status, "InternalServerError")
            raise GraphError(fault.status, code, "The service is unavailable. Try again later.", wait)

    def _charge(self, call: Call, route: routes.Route) -> dict[str, str]:
        """Count the call against the caller's limit; return the headers that say how it stands."""
        users = len(call.tenant.collections["user"])
        identity = route.workload == "identity"
        cost = resource_units(route.cost, call.options) if identity else 1
        charge = self._service.throttling.charge(
            route.workload, cost, call.caller.client_id, call.tenant.tenant_id, users
        )
        if charge.retry_after_s is not None:
            raise _too_many(call, route.workload, charge.retry_after_s)
        headers = {"x-ms-resource-unit": str(cost)} if identity else {}
        if charge.used > _SHOW_USE_ABOVE:
            headers["x-ms-throttle-limit-percentage"] = f"{charge.used:.1f}"
        return headers

    def _unknown(self, call: Call) -> NoReturn:
        segment = call.path.strip("/").partition("/")[0]
        if call.method in ("POST", "PATCH", "PUT", "DELETE") and routes.find("GET", call.path):
            raise _denied()
        bad_request(f"Resource not found for the segment '{segment}'.")


def _denied() -> GraphError:
    return GraphError(403, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")


def _too_many(call: Call, workload: str, retry_after_s: int | None) -> GraphError:
    headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
    if workload == "reports":
        return GraphError(429, "UnknownError", "Too Many Requests", headers)
    scope = f"Tenant_Application/Read/{call.caller.client_id}/{call.tenant.tenant_id}"
    headers |= {
        "x-ms-throttle-scope": scope,
        "x-ms-throttle-information": "ResourceUnitLimitExceeded",
        "x-ms-throttle-limit-percentage": "1.1",
    }
    message = "Too many requests. Please retry after the time given in the Retry-After header."
    return GraphError(429, "TooManyRequests", message, headers)
