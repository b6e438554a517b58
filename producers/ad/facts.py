"""From changes to facts, with the ids of the objects that were emitted and of the containers.

What a change alone does not tell is a follow-up read: a value, which whoever reads the directory carries out
(producers.ad.follow_up) and brings back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from producers.ad.attributes import DEFAULT, Watched
from producers.ad.ldap.extended_name import ExtendedName, names_tombstone
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


@dataclass(frozen=True, slots=True)
class ReadWhole:
    """Read this object whole: it is new to us or was restored, and its change holds only a part of it."""

    object_id: str
    restored: bool = False


@dataclass(frozen=True, slots=True)
class ReadBelow:
    """Read the names of everything below: the container was renamed or moved, and AD logs that for itself alone."""

    dn: str


FollowUpRead = ReadWhole | ReadBelow


@dataclass(frozen=True, slots=True)
class FoundObject:
    """What a follow-up read has found.

    changed_ms:  its whenChanged; None where it has none.
    linked_from: for a restored object: the attribute by which, and the name of the object that links to it.
    """

    change: Change
    changed_ms: int | None = None
    restored: bool = False
    linked_from: list[tuple[str, ExtendedName]] = field(default_factory=list)


class Assembler:
    """Turns the changes of one naming context into facts.

    published:  ids of objects that were emitted and live; containers: ids of objects that are not published.
    elsewhere:  whether another naming context of the forest has this object (it moved between domains).
    watched:    what is asked of the forest.
    note_gone:  hears of every id that is told gone.
    """

    def __init__(
        self,
        published: IdSet,
        containers: IdSet,
        sequence: HybridClock,
        elsewhere: Callable[[str], bool] = lambda _: False,
        note_gone: Callable[[str], None] = lambda _: None,
        watched: Watched = DEFAULT,
    ) -> None:
        self.published = published
        self.containers = containers
        self.watched = watched
        self._sequence = sequence
        self._elsewhere = elsewhere
        self._note_gone = note_gone

    def stream(self, change: Change, changed_ms: int | None = None) -> list[Fact] | FollowUpRead:
        """The facts behind a change of the log, none if there is nothing to publish; or what is to be read first."""
        if change.deleted:
            return self._deleted(change, changed_ms)
        if change.restored:
            return ReadWhole(change.object_id, restored=True)
        unpublished = self._unpublished(change)
        if unpublished is not None:
            return unpublished
        if change.whole:
            new = self.published.add(change.object_id)
            return self.whole(change, Operation.CREATED if new else Operation.UPDATED, changed_ms)
        if change.object_id not in self.published or names_tombstone(change.dn):
            return ReadWhole(change.object_id)
        return self._facts(Operation.UPDATED, change, changed_ms)

    def snapshot(self, change: Change, seen: IdSet) -> list[Fact] | FollowUpRead:
        """As `stream`, for an entry of a full pass. `seen` gathers what the pass has shown.

        Windows may split an object over responses: what comes after its first part is an increment.
        """
        if change.deleted:
            return self._deleted(change, None) if change.object_id in self.published else []
        unpublished = self._unpublished(change)
        if unpublished is not None:
            seen.add(change.object_id)
            return unpublished
        if change.whole:
            seen.add(change.object_id)
            self.published.add(change.object_id)
            return self.whole(change, Operation.READ)
        return self.stream(change)

    def whole(self, change: Change, op: Operation, changed_ms: int | None = None) -> list[Fact]:
        """A complete statement about the object; its links are complete too."""
        change.links = {name: LinkChange(added=link.added, complete=True) for name, link in change.links.items()}
        if change.kind in COMPARED_KINDS:
            change.attributes[READ_BY] = self.watched.read_by
        return self._facts(op, change, changed_ms, full=True)

    def found(self, found: FoundObject) -> list[Fact] | ReadBelow:
        """The facts behind an object that was read whole, or what is to be read because it is a container.

        The restoration of an object has ended all links to it, also those that stand again: they are emitted again.
        """
        change = found.change
        if change.kind in WANTED:
            self.published.add(change.object_id)
            op = Operation.RESTORED if found.restored else Operation.READ
            facts = self.whole(change, op, found.changed_ms)
            far_end = Link(change.object_id, change.attributes.get("objectSid"))
            linked = [(attribute, name) for attribute, name in found.linked_from if name.guid in self.published]
            return facts + [self._linked(name, attribute, far_end) for attribute, name in linked]
        if change.kind is None:
            return []
        self.containers.add(change.object_id)  # of no interest, too: no follow-up read at its next change
        return ReadBelow(change.dn)

    def renamed(self, change: Change) -> list[Fact]:
        """The fact behind an object that has a new name because something above it has; none if it is not published."""
        if change.kind is None or change.object_id not in self.published:
            return []
        named = Change(change.object_id, change.dn, change.kind, attributes={"distinguishedName": change.dn})
        return [self._fact(Operation.UPDATED, named)]

    def gone(self, object_id: str, dn: str | None) -> Fact:
        """The object is certainly deleted, though the log did not say so. `dn`: its tombstone's, if there is one."""
        self.published.discard(object_id)
        self._note_gone(object_id)
        return self.gone_again(object_id, dn)

    def gone_again(self, object_id: str, dn: str | None = None) -> Fact:
        """The deletion of an object that was emitted as gone before."""
        attributes: dict[str, object] = {"isDeleted": True}
        if dn is not None:
            attributes["distinguishedName"] = dn
        return self._fact(Operation.DELETED, Change(object_id, dn or "", attributes=attributes))

    def lives(self, object_id: str) -> bool:
        """Whether an object is known to exist, here or in another naming context."""
        return object_id in self.published or object_id in self.containers or self._elsewhere(object_id)

    def _linked(self, name: ExtendedName, attribute: str, far_end: Link) -> Fact:
        """An object links to `far_end`, as the far end itself shows."""
        change = Change(name.guid or "", name.dn, attributes={"distinguishedName": name.dn})
        return self._fact(Operation.UPDATED, change, links={attribute: LinkChange(added=[far_end])})

    def _unpublished(self, change: Change) -> list[Fact] | ReadBelow | None:
        """What follows from a change of a container, or of something of no interest; None for what is published."""
        if change.kind is None:
            found = change.object_id in self.containers
        else:
            found = change.kind is ObjectKind.CONTAINER
            if found and self.containers.add(change.object_id) and change.whole:
                return []  # new: what is below it came later and tells its own name
        if found and change.moved:
            return ReadBelow(change.dn)
        return [] if found or change.kind is ObjectKind.OTHER else None

    def _deleted(self, change: Change, changed_ms: int | None) -> list[Fact]:
        was_container = self.containers.discard(change.object_id)
        self.published.discard(change.object_id)
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
