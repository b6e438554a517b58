"""Whether the cloud has the say over an object that synchronisation once brought: its source of authority was moved.

Such an object keeps its anchor, SID and names, the engine leaves it alone, and its AD object may be edited, moved or
deleted without any consequence. So its AD object counts as one that nobody exports (Party.out_of_scope), and the cloud
object as one that is not synchronised, in every view and count.

What shows it: `isCloudManaged` (onPremisesSyncBehavior), which to read needs a permission to write, so that we do not
ask for it; onPremisesSyncEnabled null, where "no longer synchronised" is false, on an object with what only
synchronisation sets; or the audited conversion, as long as it is remembered. Given back, it is null until the engine
takes the object over: the audited way back says so.

Sources: Microsoft, "Configure User Source of Authority", "Configure Group Source of Authority", "Configure contact
source of authority" (status of attributes after you convert SOA; roll back); Microsoft Graph, user resource type
(onPremisesSyncEnabled: true, false, null). ADSync 6956 tells of such objects, too, in words that nobody has published.
"""

from __future__ import annotations

from collections.abc import Iterable

from streams.contracts.events import Event, Result
from streams.contracts.facts import ObjectKind
from streams.directory.state import ObjectState

CLOUD_MANAGED = "cloud_managed"
"""Why an AD object is not exported whose cloud object is managed there."""

CONVERTED, GIVEN_BACK = "change source of authority", "undo changes to source of authority"
"""How the names of the audited activities begin."""

_KINDS = (ObjectKind.USER, ObjectKind.GROUP, ObjectKind.CONTACT)
# Only synchronisation sets these; an immutableId anybody may write.
_TRACES = (
    "onPremisesLastSyncDateTime",
    "onPremisesSecurityIdentifier",
    "onPremisesDistinguishedName",
    "onPremisesDomainName",
    "onPremisesSamAccountName",
)


def cloud_managed(state: ObjectState) -> bool:
    """Whether this Entra object was synchronised and is managed in the cloud now."""
    if state.side != "entra" or state.kind not in _KINDS:
        return False
    managed = state.attributes.get("isCloudManaged")
    synced = state.attributes.get("onPremisesSyncEnabled")
    if isinstance(managed, bool) or synced is True:
        return managed is True
    moved = latest_move(state.events.values())
    if moved is not None:
        return moved.name.startswith(CONVERTED)
    return synced is None and any(state.attributes.get(name) for name in _TRACES)


def latest_move(events: Iterable[Event]) -> Event | None:
    """The newest conversion of the source of authority, there or back, that did not fail."""
    told = [event for event in events if event.name.startswith((CONVERTED, GIVEN_BACK))]
    return max((each for each in told if each.result is not Result.FAILURE), key=lambda each: each.ts_ms, default=None)
