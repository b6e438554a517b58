"""Which Connect server wrote when: shared by the rules about more than one of them."""

from __future__ import annotations

from streams.views.tenant import TenantView


def turns(view: TenantView) -> list[tuple[int, str]]:
    """(when, server) of each change of the server that writes, the first writer included, ascending."""
    taken: list[tuple[int, str]] = []
    for ts_ms, server in view.exports:
        if not taken or taken[-1][1] != server:
            taken.append((ts_ms, server))
    return taken
