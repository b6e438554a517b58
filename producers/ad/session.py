"""The connection to the domain controller that a naming context is read from."""

from __future__ import annotations

import time
from collections.abc import Callable

from producers.ad.ldap.connection import DirectoryConnection
from producers.ad.notifications import ChangeNotification
from producers.ad.root_dse import ServerIdentity, read_highest_usn, read_object_guid
from producers.ad.servers import Servers
from streams.contracts.errors import RetriableError
from streams.runtime.backoff import Backoff
from streams.runtime.clock import now_ms


class ServerSession:
    """A connection that is there when it is wanted, and what is known of the server behind it.

    on_connect: called with every fresh connection before it is used.
    quiet_ms:    when the log was last known to hold nothing new.
    """

    def __init__(
        self, naming_context: str, servers: Servers, on_connect: Callable[[DirectoryConnection, ServerIdentity], None]
    ) -> None:
        self.notification = ChangeNotification(naming_context, lambda: servers.connect(naming_context)[0])
        self.domain_guid = ""
        self._read_up_to = -1
        self.quiet_ms = 0
        self._naming_context = naming_context
        self._servers = servers
        self._on_connect = on_connect
        self._connection: DirectoryConnection | None = None
        self._identity: ServerIdentity | None = None
        self._due_at = 0.0
        self._backoff = Backoff()

    def make(self) -> tuple[DirectoryConnection, ServerIdentity, int]:
        """A connection that has just answered, whose it is, and its highestCommittedUSN.

        One that died while idle is replaced at once. Raises RetriableError, FatalError as Servers.connect.
        """
        if self._connection is not None:
            try:
                connection, identity = self._connected()
                return connection, identity, read_highest_usn(connection)
            except RetriableError:
                self._connection.close()
        connection, identity = self._connected()
        return connection, identity, read_highest_usn(connection)

    @property
    def highest_usn(self) -> int:
        """Up to where the log of this server was read; -1 after every new connection and without a position."""
        return self._read_up_to

    def read_up_to(self, usn: int) -> None:
        """Note that the log of this server was read up to there; -1: that a position is worth nothing any more."""
        self._read_up_to = usn

    def has_news(self) -> bool:
        """Whether the server has changed since `highest_usn`; about 1 ms. Never raises: reading will tell."""
        if self._connection is None:
            return True
        asked_ms = now_ms()
        try:
            if read_highest_usn(self._connection) != self._read_up_to:
                return True
        except RetriableError:
            return True
        self.quiet_ms = asked_ms
        return False

    @property
    def failures(self) -> int:
        """Failures in a row, while other naming contexts answer."""
        return self._backoff.failures

    @property
    def is_due(self) -> bool:
        """False while it is put off."""
        return time.monotonic() >= self._due_at

    def back_off(self, asked_s: float | None) -> float:
        """After a failure: leave it alone for `asked_s`, or longer with each failure. Returns the seconds."""
        wait_s = self._backoff.failed(asked_s)
        self._due_at = time.monotonic() + wait_s
        return wait_s

    def succeeded(self) -> None:
        """After a success."""
        self._backoff.succeeded()
        self._due_at = 0.0

    def close(self) -> None:
        """Close the connection and the notification search."""
        self.notification.close()
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _connected(self) -> tuple[DirectoryConnection, ServerIdentity]:
        if self._connection is None or self._identity is None or not self._connection.is_open:
            self._connection, self._identity = self._servers.connect(self._naming_context)
            self.domain_guid = read_object_guid(self._connection, self._naming_context)
            self._on_connect(self._connection, self._identity)
            self._read_up_to = -1
        return self._connection, self._identity
