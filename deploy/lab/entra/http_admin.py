"""Drive the lab from another process: faults, and changes to the directory.

Mounted only when a secret was configured; answers only calls from this machine that carry it
in `X-Lab-Admin`. It is no part of Graph.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

from aiohttp import web

from deploy.lab.entra.faults import Fault, Faults
from deploy.lab.entra.tenant import TenantStore

HEADER: Final = "X-Lab-Admin"
_OPERATIONS: Final = frozenset(
    {
        "upsert",
        "delete",
        "hard_delete",
        "restore",
        "find_by",
        "get",
        "set_members",
        "add_member",
        "remove_member",
        "set_provisioning_errors",
        "set_cloud_managed",
        "set_features",
        "add_domain",
        "remove_domain",
        "grant_admin",
        "revoke_admin",
        "record_sync",
        "append_log",
    }
)


class AdminEndpoints:
    """Handlers below `/lab/admin/`."""

    def __init__(self, tenants: Mapping[str, TenantStore], faults: Faults, secret: str) -> None:
        self._tenants, self._faults, self._secret = tenants, faults, secret.encode()

    def routes(self) -> list[web.RouteDef]:
        """Return the routes to add to the application."""
        return [
            web.post("/lab/admin/faults", self._guarded(self.add_fault)),
            web.delete("/lab/admin/faults", self._guarded(self.clear_faults)),
            web.patch("/lab/admin/conditions", self._guarded(self.set_conditions)),
            web.post("/lab/admin/tokens/expire", self._guarded(self.expire_tokens)),
            web.post("/lab/admin/tenants/{tenant}", self._guarded(self.change)),
        ]

    async def add_fault(self, request: web.Request) -> web.Response:
        """`{"kind": "throttle", "path": "/users", "times": 2}`: the fields of `faults.Fault`."""
        fields = await request.json()
        fields["ids"] = frozenset(fields.get("ids", ()))
        return web.json_response({"number": self._faults.add(Fault(**fields))})

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Lift the fault of `?number=`, or all."""
        number = request.query.get("number")
        self._faults.clear(None if number is None else int(number))
        return web.json_response({})

    async def set_conditions(self, request: web.Request) -> web.Response:
        """Set standing conditions, e.g. `{"replication_delay_s": 5}`."""
        for name, value in (await request.json()).items():
            if name == "replication_delay_s":
                self._faults.replication_delay_s = float(value)
            elif name == "hidden_in_delta":
                self._faults.hidden_in_delta = frozenset(value)
            elif name == "narrow_select_hides_restore":
                self._faults.narrow_select_hides_restore = bool(value)
            else:
                raise ValueError(f"no condition {name!r}")
        return web.json_response({})

    async def expire_tokens(self, request: web.Request) -> web.Response:
        """Make every access token invalid now."""
        self._faults.expire_tokens()
        return web.json_response({})

    async def change(self, request: web.Request) -> web.Response:
        """Call one method of the tenant store: `{"do": "upsert", "with": {"kind": "user", ...}}`."""
        wanted = await request.json()
        if wanted["do"] not in _OPERATIONS:
            raise ValueError(f"no operation {wanted['do']!r}; known: {', '.join(sorted(_OPERATIONS))}")
        operation: Callable[..., Any] = getattr(self._tenants[request.match_info["tenant"]], wanted["do"])
        return web.json_response({"result": operation(**wanted.get("with", {}))})

    def _guarded(
        self, handler: Callable[[web.Request], Awaitable[web.Response]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def run(request: web.Request) -> web.Response:
            sent = request.headers.get(HEADER, "").encode()
            if not _is_loopback(request.remote) or not hmac.compare_digest(sent, self._secret):
                return web.json_response({"error": "the lab's admin secret is missing or wrong"}, status=403)
            try:
                return await handler(request)
            except (KeyError, TypeError, ValueError) as error:
                return web.json_response({"error": str(error)}, status=400)

        return run


def _is_loopback(address: str | None) -> bool:
    try:
        return address is not None and ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
