"""From changes to facts, with what the source already knows: which objects exist, which are containers."""

from __future__ import annotations

from collections.abc import Callable

from producers.ad.attributes import DEFAULT, Watched
from producers.ad.ldap.extended_name import names_tombstone
from producers.ad.mapping import Change
from producers.id_set import IdSet
from streams.contracts.facts import Fact, Link, LinkChange, ObjectKind, Operation
from streams.contracts.flows import COMPARED_KINDS, READ_BY
from streams.runtime.clock import HybridClock, now_ms

WANTED = frozenset(
    {ObjectKind.USER, ObjectKind.GROUP, ObjectKind.CONTACT, ObjectKind.DEVICE, ObjectKind.REGISTERED_DEVICE}
)
# A link is about 100 bytes of JSON and a record must stay below 1 MB: a large group becomes several facts.
LINKS_PER_FACT = 2000


class Assembler:
    """Turns the changes of one naming context into facts, and notes what needs a second look.

    known:      ids of published objects; containers: ids of objects that are not published.
    elsewhere:  whether another naming context of the forest has this object (it moved between domains).
    watched:    what is asked of the forest.
    note_gone:  hears of every id that is told gone.
    """

    def __init__(
        self,
        known: IdSet,
        containers: IdSet,
        sequence: HybridClock,
        elsewhere: Callable[[str], bool] = lambda _: False,
        note_gone: Callable[[str], None] = lambda _: None,
        watched: Watched = DEFAULT,
    ) -> None:
        self.known = known
        self.containers = containers
        self.watched = watched
        self._sequence = sequence
        self._elsewhere = elsewhere
        self._note_gone = note_gone
        self._unknown: list[str] = []
        self._restored: list[str] = []
        self._moved: list[str] = []

    def stream(self, change: Change, changed_ms: int | None = None) -> list[Fact]:
        """The facts behind a change of the log; none if there is nothing to publish (yet)."""
        if change.deleted:
            return self._deleted(change, changed_ms)
        if change.restored:
            self._restored.append(change.object_id)
            return []
        if self._is_container(change):
            return []
        if change.whole:
            new = self.known.add(change.object_id)
            return self.whole(change, Operation.CREATED if new else Operation.UPDATED, changed_ms)
        if change.object_id not in self.known or names_tombstone(change.dn):
            self._unknown.append(change.object_id)
            return []
        return self._facts(Operation.UPDATED, change, changed_ms)

    def snapshot(self, change: Change, seen: IdSet) -> list[Fact]:
        """The facts behind an entry of a full pass. `seen` gathers what the pass has shown.

        Windows may split an object over responses: what comes after its first part is an increment.
        """
        if change.deleted:
            return self._deleted(change, None) if change.object_id in self.known else []
        if self._is_container(change):
            seen.add(change.object_id)
            return []
        if change.whole:
            seen.add(change.object_id)
            self.known.add(change.object_id)
            return self.whole(change, Operation.READ)
        return self.stream(change)

    def whole(self, change: Change, op: Operation, changed_ms: int | None = None) -> list[Fact]:
        """A complete statement about the object; its links are complete too."""
        change.links = {name: LinkChange(added=link.added, complete=True) for name, link in change.links.items()}
        if change.kind in COMPARED_KINDS:
            change.attributes[READ_BY] = self.watched.read_by
        return self._facts(op, change, changed_ms, full=True)

    def linked(self, object_id: str, dn: str, attribute: str, far_end: Link) -> Fact:
        """The object links to `far_end`, as the far end itself shows."""
        links = {attribute: LinkChange(added=[far_end])}
        return self._fact(Operation.UPDATED, Change(object_id, dn, attributes={"distinguishedName": dn}), links=links)

    def renamed(self, object_id: str, dn: str, kind: ObjectKind) -> Fact:
        """The object has a new name because something above it has."""
        return self._fact(Operation.UPDATED, Change(object_id, dn, kind, attributes={"distinguishedName": dn}))

    def gone(self, object_id: str, dn: str | None) -> Fact:
        """The object is certainly deleted, though the log did not say so. `dn`: its tombstone's, if there is one."""
        self.known.discard(object_id)
        self._note_gone(object_id)
        return self.gone_again(object_id, dn)

    def gone_again(self, object_id: str, dn: str | None = None) -> Fact:
        """The deletion of an object that was told gone before."""
        attributes: dict[str, object] = {"isDeleted": True}
        if dn is not None:
            attributes["distinguishedName"] = dn
        return self._fact(Operation.DELETED, Change(object_id, dn or "", attributes=attributes))

    def lives(self, object_id: str) -> bool:
        """Whether an object is known to exist, here or in another naming context."""
        return object_id in self.known or object_id in self.containers or self._elsewhere(object_id)

    def read_again(self, object_id: str) -> None:
        """Note an object to be read whole."""
        self._unknown.append(object_id)

    @property
    def has_notes(self) -> bool:
        """Whether a second look is due."""
        return bool(self._unknown or self._restored or self._moved)

    def take_notes(self) -> tuple[list[str], list[str], list[str]]:
        """(ids to read whole, ids that were restored, names of containers that moved) since the last call."""
        notes = self._unknown, self._restored, self._moved
        self._unknown, self._restored, self._moved = [], [], []
        return notes

    def _is_container(self, change: Change) -> bool:
        """Whether there is nothing to publish: a container (noted), or of no interest at all."""
        if change.kind is None:
            found = change.object_id in self.containers
        else:
            found = change.kind is ObjectKind.CONTAINER
            if found and self.containers.add(change.object_id) and change.whole:
                return True  # new: what is below it came later and tells its own name
        if found and change.moved:
            self._moved.append(change.dn)
        return found or change.kind is ObjectKind.OTHER

    def _deleted(self, change: Change, changed_ms: int | None) -> list[Fact]:
        was_container = self.containers.discard(change.object_id)
        self.known.discard(change.object_id)
        if was_container or (change.kind is not None and change.kind not in WANTED):
            return []
        if self._elsewhere(change.object_id):
            return []
        self._note_gone(change.object_id)
        return self._facts(Operation.DELETED, change, changed_ms)

    def _facts(self, op: Operation, change: Change, changed_ms: int | None, *, full: bool = False) -> list[Fact]:
        parts = _split(change.links)
        facts = [self._fact(op, change, changed_ms, links=parts[0], full=full)]
        for links in parts[1:]:
            rest = Change(change.object_id, change.dn, change.kind, attributes={"distinguishedName": change.dn})
            facts.append(self._fact(Operation.UPDATED, rest, changed_ms, links=links))
        return facts

    def _fact(
        self,
        op: Operation,
        change: Change,
        changed_ms: int | None = None,
        *,
        links: dict[str, LinkChange] | None = None,
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
            links=links or {},
            full=full,
        )


def _split(links: dict[str, LinkChange]) -> list[dict[str, LinkChange]]:
    """`links` in parts of at most LINKS_PER_FACT per attribute; only the first part may be complete."""
    parts = [dict(links)]
    for name, change in links.items():
        if len(change.added) + len(change.removed) <= LINKS_PER_FACT:
            continue
        first = True
        for added, removed in _slices(change.added, change.removed):
            part = LinkChange(added, removed, complete=change.complete and first)
            if first:
                parts[0][name] = part
            else:
                parts.append({name: part})
            first = False
    return parts


def _slices(added: list[Link], removed: list[Link]) -> list[tuple[list[Link], list[Link]]]:
    starts = range(0, max(len(added), len(removed)), LINKS_PER_FACT // 2)
    return [(added[at : at + LINKS_PER_FACT // 2], removed[at : at + LINKS_PER_FACT // 2]) for at in starts]
