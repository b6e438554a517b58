"""What Entra keeps of a deleted object: that it can be restored, and until when.

Delta says of a deletion whether it can be undone ("changed") or not ("deleted"); the deleted items say when it was.
Objects that were deleted before anybody read the tenant are known from the deleted items alone.

Source: Microsoft, "Restore or permanently remove recently deleted users": 30 days, for groups and devices, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from streams.contracts.times import rfc3339, time_in
from streams.directory.state import ObjectState

REMOVED = "@removed"
DELETED_AT = "deletedDateTime"
KEPT_MS = 30 * 86_400_000


def restorable(state: ObjectState) -> bool:
    """Whether a dead Entra object is among the deleted items, as far as was told."""
    return state.side == "entra" and not state.alive and state.attributes.get(REMOVED) == "changed"


def deletion_attributes(state: ObjectState) -> dict[str, Any]:
    """What a dead object says of its deletion, for `deletion_evidence`."""
    return {name: state.attributes[name] for name in (REMOVED, DELETED_AT) if name in state.attributes}


def deletion_evidence(attributes: Mapping[str, Any]) -> dict[str, str | bool]:
    """What a finding says of a deletion: restorable, and deleted_at and restorable_until where the time is known.

    attributes: attributes of a dead object that hold `deletion_attributes`.
    """
    can_be = attributes.get(REMOVED) == "changed"
    deleted_ms = time_in(attributes, DELETED_AT, 0)
    found: dict[str, str | bool] = {"restorable": can_be}
    if deleted_ms:
        found["deleted_at"] = rfc3339(deleted_ms)
        if can_be:
            found["restorable_until"] = rfc3339(deleted_ms + KEPT_MS)
    return found


def newest_deletion(deletions: Iterable[Mapping[str, str | bool]]) -> dict[str, str | bool]:
    """Of several objects' `deletion_evidence` the one that matters: what can be restored, then the latest; else {}."""
    ordered = sorted(deletions, key=lambda each: (bool(each["restorable"]), str(each.get("deleted_at", ""))))
    return dict(ordered[-1]) if ordered else {}
