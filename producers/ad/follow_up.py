"""What the log only hints at: objects to read whole, and everything below a container that moved."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from producers.ad.attributes import FORWARD_OF_BACK
from producers.ad.facts import WANTED, Assembler
from producers.ad.ldap import searches as lookups
from producers.ad.ldap.connection import DirectoryConnection
from producers.ad.ldap.extended_name import read_name
from producers.ad.ldap.times import nearest
from producers.ad.ldap.wire import Entry
from producers.ad.mapping import Change, read_change
from streams.contracts.distinguished_name import normal
from streams.contracts.errors import InvalidRecordError
from streams.contracts.facts import Fact, Link, Operation
from streams.runtime.clock import now_ms
from streams.runtime.logs import get_logger

log = get_logger(__name__)


def second_look(connection: DirectoryConnection, base: str, assembler: Assembler) -> Iterator[Fact]:
    """Facts for what `assembler` has noted: unknown and restored objects, descendants of moved containers.

    An object that is gone again brings nothing: the log will tell.
    """
    unknown, restored, moved = assembler.take_notes()
    was_restored = set(restored)
    for entry in lookups.read_whole(
        connection, base, dict.fromkeys([*restored, *unknown]), assembler.watched.names
    ):
        try:
            change = read_change(entry, assembler.watched)
        except InvalidRecordError as error:
            log.warning("an object cannot be read", source=base, error=str(error))
            continue
        for refusal, _ in change.refused:
            log.warning("an attribute cannot be read", source=base, error=str(refusal))
        if change.kind in WANTED:
            assembler.known.add(change.object_id)
            when = entry.attributes.get("whenChanged")
            changed_ms = nearest(when[0].decode("ascii", "replace"), now_ms()) if when else None
            back = change.object_id in was_restored
            yield from assembler.whole(change, Operation.RESTORED if back else Operation.READ, changed_ms)
            if back:
                yield from _links_to(entry, change, assembler)
        elif change.kind is not None:
            assembler.containers.add(change.object_id)  # of no interest, too: no second look at its next change
            moved.append(change.dn)
    for dn in outermost(moved):
        yield from _renamed_below(connection, dn, assembler)


def _links_to(entry: Entry, change: Change, assembler: Assembler) -> Iterator[Fact]:
    """Who links to a restored object: its restoration ended all links before it, also those that stand again."""
    far_end = Link(change.object_id, change.attributes.get("objectSid"))
    for back, forward in FORWARD_OF_BACK.items():
        for value in entry.attributes.get(back, ()):
            name = read_name(value.decode("utf-8", "replace"))
            if name.guid and name.guid in assembler.known:
                yield assembler.linked(name.guid, name.dn, forward, far_end)


def outermost(names: Iterable[str]) -> list[str]:
    """Without those that lie below another one: a search there covers them."""
    read = {normal(name): name for name in names}
    return [name for dn, name in read.items() if not any(dn[n:] in read for n in range(1, len(dn)))]


def _renamed_below(connection: DirectoryConnection, dn: str, assembler: Assembler) -> Iterator[Fact]:
    for entry in lookups.read_below(connection, dn):
        try:
            change = read_change(entry)
        except InvalidRecordError:
            continue  # the log has rejected it already
        if change.kind is not None and change.object_id in assembler.known:
            yield assembler.renamed(change.object_id, change.dn, change.kind)
