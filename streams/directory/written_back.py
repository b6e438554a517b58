"""Groups of the cloud that are written back into AD: how the original is known, and how a copy names it.

Sources: Microsoft, "Plan for Microsoft Entra Connect group writeback", "Provision groups to Active Directory using
Microsoft Entra Cloud Sync".
"""

from __future__ import annotations

import re

from streams.contracts.facts import WRITEBACK_ENABLED
from streams.directory.event_slots import GROUP_PROVISIONING
from streams.directory.state import ObjectState

NAMES_ORIGINAL = ("msDS-ExternalDirectoryObjectId", "adminDescription")
"""Where a group in AD names its original: Cloud Sync uses the first, Connect the second, both as "Group_<id>"."""
_ORIGINAL = re.compile(r"group_([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.IGNORECASE)


def original_of(state: ObjectState) -> str | None:
    """The Entra id of the group of which this AD group is a copy; None for any other."""
    for name in NAMES_ORIGINAL:
        found = _ORIGINAL.fullmatch(state.text(name) or "")
        if found:
            return found[1].lower()
    return None


def written_back(state: ObjectState) -> bool:
    """Whether a group of the cloud is known to be written into AD, by its mark or by Cloud Sync's log."""
    if state.side != "entra" or state.attributes.get("onPremisesSyncEnabled") is True:
        return False
    return state.attributes.get(WRITEBACK_ENABLED) is True or is_provisioned(state)


def is_provisioned(state: ObjectState) -> bool:
    """Whether Cloud Sync's log tells of writing this group."""
    return any(slot.endswith(f"/{GROUP_PROVISIONING}") for slot in state.events)
