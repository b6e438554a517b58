"""Directory objects from LDAP: paged searches over one or several bases, through producers.ad's connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deploy.cli.scan.ldif import text_of
from deploy.cli.scan.record import Record
from producers.ad.ldap.connection import DirectoryConnection, open_connection
from producers.ad.ldap.searches import PAGE_SIZE, pages
from producers.ad.ldap.wire import Entry
from producers.ad.root_dse import read_identity
from producers.ad.servers import address_of
from streams.contracts.errors import InvalidRecordError
from streams.hygiene.objects import DirectoryObject, canonical_name
from streams.runtime.settings import ForestSettings

_GLOBAL_CATALOGUE_PORTS = {3268, 3269}


@dataclass(frozen=True, slots=True)
class Query:
    """What to read. `bases` empty: the domain of each server; on a global-catalogue port the whole forest."""

    bases: Sequence[str]
    ldap_filter: str
    attributes: Sequence[str]
    page_size: int = PAGE_SIZE


def ldap_records(forest: ForestSettings, query: Query) -> Iterator[Record]:
    """Every object under the bases, page by page.

    With bases, the first server that `forest` names is asked for all of them.
    Raises FatalError (password, rights, a base that does not exist) or RetriableError (connection).
    """
    servers = forest.servers[:1] if query.bases else forest.servers
    for url in servers:
        address = address_of(url)
        connection = open_connection(address, forest)
        try:
            for base in query.bases or [_whole(connection, address.port)]:
                found = pages(
                    connection, base, query.ldap_filter, query.attributes, size=query.page_size, must_exist=True
                )
                yield from (_record(entry) for page in found for entry in page)
        finally:
            connection.close()


def _whole(connection: DirectoryConnection, port: int) -> str:
    return "" if port in _GLOBAL_CATALOGUE_PORTS else read_identity(connection).default_naming_context


def _record(entry: Entry) -> Record:
    classes: list[str] = []
    attributes: dict[str, list[str]] = {}
    try:
        for spelled, values in entry.attributes.items():
            name = spelled.partition(";")[0]
            if name.lower() == "objectclass":
                classes = [text_of(name, value) for value in values]
            elif values and (canonical := canonical_name(name)) is not None:
                attributes.setdefault(canonical, []).extend(text_of(canonical, value) for value in values)
    except InvalidRecordError as error:
        return InvalidRecordError(error.reason, f"{entry.dn}: {error}")
    return DirectoryObject(entry.dn, classes, attributes)
