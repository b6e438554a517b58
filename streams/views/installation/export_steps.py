"""Steps of a cycle as Directory Synchronization 904 tells them: which is an export, and whether to Entra ID.

The words of a step are not published: only where it ends with the name of a run profile is it understood. Only a server
out of staging mode exports, so an export to Entra ID is that server's own proof that it is active.

Source: EvotecIT, EventViewerX, AADSyncCycleStage (904); Microsoft, "Microsoft Entra Connect: Staging server and
disaster recovery".
"""

from __future__ import annotations

import re

from streams.contracts.clouds import INITIAL_DOMAINS
from streams.contracts.events import Event

_STEP = re.compile(
    r"(?:\A|(?P<connector>.*)\W)(?:(?:Full|Delta)\W+)?(?P<kind>Import|Sync|Synchronization|Export)\W*\Z",
    re.IGNORECASE | re.DOTALL,
)


def is_cloud(connector: str) -> bool:
    """Whether the connector is Entra ID's: setup names it "<initial domain> - AAD"."""
    name = connector.lower()
    return name.endswith(("- aad", "- entra id")) or any(domain in name for domain in INITIAL_DOMAINS)


def finished_step(event: Event) -> tuple[str, str] | None:
    """(connector, "" where it is not named; "import", "sync", "synchronization" or "export") of a step that ended."""
    if event.details.get("step") != "finished":
        return None
    found = _STEP.match(str(event.details.get("step_name", "")))
    return (found["connector"] or "", found["kind"].lower()) if found is not None else None


def is_cloud_export(event: Event) -> bool:
    """Whether this tells that an export to Entra ID has ended."""
    step = finished_step(event)
    return step is not None and step[1] == "export" and is_cloud(step[0])
