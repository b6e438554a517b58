"""The listening sides of the directory: LDAP with StartTLS, and LDAPS."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any

from deploy.lab.certificates import Certificates
from deploy.lab.directory.accounts import Accounts
from deploy.lab.directory.limits import Faults, Limits
from deploy.lab.directory.session import Session
from deploy.lab.directory.store import DirectoryStore
from streams.runtime.logs import get_logger

_log = get_logger(__name__)


class DirectoryServer:
    """Serves one store on two ports.

    Args:
        port: the LDAP port, 0 for a free one; `port` tells which one it became.
        ldaps_port: the same for LDAPS; it listens only when there are certificates.
        certificates: what TLS presents; None: no LDAPS, no StartTLS, hence no binds with a password.
        faults: what goes wrong; change it at any time.

    Raises:
        OSError: a port is taken (from `start`).
    """

    def __init__(
        self,
        store: DirectoryStore,
        host: str = "127.0.0.1",
        port: int = 0,
        ldaps_port: int = 0,
        *,
        certificates: Certificates | None = None,
        accounts: Accounts | None = None,
        limits: Limits | None = None,
        faults: Faults | None = None,
    ) -> None:
        self.store, self.host, self.port, self.ldaps_port = store, host, port, ldaps_port
        self.certificates, self.accounts = certificates, accounts or Accounts()
        self.limits, self.faults = limits or Limits(), faults or Faults()
        self._listeners: list[asyncio.Server] = []
        self._sessions: set[Session] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._tls: ssl.SSLContext | None = None

    @property
    def ldap_url(self) -> str:
        return f"ldap://{self.host}:{self.port}"

    @property
    def ldaps_url(self) -> str:
        return f"ldaps://{self.host}:{self.ldaps_port}"

    async def start(self) -> None:
        """Create the accounts and listen."""
        self.accounts.install(self.store)
        if self.certificates is not None:
            self._tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
            self._tls.load_cert_chain(self.certificates.cert_file, self.certificates.key_file)
        await self.come_up()

    async def stop(self) -> None:
        """Stop listening and end every connection."""
        await self.go_down()

    async def come_up(self) -> None:
        """Listen (again), on the ports of the first time."""
        plain = await asyncio.start_server(self._plain, self.host, self.port)
        self._listeners.append(plain)
        self.port = plain.sockets[0].getsockname()[1]
        if self._tls is not None:
            secure = await asyncio.start_server(self._secure, self.host, self.ldaps_port, ssl=self._tls)
            self._listeners.append(secure)
            self.ldaps_port = secure.sockets[0].getsockname()[1]
        _log.info("lab directory listens", ldap_port=self.port, ldaps_port=self.ldaps_port, domain=self.store.domain)

    async def go_down(self) -> None:
        """Be unreachable: close the ports and cut every connection."""
        _log.info("lab directory goes down", connections=len(self._sessions), domain=self.store.domain)
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        self.drop_connections()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def drop_connections(self) -> None:
        """Cut every connection without a word; new ones are welcome."""
        for session in tuple(self._sessions):
            session.drop()

    async def _plain(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, secure=False)

    async def _secure(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, secure=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, secure: bool) -> None:
        session = Session(
            self.store, self.accounts, self.limits, self.faults, reader, writer, secure=secure, tls=self._tls
        )
        task = asyncio.current_task()
        if task is not None:
            self._tasks.add(task)
        self._sessions.add(session)
        try:
            await session.run()
            writer.close()
            await writer.wait_closed()
        except (OSError, asyncio.CancelledError):
            writer.transport.abort()  # the client went away, or the server goes down
        finally:
            self._sessions.discard(session)
            if task is not None:
                self._tasks.discard(task)


class ThreadedDirectory:
    """A running server in a thread of its own, for callers without an event loop.

    `unexpected` collects what went wrong inside the server itself, as asyncio describes it; it stays empty.
    """

    def __init__(self, server: DirectoryServer, loop: asyncio.AbstractEventLoop) -> None:
        self.server, self._loop = server, loop
        self.unexpected: list[dict[str, Any]] = []
        loop.set_exception_handler(self._note)

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.unexpected.append(context)
        loop.default_exception_handler(context)

    def go_down(self) -> None:
        self._wait(asyncio.run_coroutine_threadsafe(self.server.go_down(), self._loop))

    def come_up(self) -> None:
        self._wait(asyncio.run_coroutine_threadsafe(self.server.come_up(), self._loop))

    def drop_connections(self) -> None:
        self._loop.call_soon_threadsafe(self.server.drop_connections)

    def _wait(self, future: Future[None]) -> None:
        future.result(30)


@contextmanager
def in_thread(server: DirectoryServer) -> Iterator[ThreadedDirectory]:
    """Run `server` in a thread for the body. Raises what its `start` raises."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="lab-directory", daemon=True)
    thread.start()
    try:
        running = ThreadedDirectory(server, loop)
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(30)
        try:
            yield running
        finally:
            asyncio.run_coroutine_threadsafe(server.stop(), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
