"""Deletion and restoration.

Without the recycle bin a deleted object becomes a tombstone: it moves below CN=Deleted Objects under a mangled name, is
marked isDeleted and isRecycled, and loses most attributes and all links. With the recycle bin it keeps them.

Source: MS-ADTS 3.1.1.5.5 (delete), 3.1.1.5.3.7 (undelete).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING

from deploy.lab.directory import links, names, schema, uniqueness, values
from deploy.lab.directory.entry import Entry, Stored
from deploy.lab.directory.results import DirectoryError, ResultCode
from deploy.lab.directory.updates import Operation, Update
from deploy.lab.directory.values import Values

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore


def delete(store: DirectoryStore, entry: Entry, *, subtree: bool = False) -> None:
    """Turn `entry` into a tombstone (or a deleted object with the recycle bin on).

    Raises:
        DirectoryError: it is gone already, is a naming context, or has children and `subtree` is off.
    """
    parent = entry.parent
    if entry.deleted or parent is None or entry in {context.deleted_objects for context in store.tree.contexts}:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "00002015: this object cannot be deleted")
    if entry.children:
        if not subtree:
            raise DirectoryError(
                ResultCode.NOT_ALLOWED_ON_NON_LEAF,
                "00002015: UpdErr: DSID-031A1277, problem 6003 (CANT_ON_NON_LEAF), data 0",
            )
        for child in list(entry.children.values()):
            delete(store, child, subtree=True)
    old_parent_dn, old_name = store.dn(parent), names.value(entry.rdn)
    uniqueness.claim(store, entry, {"sAMAccountName": None, "userPrincipalName": None})
    cut = links.forget(entry)
    updates: dict[str, Stored] = {"isDeleted": b"TRUE", "lastKnownParent": old_parent_dn.encode()}
    if store.recycle_bin:
        store.deactivated[entry] = cut
        updates["msDS-LastKnownRDN"] = old_name.encode()
    else:
        updates["isRecycled"] = b"TRUE"
        updates |= _stripped(entry)
    kind = entry.rdn.partition("=")[0]
    mangled = f"{kind}={old_name}\nDEL:{uuid.UUID(bytes_le=entry.guid)}"
    entry.deleted = True
    store.tree.move(entry, store.tree.context_of(entry).deleted_objects, mangled)
    entry.usn_name = store.commit(entry, updates)


def restore(store: DirectoryStore, entry: Entry, dn: str | None, attributes: Mapping[str, Values]) -> None:
    """Bring `entry` back as `dn`; what its deletion stripped stays lost.

    Raises:
        DirectoryError: it is not deleted, its name is taken, or its parent is gone.
    """
    if not entry.deleted or entry in {context.deleted_objects for context in store.tree.contexts}:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "00002093: the object is not deleted")
    relative = names.split(dn) if dn is not None else _last_known(entry)
    parent = store.tree.find(relative[1:])
    if parent.deleted:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "00002095: the parent is deleted")
    place = (entry.parent or parent, entry.rdn)
    store.tree.move(entry, parent, relative[0])
    try:
        uniqueness.claim(store, entry, {name: entry.stored(name) for name in ("sAMAccountName", "userPrincipalName")})
    except DirectoryError:
        store.tree.move(entry, *place)
        raise
    entry.deleted = False
    updates: dict[str, Stored] = dict.fromkeys(("isDeleted", "isRecycled", "lastKnownParent", "msDS-LastKnownRDN"))
    if entry.stored("objectCategory") is None:
        category = schema.CLASSES[entry.object_class.lower()].category
        updates["objectCategory"] = f"CN={category},{store.schema_dn}".encode()
    known = {name: value for name, value in updates.items() if value is not None or name in entry.shape.index}
    entry.usn_name = store.commit(entry, known)
    for source, link, target in store.deactivated.pop(entry, []):
        if not source.deleted and not target.deleted:
            other = uuid.UUID(bytes_le=target.guid)
            store.update(source, [Update(Operation.ADD, link, [other])], permissive=True)
    if attributes:
        store.modify(uuid.UUID(bytes_le=entry.guid), attributes)


def recycle(store: DirectoryStore, entry: Entry) -> None:
    """End the deleted-object lifetime: with the recycle bin on, a deleted object loses its attributes only now.

    Raises:
        DirectoryError: the object is not deleted, or recycled already.
    """
    if not entry.deleted or entry.stored("isRecycled") is not None:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "00002093: no deleted object that could be recycled")
    store.deactivated.pop(entry, None)
    store.commit(entry, {"isRecycled": b"TRUE", **_stripped(entry)})


def purge(store: DirectoryStore, entry: Entry) -> None:
    """End the tombstone lifetime: the object is gone, and nobody who asks for changes hears of it.

    Raises:
        DirectoryError: the object is not deleted.
    """
    if not entry.deleted or entry.children:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "00002093: only a tombstone can be purged")
    store.deactivated.pop(entry, None)
    store.tree.take_away(entry)
    store.by_guid.pop(entry.guid, None)
    store.by_rid.pop(entry.rid, None)
    entry.usn_changed = 0  # its place in the change log is outdated for ever


def _stripped(entry: Entry) -> dict[str, Stored]:
    """Return the removals that turn an object into a tombstone."""
    return {
        name: None
        for name, value in zip(entry.shape.names, entry.values, strict=True)
        if value is not None and not schema.ATTRIBUTES[name.lower()].kept_by_tombstone and name not in schema.LINKS
    }


def _last_known(entry: Entry) -> tuple[str, ...]:
    parent = values.unpack(entry.stored("lastKnownParent"))
    if not parent:
        raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "00002095: no last known parent")
    kind, _, name = entry.rdn.partition("=")
    return (f"{kind}={name.partition(chr(10))[0]}", *names.split(parent[0].decode()))
