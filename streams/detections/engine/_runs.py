"""How the runs of a Connect server ended, as its log tells; shared by the rules that read them.

The event id depends on how a run ended, so the latest run is sought by connector and profile, over all ids.
"""

from __future__ import annotations

from streams.contracts.events import Event
from streams.views.server import ServerView

HELD_BACK = "stopped-deletion-threshold-exceeded"


def latest_runs(view: ServerView) -> list[Event]:
    """The latest finished run of each connector and profile, the oldest first."""
    latest: dict[tuple[str, str], Event] = {}
    for event in view.events:  # the oldest first
        status = event.details.get("run_status")
        if status and status != "in-progress":
            latest[connector_of(event), profile_of(event)] = event
    return sorted(latest.values(), key=lambda event: (event.ts_ms, event.id))


def connector_of(run: Event) -> str:
    """The connector of a run; "" where the log does not tell."""
    return str(run.details.get("connector") or "")


def profile_of(run: Event) -> str:
    """The run profile; "" where the log does not tell."""
    return str(run.details.get("run_profile") or "")


def status_of(run: Event) -> str:
    """How it ended, e.g. "completed-export-errors"."""
    return str(run.details.get("run_status") or "")


def is_export(run: Event) -> bool:
    """Whether this run writes to a directory."""
    return "export" in profile_of(run).lower()


def is_cloud(connector: str) -> bool:
    """Whether the connector is Entra ID's: setup names it "<tenant>.onmicrosoft.com - AAD"."""
    name = connector.lower()
    return name.endswith(("- aad", "- entra id")) or "onmicrosoft." in name
