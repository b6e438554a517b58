"""DirSync: every change of a naming context since a cookie, with an own control.

ldap3 2.9.1 encodes the incremental-values flag in five bytes on Linux, which Windows refuses
(cannatag/ldap3 issue 642); here flags are signed 32-bit integers, as [MS-ADTS] 3.1.1.3.4.1.3 wants them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from producers.ad.ldap import wire
from producers.ad.ldap.connection import Control, DirectoryConnection, Scope
from producers.ad.ldap.refusals import SUCCESS, refusal
from streams.contracts.errors import RetriableError

DIRSYNC = "1.2.840.113556.1.4.841"
EXTENDED_DN = "1.2.840.113556.1.4.529"
SHOW_DELETED = "1.2.840.113556.1.4.417"
SHOW_RECYCLED = "1.2.840.113556.1.4.2064"

OBJECT_SECURITY = 0x1
INCREMENTAL_VALUES = -0x80000000  # bit 31 of a signed 32-bit integer

# A hint to the server; Active Directory has its own, lower limit, Samba ignores it.
MAX_BYTES = 4 * 1024 * 1024

EXTENDED_NAMES = Control(EXTENDED_DN, wire.write_sequence(1))  # critical: without it links have no ids


class DirSyncRequest:
    """One request and its response: iterate the entries, then `cookie` and `more` are there."""

    def __init__(
        self,
        connection: DirectoryConnection,
        naming_context: str,
        cookie: bytes,
        *,
        search_filter: str,
        attributes: Sequence[str],
        object_security: bool,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        flags = INCREMENTAL_VALUES + (OBJECT_SECURITY if object_security else 0)
        control = Control(DIRSYNC, wire.write_sequence(flags, max_bytes, cookie))
        self._doing = f"{connection.server.url}: DirSync of {naming_context}"
        self.sent_cookie = cookie
        self._search = connection.search(
            naming_context,
            search_filter,
            scope=Scope.SUBTREE,
            attributes=attributes,
            controls=[control, EXTENDED_NAMES],
            timeout_s=600.0,  # a first pass over a large directory may start slowly
        )
        self.cookie = cookie
        self.more = False

    def __iter__(self) -> Iterator[wire.Entry]:
        """The entries as they arrive.

        Raises CheckpointLostError if the cookie is refused, FatalError if a right is missing,
        RetriableError if the connection is lost.
        """
        yield from self._search
        result = self._search.result
        if result is None or result.code != SUCCESS:
            raise refusal(result or wire.Result(80), self._doing, with_cookie=bool(self.sent_cookie))
        self.more, self.cookie = _response(result, self._doing)


def _response(result: wire.Result, doing: str) -> tuple[bool, bytes]:
    value = result.controls.get(DIRSYNC)
    if value is None:
        raise RetriableError(f"{doing}: the answer carries no DirSync control")
    items = wire.read_sequence(value)
    if len(items) != 3 or not isinstance(items[2], bytes):
        raise RetriableError(f"{doing}: the DirSync control of the answer is malformed")
    return bool(items[0]), items[2]
