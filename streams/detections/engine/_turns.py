"""Which Connect server wrote when: shared by the rules about more than one of them."""

from __future__ import annotations

from collections.abc import Iterable

from streams.views.installation.tenant_view import TenantView


def turns(writes: Iterable[tuple[int, str]]) -> list[tuple[int, str]]:
    """(when, server) of each change of the server that writes, the first writer included, ascending as `writes` are."""
    taken: list[tuple[int, str]] = []
    for ts_ms, server in writes:
        if not taken or taken[-1][1] != server:
            taken.append((ts_ms, server))
    return taken


def logged_exports(view: TenantView) -> tuple[tuple[int, str], ...]:
    """(when, server) of the exports to Entra ID of the last day that the servers' own logs tell, ascending."""
    return tuple(sorted((ts_ms, server) for server, runs in view.runs.items() for ts_ms in runs.exports_ms))
