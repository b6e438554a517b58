"""From changes to facts, with what the source already knows: which objects exist, which are containers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from producers.ad.mapping import Change
from producers.known import IdSet
from streams.contracts.facts import Fact, LinkChange, ObjectKind, Operation
from streams.runtime.clock import Sequence, now_ms

WANTED = frozenset({ObjectKind.USER, ObjectKind.GROUP, ObjectKind.CONTACT, ObjectKind.DEVICE})


class Assembler:
    """Turns the changes of one naming context into facts, and notes what needs a second look.

    known:      ids of published objects; containers: ids of containers, which are not published.
    elsewhere:  whether another naming context of the forest has this object (it moved between domains).
    unknown, restored: objects to read whole; moved: names of containers whose descendants got new names.
    """

    def __init__(
        self, known: IdSet, containers: IdSet, sequence: Sequence, elsewhere: Callable[[str], bool] = lambda _: False
    ) -> None:
        self.known = known
        self.containers = containers
        self.unknown: list[str] = []
        self.restored: list[str] = []
        self.moved: list[str] = []
        self._sequence = sequence
        self._elsewhere = elsewhere

    def stream(self, change: Change, changed_ms: int | None = None) -> Fact | None:
        """The fact behind a change of the log; None if there is nothing to publish (yet)."""
        if change.deleted:
            return self._deleted(change, changed_ms)
        if change.restored:
            self.restored.append(change.object_id)
            return None
        if self._is_container(change):
            return None
        if change.whole:
            new = self.known.add(change.object_id)
            return self.whole(change, Operation.CREATED if new else Operation.UPDATED, changed_ms)
        if change.object_id not in self.known:
            self.unknown.append(change.object_id)
            return None
        return self._fact(Operation.UPDATED, change, changed_ms)

    def snapshot(self, change: Change, seen: IdSet) -> Fact | None:
        """The fact behind an entry of a full pass. `seen` gathers what the pass has shown.

        Windows may split an object over responses: what comes after its first part is an increment.
        """
        if change.deleted:
            return self._deleted(change, None) if change.object_id in self.known else None
        if self._is_container(change):
            seen.add(change.object_id)
            return None
        if change.whole:
            seen.add(change.object_id)
            self.known.add(change.object_id)
            return self.whole(change, Operation.READ)
        return self.stream(change)

    def whole(self, change: Change, op: Operation, changed_ms: int | None = None) -> Fact:
        """A complete statement about the object; its links are complete too."""
        links = {name: LinkChange(added=link.added, complete=True) for name, link in change.links.items()}
        return self._fact(op, change, changed_ms, links=links, full=True)

    def renamed(self, object_id: str, dn: str, kind: ObjectKind) -> Fact:
        """The object has a new name because something above it has."""
        return self._fact(Operation.UPDATED, Change(object_id, dn, kind, attributes={"distinguishedName": dn}))

    def gone(self, object_id: str) -> Fact:
        """The object is certainly deleted, though the log did not say so."""
        self.known.discard(object_id)
        return self._fact(Operation.DELETED, Change(object_id, "", attributes={"isDeleted": True}))

    def take_notes(self) -> tuple[list[str], list[str], list[str]]:
        """(unknown, restored, moved) since the last call."""
        notes = self.unknown, self.restored, self.moved
        self.unknown, self.restored, self.moved = [], [], []
        return notes

    def _is_container(self, change: Change) -> bool:
        """Whether there is nothing to publish: a container (noted), or of no interest at all."""
        if change.kind is None:
            found = change.object_id in self.containers
        else:
            found = change.kind is ObjectKind.CONTAINER
            if found and self.containers.add(change.object_id) and change.whole:
                return True  # new: nothing is below it yet, or is told by itself
        if found and change.moved:
            self.moved.append(change.dn)
        return found or change.kind is ObjectKind.OTHER

    def _deleted(self, change: Change, changed_ms: int | None) -> Fact | None:
        was_container = self.containers.discard(change.object_id)
        self.known.discard(change.object_id)
        if was_container or (change.kind is not None and change.kind not in WANTED):
            return None
        if self._elsewhere(change.object_id):
            return None
        return self._fact(Operation.DELETED, change, changed_ms)

    def _fact(
        self,
        op: Operation,
        change: Change,
        changed_ms: int | None = None,
        *,
        links: Mapping[str, LinkChange] | None = None,
        full: bool = False,
    ) -> Fact:
        return Fact(
            op=op,
            object_id=change.object_id,
            seq=self._sequence.next(),
            ts_ms=now_ms(),
            kind=change.kind,
            changed_ms=changed_ms,
            attributes=change.attributes,
            links=dict(change.links if links is None else links),
            full=full,
        )
