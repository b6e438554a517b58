"""One bound LDAP connection to one domain controller: the only module that knows ldap3.

ldap3 opens the socket, starts TLS, binds and encodes requests; responses are read from its socket by
producers.ad.ldap.wire, entry by entry, so that a response of a million objects needs no memory.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import IntEnum
from functools import partial
from typing import Any

import ldap3
from ldap3.core.exceptions import LDAPExceptionError
from ldap3.operation.search import search_operation
from ldap3.protocol.convert import build_controls_list
from ldap3.protocol.rfc4511 import LDAPMessage, MessageID, ProtocolOp
from ldap3.utils.asn1 import encode

from producers.ad.ldap import wire
from producers.ad.ldap.refusals import NO_SUCH_OBJECT, SUCCESS, refusal
from producers.ad.ldap.tls import VerifiedNames, check_names, verifying_context
from producers.refusing import STUMBLES
from streams.contracts.errors import FatalError, RetriableError
from streams.runtime.settings import ForestSettings

CONNECT_TIMEOUT_S = 10
ANSWER_TIMEOUT_S = 120.0  # Active Directory ends a query after 120 s (MaxQueryDuration)
GREETING_S = 60.0  # for StartTLS and bind together
LARGEST_GREETING = 64 * 1024
# What one search may make us wait in all, and bring: a page is ready within MaxQueryDuration, a thousand objects long.
SEARCH_WAIT_S = 900.0
LARGEST_SEARCH = 1 << 30
LARGEST_GLANCE = 4 * 1024 * 1024  # of what is there already; the rest is there at the next look
_CHUNK = 64 * 1024
_CLOSED = ConnectionResetError("closed by the server")
_NOTICE = "the server ended the session"


class Scope(IntEnum):
    """How deep a search goes (RFC 4511 4.5.1.2)."""

    BASE = 0
    LEVEL = 1
    SUBTREE = 2


@dataclass(frozen=True, slots=True)
class Control:
    """A request control. `value`: BER, see wire.write_sequence."""

    identifier: str
    value: bytes | None = None
    critical: bool = True


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """One domain controller as the settings name it."""

    url: str
    host: str
    port: int
    tls_at_once: bool


class Search:
    """A search under way: iterate its entries; `result` is there once they are exhausted."""

    def __init__(self, connection: DirectoryConnection, message_id: int) -> None:
        self._connection = connection
        self._message_id = message_id
        self.result: wire.Result | None = None

    def __iter__(self) -> Iterator[wire.Entry]:
        """The entries, as they arrive. Raises RetriableError if the connection is lost before the end."""
        while self.result is None:
            message = self._connection.receive()
            if message.message_id != self._message_id:
                if message.message_id == 0:
                    self._connection.close()
                    notice = wire.read_result(message.content, b"")
                    raise RetriableError(f"{self._connection.server.url}: {_NOTICE}: {notice.message or notice.code}")
                continue  # the rest of a search that was given up
            if message.tag == wire.SEARCH_ENTRY:
                yield wire.read_entry(message.content)
            elif message.tag == wire.SEARCH_DONE:
                self.result = wire.read_result(message.content, message.controls)


class DirectoryConnection:
    """A bound connection. One thread; a search is read to its end, or the connection is closed.

    Every method raises RetriableError when the connection is or gets lost.
    """

    def __init__(self, server: ServerAddress, connection: Any) -> None:
        self.server = server
        self._connection = connection
        self._reader = wire.MessageReader(self._receive)
        self._timeout_s, self._waited_s, self._received = ANSWER_TIMEOUT_S, 0.0, 0

    def search(
        self,
        base: str,
        search_filter: str,
        *,
        scope: Scope = Scope.SUBTREE,
        attributes: Sequence[str] = (),
        controls: Sequence[Control] = (),
        timeout_s: float = ANSWER_TIMEOUT_S,
    ) -> Search:
        """Send a search; iterate what is returned.

        attributes: none asks for the names alone. timeout_s: the longest silence before the server counts as lost.
        """
        try:
            request = search_operation(
                base, search_filter, int(scope), 0, list(attributes) or ["1.1"], 0, 0, False, False, False
            )
        except LDAPExceptionError as error:
            raise FatalError(f"search base {base!r} or filter {search_filter!r} is malformed: {error}") from error
        message = LDAPMessage()
        message_id = ldap3.Server.next_message_id()
        message["messageID"] = MessageID(message_id)
        message["protocolOp"] = ProtocolOp().setComponentByName("searchRequest", request)
        built = build_controls_list([(control.identifier, control.critical, control.value) for control in controls])
        if built is not None:
            message["controls"] = built
        self._timeout_s, self._waited_s, self._received = timeout_s, 0.0, 0
        try:
            self._socket.settimeout(timeout_s)
            self._socket.sendall(encode(message))
        except OSError as error:
            raise self._lost(error) from error
        return Search(self, message_id)

    def read(
        self,
        base: str,
        search_filter: str = "(objectClass=*)",
        *,
        scope: Scope = Scope.BASE,
        attributes: Sequence[str] = (),
        controls: Sequence[Control] = (),
    ) -> list[wire.Entry]:
        """All entries of a small search; none where the base does not exist.

        Raises the error of producers.ad.ldap.refusals for any other refusal.
        """
        search = self.search(base, search_filter, scope=scope, attributes=attributes, controls=controls)
        entries = list(search)
        if search.result is not None and search.result.code not in {SUCCESS, NO_SUCH_OBJECT}:
            raise refusal(search.result, f"{self.server.url}: searching {base or 'the rootDSE'}")
        return entries

    def receive(self) -> wire.Message:
        """The next message of this connection. Raises RetriableError, and closes, if there will be none."""
        try:
            return self._reader.next()
        except wire.GarbledResponseError as error:
            self.close()
            raise wire.GarbledResponseError(f"{self.server.url}: {error}") from error

    def available(self) -> list[wire.Message]:
        """The messages that are here already; does not wait. Raises RetriableError, and closes, if it was lost."""
        opened = self._socket
        parts: list[bytes] = []
        try:
            opened.settimeout(0)
            while part := opened.recv(_CHUNK):
                parts.append(part)
                if len(parts) * _CHUNK >= LARGEST_GLANCE:
                    return self._reader.feed(b"".join(parts))
        except (BlockingIOError, ssl.SSLWantReadError):
            return self._reader.feed(b"".join(parts))
        except OSError as error:
            raise self._lost(error) from error
        raise self._lost(_CLOSED)

    def fileno(self) -> int:
        """The socket's descriptor, to wait for answers with select; -1 when closed."""
        return int(self._connection.socket.fileno()) if self._connection.socket is not None else -1

    @property
    def is_open(self) -> bool:
        """False once it was closed or lost."""
        return self._connection.socket is not None

    def close(self) -> None:
        """Say good-bye and let go of the socket."""
        _close(self._connection)

    @property
    def _socket(self) -> socket.socket:
        found = self._connection.socket
        if found is None:
            raise RetriableError(f"{self.server.url}: the connection is closed")
        return found  # type: ignore[no-any-return]

    def _receive(self, size: int) -> bytes:
        """The next bytes. A server that sends a byte now and then is as lost as one that sends none."""
        begun = time.monotonic()
        try:
            self._socket.settimeout(min(self._timeout_s, max(SEARCH_WAIT_S - self._waited_s, 0.01)))
            part = self._socket.recv(size)
        except OSError as error:
            raise self._lost(error) from error
        if not part:
            raise self._lost(_CLOSED)
        self._waited_s += time.monotonic() - begun
        self._received += len(part)
        if self._waited_s > SEARCH_WAIT_S:
            raise self._lost(TimeoutError())
        if self._received > LARGEST_SEARCH:
            raise self._lost(ConnectionError(f"one search brought more than {LARGEST_SEARCH} bytes"))
        return part

    def _lost(self, error: OSError) -> RetriableError:
        self.close()
        reason = "no answer in time" if isinstance(error, TimeoutError) else str(error)
        return RetriableError(f"{self.server.url}: the connection was lost ({reason})")


