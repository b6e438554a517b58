"""When a change happened: DirSync does not say, the objects do, to the second."""

from __future__ import annotations

from producers.ad.ldap import searches as lookups
from producers.ad.ldap.connection import DirectoryConnection
from producers.ad.mapping import Change, rfc3339_of_generalized_time
from streams.contracts.identity import guid_of_bytes
from streams.runtime.clock import now_ms, parse_rfc3339


def changed_times(connection: DirectoryConnection, base: str, changes: list[Change], quiet_ms: int) -> dict[str, int]:
    """object id -> when it changed, in ms, for changes that were just read; see `nearest` for `quiet_ms`."""
    if not changes:
        return {}
    read_ms = now_ms()
    found: dict[str, int] = {}
    for entry in lookups.read_when_changed(connection, base, [change.object_id for change in changes]):
        raw_guid, raw_time = entry.attributes.get("objectGUID"), entry.attributes.get("whenChanged")
        if raw_guid and raw_time and len(raw_guid[0]) == 16:
            when_changed = raw_time[0].decode("ascii", "replace")
            found[guid_of_bytes(raw_guid[0])] = nearest(when_changed, read_ms, quiet_ms)
    return found


def nearest(when_changed: str, read_ms: int, quiet_ms: int = 0) -> int:
    """The best guess from whenChanged, which has a resolution of one second, in ms.

    read_ms:  when the change was read: the truth is not later, and in that same second this is nearest to it.
    quiet_ms: when the directory last had nothing new: the truth is not earlier.
    """
    try:
        changed_ms = parse_rfc3339(rfc3339_of_generalized_time(when_changed))
    except (ValueError, OverflowError):
        return read_ms
    if changed_ms // 1000 >= read_ms // 1000:
        return read_ms
    return quiet_ms if changed_ms // 1000 == quiet_ms // 1000 else changed_ms
