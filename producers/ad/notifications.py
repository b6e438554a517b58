"""Waking up: change notifications, and the highestCommittedUSN poll where there are none.

A notification says that something changed, never what: whatever it carries is thrown away and the log is read.
Events while nobody listens are lost, so the poll goes on beside it. Samba notifies 5 ms after a commit (measured).

Source: [MS-ADTS] 3.1.1.3.4.1.9 (LDAP_SERVER_NOTIFICATION_OID).
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import suppress

from producers.ad.ldap import wire
from producers.ad.ldap.connection import Control, DirectoryConnection
from producers.ad.ldap.dirsync import SHOW_DELETED
from streams.contracts.errors import FatalError, RetriableError
from streams.runtime.logs import get_logger

_NOTIFICATION = "1.2.840.113556.1.4.528"
_REOPEN_AFTER_S = 30.0
_REFUSED_FOR_S = 3600.0

log = get_logger(__name__)


class ChangeNotification:
    """A notification search on one naming context. Never raises; where the server refuses, nothing is ever notified.

    connect: opens a connection for it; a notification search needs one of its own.
    """

    def __init__(self, naming_context: str, connect: Callable[[], DirectoryConnection]) -> None:
        self._naming_context = naming_context
        self._connect = connect
        self._connection: DirectoryConnection | None = None
        self._open_at = 0.0

    def fileno(self) -> int:
        """What to wait on with select; -1 while there is no search. Opens one first if it is time to."""
        if self._connection is None and time.monotonic() >= self._open_at:
            self._open_at = time.monotonic() + _REOPEN_AFTER_S
            with suppress(RetriableError, FatalError):  # the reader of the log meets the same error, and tells it
                self._connection = self._connect()
                self._connection.search(
                    self._naming_context,
                    "(objectClass=*)",  # the only filter that is allowed
                    attributes=["objectGUID"],
                    controls=[Control(_NOTIFICATION), Control(SHOW_DELETED)],
                )
        return self._connection.fileno() if self._connection is not None else -1

    def notified(self) -> bool:
        """Whether something has changed since the last call; does not wait."""
        if self._connection is None:
            return False
        try:
            messages = self._connection.available()
        except RetriableError:
            self.close()
            return True  # the server may have gone away: reading will tell
        for message in messages:
            if message.tag == wire.SEARCH_DONE:
                result = wire.read_result(message.content, b"")
                log.info("no change notifications: polling alone", code=result.code, said=result.message)
                self._open_at = time.monotonic() + _REFUSED_FOR_S
                self.close()
        return any(message.tag == wire.SEARCH_ENTRY for message in messages)

    def close(self) -> None:
        """End the search."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Wakeup:
    """Lets one thread wait for change notifications and for `wake` from another thread."""

    def __init__(self) -> None:
        self._inside, self._outside = socket.socketpair()
        self._inside.setblocking(False)

    def wait(self, notifications: Iterable[ChangeNotification], timeout_s: float) -> tuple[bool, bool]:
        """(woken, notified) within `timeout_s`; a `wake` that came before counts."""
        watched = {descriptor: each for each in notifications if (descriptor := each.fileno()) >= 0}
        mine = self._inside.fileno()
        ready, _, _ = select.select([mine, *watched], [], [], timeout_s)
        woken = mine in ready
        if woken:
            with suppress(BlockingIOError):
                self._inside.recv(4096)
        # every one is read, for one that is ready stays so until then
        notified = [watched[descriptor].notified() for descriptor in ready if descriptor in watched]
        return woken, any(notified)

    def wake(self) -> None:
        """End the wait, from any thread; nothing happens after `close`."""
        with suppress(OSError):
            self._outside.send(b"\0")

    def close(self) -> None:
        """Let go of the sockets."""
        self._inside.close()
        self._outside.close()