def open_connection(server: ServerAddress, forest: ForestSettings) -> DirectoryConnection:
    """Connect to `server`, encrypt, verify its certificate, bind.

    Raises RetriableError if it cannot be reached, FatalError if its certificate or our password is wrong.
    """
    names = VerifiedNames(server.host, tuple(forest.valid_names))
    password = forest.bind_password.get_secret_value() if forest.bind_password else ""
    tls = _VerifyingTls(names, str(forest.ca_file) if forest.ca_file else None)
    target = ldap3.Server(
        server.host,
        port=server.port,
        use_ssl=server.tls_at_once,
        tls=tls,
        get_info=ldap3.NONE,
        connect_timeout=CONNECT_TIMEOUT_S,
    )
    connection = ldap3.Connection(
        target,
        forest.bind_user,
        password,
        check_names=False,
        read_only=True,
        receive_timeout=int(ANSWER_TIMEOUT_S),
        auto_referrals=False,
    )
    connection.strategy.receiving = partial(_greeting, connection, time.monotonic() + GREETING_S)
    try:
        connection.open(read_server_info=False)
        if not server.tls_at_once:
            connection.start_tls(read_server_info=False)
        connection.bind(read_server_info=False)
        _keep_alive(connection.socket)
    except (LDAPExceptionError, OSError, *STUMBLES) as error:  # ldap3 stumbles, too: over a referral for one
        _close(connection)
        raise _refused_connection(server, forest, tls.failure or error) from error
    if not connection.bound:
        result = wire.Result(int(connection.result["result"]), str(connection.result["message"]))
        _close(connection)
        raise refusal(result, f"{server.url}: bind as {forest.bind_user}")
    return DirectoryConnection(server, connection)


