"""What became of objects that were emitted and are not seen any more: deleted, or not visible to this account.

A partial answer is not a deletion. Each missing object is asked for by its objectGUID, deleted ones
included, before anybody is told that it is gone.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from producers.ad.facts import Assembler, ReadWhole
from producers.ad.ldap import searches as lookups
from producers.ad.ldap.connection import Control, DirectoryConnection
from producers.ad.ldap.dirsync import SHOW_DELETED
from producers.ad.metrics import UNCONFIRMED
from producers.ad.root_dse import ServerIdentity
from producers.id_set import IdSet
from streams.contracts.facts import Fact
from streams.contracts.identity import guid_of_bytes
from streams.runtime.logs import get_logger

_DAY_MS = 86_400_000
_DEFAULT_LIFETIME_DAYS = 60  # what Active Directory assumes where tombstoneLifetime is not set
_ASK_AT_ONCE = 500
_SIGHT = (
    "let it list the container 'Deleted Objects' (dsacls \"CN=Deleted Objects,…\" /G ACCOUNT:LCRP)"
    " and grant it 'Replicating Directory Changes'"
)

log = get_logger(__name__)


class DeletionConfirmer:
    """Decides what became of missing objects of one naming context."""

    def __init__(self, source: str, assembler: Assembler, *, object_security: bool) -> None:
        self._source = source
        self._assembler = assembler
        self._object_security = object_security
        self.tombstone_lifetime_ms = _DEFAULT_LIFETIME_DAYS * _DAY_MS
        self.sees_deleted = False
        self._unconfirmed = 0

    def look_at(self, naming_context: str, connection: DirectoryConnection, identity: ServerIdentity) -> None:
        """Learn from a fresh connection how long tombstones live and whether we may see them."""
        service = f"CN=Directory Service,CN=Windows NT,CN=Services,{identity.configuration_naming_context}"
        found = connection.read(service, attributes=["tombstoneLifetime"])
        values = found[0].attributes.get("tombstoneLifetime") if found else None
        days = int(values[0]) if values and values[0].isdigit() and len(values[0]) < 6 else _DEFAULT_LIFETIME_DAYS
        self.tombstone_lifetime_ms = days * _DAY_MS
        deleted = f"CN=Deleted Objects,{naming_context}"
        self.sees_deleted = bool(connection.read(deleted, attributes=["objectGUID"], controls=[Control(SHOW_DELETED)]))
        if self._object_security and not self.sees_deleted:
            log.warning(
                "deletions will stay unheard: the account cannot see deleted objects",
                source=self._source,
                naming_context=naming_context,
                remedy=_SIGHT,
            )

    def confirm(
        self, connection: DirectoryConnection, naming_context: str, seen: IdSet, *, silent_ms: int, rewound: bool
    ) -> Iterator[tuple[list[Fact], list[ReadWhole]]]:
        """Facts for those known objects outside `seen` that are certainly deleted, some hundreds at a time.

        silent_ms: how long the log was not read; tombstones that are older than their lifetime are gone.
        rewound:   the database is an older one or another, where newer objects never were: no tombstones either.
        With them what is to be read: the objects that live. Those that nothing tells about stay.
        """
        without_trace = (rewound or silent_ms > self.tombstone_lifetime_ms) and self.sees_deleted
        without_trace = without_trace and not self._object_security
        missing = self._assembler.published.difference(seen)
        unconfirmed = deleted = 0
        while some := list(islice(missing, _ASK_AT_ONCE)):
            fates: dict[str, tuple[bool, str | None]] = {}
            for entry in lookups.read_fate(connection, naming_context, some):
                raw = entry.attributes.get("objectGUID")
                if raw and len(raw[0]) == 16:
                    is_dead = entry.attributes.get("isDeleted") == [b"TRUE"]
                    fates[guid_of_bytes(raw[0])] = is_dead, entry.dn
            facts: list[Fact] = []
            living: list[ReadWhole] = []
            for object_id in some:
                is_dead, dn = fates.get(object_id, (without_trace, None))
                if is_dead:
                    deleted += 1
                    facts.append(self._assembler.gone(object_id, dn))
                elif dn is None:
                    unconfirmed += 1
                else:
                    living.append(ReadWhole(object_id))
            yield facts, living
        self._report(naming_context, deleted, unconfirmed)

    def _report(self, naming_context: str, deleted: int, unconfirmed: int) -> None:
        UNCONFIRMED.labels(self._source).inc(unconfirmed - self._unconfirmed)  # one of several naming contexts
        self._unconfirmed = unconfirmed
        if deleted:
            log.warning(
                "deletions that the log did not tell",
                source=self._source,
                naming_context=naming_context,
                objects=deleted,
            )
        if unconfirmed:
            log.error(
                "objects are out of sight and no tombstone tells why: they are held as alive",
                source=self._source,
                naming_context=naming_context,
                objects=unconfirmed,
                remedy=_SIGHT,
            )
