"""Follow-up reads: objects whole, and the names of everything below a container that moved. Reads and maps, no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from producers.ad.attributes import FORWARD_OF_BACK, Watched
from producers.ad.facts import FoundObject, ReadWhole
from producers.ad.ldap import searches as lookups
from producers.ad.ldap.connection import DirectoryConnection
from producers.ad.ldap.extended_name import ExtendedName, read_name
from producers.ad.ldap.times import nearest
from producers.ad.ldap.wire import Entry
from producers.ad.mapping import Change, read_change
from streams.contracts.distinguished_name import normal
from streams.contracts.errors import InvalidRecordError
from streams.runtime.clock import now_ms
from streams.runtime.logs import get_logger

log = get_logger(__name__)


def read_objects(
    connection: DirectoryConnection, base: str, reads: Iterable[ReadWhole], watched: Watched
) -> Iterator[FoundObject]:
    """The objects, restored ones first. One that is gone again brings nothing: the log will tell.

    Raises RetriableError, FatalError as DirectoryConnection.search.
    """
    wanted = sorted(reads, key=lambda read: not read.restored)
    restored = {read.object_id for read in wanted if read.restored}
    for entry in lookups.read_whole(connection, base, dict.fromkeys(read.object_id for read in wanted), watched.names):
        try:
            change = read_change(entry, watched)
        except InvalidRecordError as error:
            log.warning("an object cannot be read", source=base, error=str(error))
            continue
        for refusal, _ in change.refused:
            log.warning("an attribute cannot be read", source=base, error=str(refusal))
        when = entry.attributes.get("whenChanged")
        changed_ms = nearest(when[0].decode("ascii", "replace"), now_ms()) if when else None
        back = change.object_id in restored
        yield FoundObject(change, changed_ms, back, list(_linked_from(entry)) if back else [])


def read_below(connection: DirectoryConnection, names: Iterable[str]) -> Iterator[Change]:
    """Everything below the containers of these names, each once. Raises as `read_objects`."""
    for dn in outermost(names):
        for entry in lookups.read_below(connection, dn):
            try:
                yield read_change(entry)
            except InvalidRecordError:
                continue  # the log has rejected it already


def outermost(names: Iterable[str]) -> list[str]:
    """Without those that lie below another one: a search there covers them."""
    read = {normal(name): name for name in names}
    return [name for dn, name in read.items() if not any(dn[n:] in read for n in range(1, len(dn)))]


def _linked_from(entry: Entry) -> Iterator[tuple[str, ExtendedName]]:
    for back, forward in FORWARD_OF_BACK.items():
        for value in entry.attributes.get(back, ()):
            yield forward, read_name(value.decode("utf-8", "replace"))