def _greeting(connection: Any, until: float) -> list[bytes]:
    """One message before or of the bind: ldap3's own reader copies what it has with every part, whatever the length
    that a server claims before it has shown a certificate. Read to its end and not beyond, so that nothing that was
    sent in clear is taken for an answer under TLS. Raises OSError.
    """
    message = _exactly(connection.socket, 2, until)
    if message[1] & 0x80:
        message += _exactly(connection.socket, min(message[1] & 0x7F, 4), until)
    try:
        length, start = wire.length_at(message, 1)
    except (wire.GarbledResponseError, IndexError) as error:
        raise ConnectionError("its answer is no LDAP message") from error
    if length > LARGEST_GREETING:
        raise ConnectionError(f"an answer of {length} bytes before the bind is not believable")
    return [message + _exactly(connection.socket, start + length - len(message), until)]


def _exactly(opened: socket.socket, count: int, until: float) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        left_s = until - time.monotonic()
        if left_s <= 0:
            raise TimeoutError("no answer in time")
        opened.settimeout(left_s)
        part = opened.recv(count - len(parts))
        if not part:
            raise _CLOSED
        parts += part
    return bytes(parts)


class _VerifyingTls(ldap3.Tls):
    """ldap3's own check knows neither IP addresses in certificates nor Python 3.12 and later."""

    def __init__(self, names: VerifiedNames, ca_file: str | None) -> None:
        super().__init__(validate=ssl.CERT_REQUIRED)
        self.failure: ssl.SSLError | None = None  # ldap3 tells it only as nested text
        self._names = names
        self._context = verifying_context(ca_file, names)

    def wrap_socket(self, connection: Any, do_handshake: bool = False) -> None:
        try:
            # wrap_socket takes the plain socket over, and closes it if the handshake fails
            connection.socket = self._context.wrap_socket(connection.socket, server_hostname=self._names.host)
            check_names(connection.socket.getpeercert(binary_form=True) or b"", self._names)
        except ssl.SSLError as error:
            self.failure = error
            raise


def _close(connection: Any) -> None:
    """Say good-bye if it can be said; ldap3 itself leaves the socket open when connecting or TLS fails."""
    opened = connection.socket
    if opened is None:
        return
    with suppress(LDAPExceptionError, OSError):
        connection.unbind()
    opened.close()
    connection.socket = None


def _keep_alive(opened: socket.socket) -> None:
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _refused_connection(server: ServerAddress, forest: ForestSettings, error: Exception) -> FatalError | RetriableError:
    if isinstance(error, ssl.SSLCertVerificationError):
        trust = f"ca_file {forest.ca_file}" if forest.ca_file else "the system's authorities (no ca_file is set)"
        return FatalError(
            f"{server.url}: its certificate is not trusted ({getattr(error, 'verify_message', '') or error}): checked "
            f"with {trust} and the names {[server.host, *forest.valid_names]}; correct ca_file or valid_names"
        )
    return RetriableError(f"{server.url}: cannot be reached ({error})")
