"""Directory objects from LDAP: paged searches over one or several bases, through producers.ad's connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from deploy.scan.ldif import text_of
from deploy.scan.record import Record
from producers.ad.connection import Control, DirectoryConnection, open_connection
from producers.ad.naming import read_identity
from producers.ad.refusals import SUCCESS, refusal
from producers.ad.servers import address_of
from producers.ad.wire import Entry, read_sequence, write_sequence
from streams.contracts.errors import FatalError, InvalidRecordError
from streams.hygiene.objects import DirectoryObject, canonical_name
from streams.runtime.settings import ForestSettings

PAGE_SIZE = 1000
"""What a domain controller allows by default (MaxPageSize)."""

_PAGED_RESULTS = "1.2.840.113556.1.4.319"
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
                yield from _search(connection, base, query)
        finally:
            connection.close()


def _whole(connection: DirectoryConnection, port: int) -> str:
    return "" if port in _GLOBAL_CATALOGUE_PORTS else read_identity(connection).default_naming_context


def _search(connection: DirectoryConnection, base: str, query: Query) -> Iterator[Record]:
    cookie = b""
    while True:
        control = Control(_PAGED_RESULTS, write_sequence(query.page_size, cookie))
        search = connection.search(base, query.ldap_filter, attributes=query.attributes, controls=[control])
        for entry in search:
            yield _record(entry)
        result = search.result
        if result is None or result.code != SUCCESS:
            doing = f"{connection.server.url}: searching {base or 'the forest'} for {query.ldap_filter}"
            if result is None:
                raise FatalError(f"{doing}: no result")
            raise refusal(result, doing)
        cookie = _next_page(result.controls.get(_PAGED_RESULTS))
        if not cookie:
            return


def _next_page(value: bytes | None) -> bytes:
    if value is None:
        return b""
    cookie = read_sequence(value)[-1]
    return cookie if isinstance(cookie, bytes) else b""


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
