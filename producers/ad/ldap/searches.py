"""Plain searches beside the log: objects read whole, when they changed, what lies below a container.

All are bounded: pages of 1000 (Active Directory's MaxPageSize), filters of at most 50 GUIDs, and linked
values in the ranges the server cuts (MaxValRange, 1500 on Windows).
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from producers.ad.attributes import FORWARD_OF_BACK, LINKS, NAMES, OBJECT_FILTER
from producers.ad.ldap import wire
from producers.ad.ldap.connection import Control, DirectoryConnection
from producers.ad.ldap.dirsync import EXTENDED_NAMES, SHOW_DELETED, SHOW_RECYCLED
from producers.ad.ldap.refusals import NO_SUCH_OBJECT, SUCCESS, refusal
from producers.ad.ldap.wire import Entry
from streams.contracts.errors import RetriableError

_PAGED = "1.2.840.113556.1.4.319"
PAGE_SIZE = 1000  # what a domain controller allows by default (MaxPageSize)
_MOST_PAGES = 100_000
_RANGE = re.compile(r"([0-9]{1,9})-([0-9]{1,9})")
_MOST_VALUES = 5_000_000  # of one attribute: some half a gigabyte
_GUIDS_PER_FILTER = 50
_RANGED = frozenset({*LINKS, *FORWARD_OF_BACK})
_DELETED_TOO = (Control(SHOW_DELETED), Control(SHOW_RECYCLED, critical=False))


def read_whole(
    connection: DirectoryConnection, base: str, object_ids: Iterable[str], names: Sequence[str] = NAMES
) -> Iterator[Entry]:
    """The watched attributes (`names`), back-links and whenChanged of living objects; none for those not found.

    Links are complete: the names of ranged attributes are made plain ("member"), their values are joined.
    """
    for entry in _by_guid(connection, base, object_ids, (*names, *FORWARD_OF_BACK, "whenChanged"), (EXTENDED_NAMES,)):
        yield _with_all_links(connection, entry)


def read_when_changed(connection: DirectoryConnection, base: str, object_ids: Iterable[str]) -> Iterator[Entry]:
    """objectGUID and whenChanged (this server's, resolution 1 s) of objects, deleted ones included."""
    return _by_guid(connection, base, object_ids, ("objectGUID", "whenChanged"), _DELETED_TOO)


def read_fate(connection: DirectoryConnection, base: str, object_ids: Iterable[str]) -> Iterator[Entry]:
    """objectGUID and isDeleted of objects, deleted and recycled ones included; absent: not readable at all."""
    return _by_guid(connection, base, object_ids, ("objectGUID", "isDeleted"), _DELETED_TOO)


def read_below(connection: DirectoryConnection, dn: str) -> Iterator[Entry]:
    """objectGUID and objectClass of every living object below `dn`; nothing if `dn` is gone again."""
    return paged(connection, dn, OBJECT_FILTER, ("objectGUID", "objectClass"))


def paged(
    connection: DirectoryConnection,
    base: str,
    search_filter: str,
    attributes: Sequence[str],
    controls: Sequence[Control] = (),
) -> Iterator[Entry]:
    """All entries of a search, page by page. Other searches may run on the connection between two pages' ends.

    Raises the error of producers.ad.ldap.refusals if a page is refused; a missing base has no entries.
    """
    for page in pages(connection, base, search_filter, attributes, controls):
        yield from page


def pages(
    connection: DirectoryConnection,
    base: str,
    search_filter: str,
    attributes: Sequence[str],
    controls: Sequence[Control] = (),
    *,
    size: int = PAGE_SIZE,
    must_exist: bool = False,
) -> Iterator[list[Entry]]:
    """As `paged`, a page (at most `size` entries) at a time. must_exist: a missing base is a refusal, too."""
    cookie = b""
    seen: set[int] = set()
    while True:
        control = Control(_PAGED, wire.write_sequence(size, cookie))
        search = connection.search(base, search_filter, attributes=attributes, controls=[control, *controls])
        page = list(search)
        result = search.result
        if result is None or (result.code == NO_SUCH_OBJECT and not must_exist):
            return
        if result.code != SUCCESS:
            raise refusal(result, f"{connection.server.url}: searching {base or 'the forest'} for {search_filter}")
        # Samba's cookie is the same for every page of a search: what may not come again is cookie and entries both.
        fingerprint = hash((cookie, *(entry.dn for entry in page)))
        if fingerprint in seen:
            message = f"{connection.server.url}: searching {base} shows the same page again"
            raise RetriableError(message, retry_after_s=60)
        seen.add(fingerprint)
        yield page
        items = wire.read_sequence(result.controls[_PAGED]) if _PAGED in result.controls else []
        cookie = items[1] if len(items) == 2 and isinstance(items[1], bytes) else b""
        if len(seen) > _MOST_PAGES:
            raise RetriableError(f"{connection.server.url}: searching {base} has no end", retry_after_s=60)
        if not cookie:
            return


def guid_filter(object_ids: Sequence[str]) -> str:
    """A filter that finds any of these objects by objectGUID."""
    terms = [
        "(objectGUID=" + "".join(f"\\{byte:02x}" for byte in uuid.UUID(object_id).bytes_le) + ")"
        for object_id in object_ids
    ]
    return terms[0] if len(terms) == 1 else f"(|{''.join(terms)})"


def _by_guid(
    connection: DirectoryConnection,
    base: str,
    object_ids: Iterable[str],
    attributes: Sequence[str],
    controls: Sequence[Control],
) -> Iterator[Entry]:
    rest = iter(object_ids)
    while some := list(islice(rest, _GUIDS_PER_FILTER)):
        yield from paged(connection, base, guid_filter(some), attributes, controls)


def _with_all_links(connection: DirectoryConnection, entry: Entry) -> Entry:
    attributes = dict(entry.attributes)
    for spelled in entry.attributes:
        name, _, option = spelled.partition(";range=")
        if option and name in _RANGED:
            values = attributes.pop(spelled)
            attributes.pop(name, None)  # Windows sends the plain name too, without values
            attributes[name] = values + _rest_of(connection, entry, name, option)
    return Entry(entry.dn, attributes)


def _rest_of(connection: DirectoryConnection, entry: Entry, name: str, option: str) -> list[bytes]:
    values: list[bytes] = []
    raw = entry.attributes.get("objectGUID")
    if not raw or len(raw[0]) != 16:
        return values  # the mapping refuses it
    guid = str(uuid.UUID(bytes_le=raw[0]))
    while not option.endswith("-*"):
        asked = _RANGE.fullmatch(option)
        start = int(asked[2]) + 1 if asked else -1
        if asked is None or start <= int(asked[1]):
            raise RetriableError(f"{connection.server.url}: {name} of {entry.dn!r} in an unknown range {option!r}")
        found = connection.read(f"<GUID={guid}>", attributes=[f"{name};range={start}-*"], controls=[EXTENDED_NAMES])
        parts = found[0].attributes if found else {}
        spelled = next((key for key in parts if key.startswith(f"{name};range=")), None)
        if spelled is None or not parts[spelled]:
            break
        values += parts[spelled]
        if len(values) > _MOST_VALUES:
            raise RetriableError(f"{connection.server.url}: {name} of {entry.dn!r} has no end", retry_after_s=60)
        option = spelled.partition(";range=")[2]
        if not option.startswith(f"{start}-"):
            raise RetriableError(
                f"{connection.server.url}: asked for {name} from {start} on, the answer is {option!r}", retry_after_s=60
            )
    return values
