"""An object of the directory as stories, the sync engine and tests see it."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from deploy.lab.directory import reading, schema, sids
from deploy.lab.directory.entry import Entry

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore


class DirectoryObject:
    """A live view: it shows the object as it is when asked, not as it was when fetched."""

    __slots__ = ("_entry", "_store")

    def __init__(self, store: DirectoryStore, entry: Entry) -> None:
        self._store, self._entry = store, entry

    @property
    def guid(self) -> uuid.UUID:
        """The objectGUID; its `bytes_le` are the octets on the wire and, in base64, the ImmutableId."""
        return uuid.UUID(bytes_le=self._entry.guid)

    @property
    def dn(self) -> str:
        return self._store.dn(self._entry)

    @property
    def object_class(self) -> str:
        """The structural class: user, group, contact, computer, organizationalUnit …"""
        return self._entry.object_class

    @property
    def sid(self) -> str | None:
        """The objectSid as `S-1-5-21-…`, None for objects that have none."""
        raw = self._store.sid(self._entry)
        return sids.text(raw) if raw else None

    @property
    def deleted(self) -> bool:
        return self._entry.deleted

    @property
    def usn_changed(self) -> int:
        return self._entry.usn_changed

    @property
    def when_created_s(self) -> int:
        """Creation, seconds since the epoch."""
        return self._entry.when_created

    @property
    def when_changed_s(self) -> int:
        return self._entry.when_changed

    @property
    def parent_guid(self) -> uuid.UUID | None:
        parent = self._entry.parent
        return uuid.UUID(bytes_le=parent.guid) if parent else None

    def raw(self, name: str) -> tuple[bytes, ...]:
        """Return the octets of all values of an attribute, none when it is absent or unknown."""
        known = schema.attribute(name)
        return reading.read(self._store, self._entry, known) if known else ()

    def all(self, name: str) -> list[str]:
        """Return all values of a textual attribute."""
        return [value.decode(errors="replace") for value in self.raw(name)]

    def first(self, name: str) -> str | None:
        """Return the first (or only) value of a textual attribute, None when absent."""
        found = self.raw(name)
        return found[0].decode(errors="replace") if found else None

    def targets(self, link: str) -> list[uuid.UUID]:
        """Return the GUIDs a linked attribute such as `member` or `manager` points to."""
        return [uuid.UUID(bytes_le=target.guid) for target in self._entry.targets(schema.canonical(link))]

    @property
    def attributes(self) -> dict[str, tuple[bytes, ...]]:
        """Every attribute a reader of `*` gets."""
        return {
            known.name: reading.read(self._store, self._entry, known)
            for known in reading.present(self._store, self._entry)
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DirectoryObject) and other.guid == self.guid

    def __hash__(self) -> int:
        return hash(self._entry.guid)

    def __repr__(self) -> str:
        return f"<{self.object_class} {self.guid}>"
