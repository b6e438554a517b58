"""The connector space: what the engine remembers of every object between two cycles."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from deploy.lab.sync.objects import Kind


@dataclass(slots=True)
class Link:
    """One object of a forest and what became of it.

    exported: fingerprint of the last export, so that an unchanged object is not exported again.
    nickname: the alias given at first sync; upn: the cloud UPN, computed from `upn_from`.
    members:  objectGUIDs of a group's direct members; unresolved: those that had no cloud object; manager: that of
              a user's.
    """

    kind: Kind
    forest: str
    cloud_id: str | None = None
    exported: bytes = b""
    nickname: str | None = None
    upn: str | None = None
    upn_from: tuple[str | None, frozenset[str]] | None = None
    members: tuple[str, ...] = ()
    unresolved: tuple[str, ...] = ()
    manager: str | None = None


class ConnectorSpace:
    """Links by objectGUID."""

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}

    def link(self, guid: str, kind: Kind, forest: str) -> Link:
        """The link of an object, made when it is new."""
        found = self._links.get(guid)
        if found is None:
            found = self._links[guid] = Link(kind, forest)
        return found

    def get(self, guid: str) -> Link | None:
        return self._links.get(guid)

    def forget(self, guid: str) -> None:
        self._links.pop(guid, None)

    def cloud_id(self, guid: str) -> str | None:
        """The id of the cloud object, None before the first export."""
        link = self._links.get(guid)
        return link.cloud_id if link else None

    def guid_of(self, cloud_id: str) -> str | None:
        """The objectGUID behind a cloud object, None for one that did not come from AD."""
        return next((guid for guid, link in self._links.items() if link.cloud_id == cloud_id), None)

    def of_forest(self, forest: str) -> set[str]:
        """The objectGUIDs of every object that came from `forest`."""
        return {guid for guid, link in self._links.items() if link.forest == forest}

    def users(self) -> Iterator[tuple[str, Link]]:
        """Every exported user."""
        return ((guid, link) for guid, link in list(self._links.items()) if link.kind == "user" and link.cloud_id)

    def groups(self) -> Iterator[tuple[str, Link]]:
        """Every exported group."""
        return ((guid, link) for guid, link in list(self._links.items()) if link.kind == "group" and link.cloud_id)
