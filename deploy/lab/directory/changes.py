"""What changed at an object since a USN, attribute by attribute and link by link."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING

from deploy.lab.directory import schema
from deploy.lab.directory.entry import Entry

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore


@dataclass(frozen=True, slots=True)
class Change:
    """The net change of one object after some USN.

    `attributes` are the names that were set or removed, `renamed` covers moves too; `linked` and `unlinked` hold, per
    linked attribute, the GUIDs added and removed.
    """

    guid: uuid.UUID
    dn: str
    usn: int
    created: bool
    deleted: bool
    renamed: bool
    attributes: frozenset[str]
    linked: dict[str, tuple[uuid.UUID, ...]]
    unlinked: dict[str, tuple[uuid.UUID, ...]]


def of(store: DirectoryStore, entry: Entry, usn: int) -> Change:
    """Return what happened to `entry` after `usn`."""
    changed = frozenset(name for name in entry.shape.names if entry.usn_of(name) > usn)
    linked, unlinked = {}, {}
    for name in changed & schema.LINKS.keys():
        added, removed = link_changes(entry, name, usn)
        linked[name] = tuple(uuid.UUID(bytes_le=target.guid) for target, _ in added)
        unlinked[name] = tuple(uuid.UUID(bytes_le=target.guid) for target, _ in removed)
    return Change(
        uuid.UUID(bytes_le=entry.guid),
        store.dn(entry),
        entry.usn_changed,
        created=entry.usn_created > usn,
        deleted=entry.deleted,
        renamed=entry.usn_name > usn and entry.usn_created <= usn,
        attributes=changed,
        linked=linked,
        unlinked=unlinked,
    )


def link_changes(entry: Entry, name: str, usn: int) -> tuple[list[tuple[Entry, int]], list[tuple[Entry, int]]]:
    """Return the targets added and removed after `usn`, each with its own USN, oldest first."""
    added = [(target, at) for target, at in entry.targets(name).items() if at > usn]
    removed = [(target, at) for target, at in (entry.removed_links or {}).get(name, {}).items() if at > usn]
    return sorted(added, key=_by_usn), sorted(removed, key=_by_usn)


def _by_usn(link: tuple[Entry, int]) -> tuple[int, bytes]:
    return link[1], link[0].guid
