"""Changes of the tenant's configuration, as the audit log tells of them: informational, for a while."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streams.contracts.events import Event, Result
from streams.contracts.times import rfc3339
from streams.views.installation.tenant_view import TenantView


def lately(view: TenantView, names: Iterable[str], within_ms: int, now_ms: int) -> list[Event]:
    """The audits of these activities that succeeded and are no older than that, the oldest first."""
    wanted = frozenset(names)
    return [
        event
        for event in view.events
        if event.name in wanted and event.result is not Result.FAILURE and now_ms < event.ts_ms + within_ms
    ]


def said_of(event: Event) -> dict[str, Any]:
    """What evidence holds of such a change: what, when, by whom, and what the log says was changed."""
    said = {
        "activity": event.name,
        "at": rfc3339(event.ts_ms),
        "by": event.initiator,
        "target": event.details.get("target_name"),
        "changed": event.details.get("changed"),
        "values": event.details.get("values"),
    }
    return {name: value for name, value in said.items() if value is not None}
