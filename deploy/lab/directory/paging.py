"""Paged searches that wait for their client to come back: their state belongs to the connection, as on Windows."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

from deploy.lab.directory.entry import Entry
from deploy.lab.directory.results import DirectoryError, ResultCode


class PagedSearches:
    """The unfinished searches of one connection by cookie; above `limit` the oldest is forgotten."""

    def __init__(self, limit: int) -> None:
        self._limit, self._number = limit, 0
        self._waiting: OrderedDict[bytes, Iterator[Entry]] = OrderedDict()

    def continued(self, cookie: bytes) -> Iterator[Entry] | None:
        """Return where the search of `cookie` stopped, None when the cookie is empty: a new search.

        Raises:
            DirectoryError: unavailableCriticalExtension, the cookie is not of this connection or is too old.
        """
        if not cookie:
            return None
        entries = self._waiting.pop(cookie, None)
        if entries is None:
            message = (
                "00000057: LdapErr: DSID-0C0907F6, comment: Error processing control (paging cookie), data 0, v4563"
            )
            raise DirectoryError(ResultCode.UNAVAILABLE_CRITICAL_EXTENSION, message)
        return entries

    def keep(self, entries: Iterator[Entry]) -> bytes:
        """Keep an unfinished search; return its cookie."""
        self._number += 1
        cookie = self._number.to_bytes(8, "big")
        self._waiting[cookie] = entries
        while len(self._waiting) > self._limit:
            self._waiting.popitem(last=False)
        return cookie
