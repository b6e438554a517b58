"""One client's connection: reads requests, answers them one after the other."""

from __future__ import annotations

import asyncio
import ssl
from itertools import islice
from typing import TYPE_CHECKING

from deploy.lab.directory import ber, controls, dirsync, messages, notifications, rootdse, search, writes
from deploy.lab.directory.accounts import Account, Accounts, refused
from deploy.lab.directory.ber import BerError
from deploy.lab.directory.controls import Controls
from deploy.lab.directory.entry import Entry
from deploy.lab.directory.limits import Faults, Limits
from deploy.lab.directory.matching import predicate
from deploy.lab.directory.messages import Bind, Extended, Message, Search
from deploy.lab.directory.paging import PagedSearches
from deploy.lab.directory.rendering import Renderer, Selection
from deploy.lab.directory.results import DirectoryError, ResultCode

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore

_WRITE_ABOVE = 64 * 1024
_SCAN_SLICE = 256


class ConnectionDroppedError(ConnectionError):
    """A fault asked for the connection to be cut."""


class Session:
    """The state of one connection.

    `secure` tells whether TLS protects it; `tls` is what StartTLS offers, None when it is not offered.
    """

    def __init__(
        self,
        store: DirectoryStore,
        accounts: Accounts,
        limits: Limits,
        faults: Faults,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        *,
        secure: bool,
        tls: ssl.SSLContext | None,
    ) -> None:
        self._store, self._accounts, self._limits, self._faults = store, accounts, limits, faults
        self._reader, self._writer, self._secure, self._tls = reader, writer, secure, tls
        self._account: Account | None = None
        self._pages = PagedSearches(limits.max_result_sets_per_connection)
        self._notifications = notifications.Notifications(store, self._send_now, limits)

    async def run(self) -> None:
        """Serve the connection until it ends."""
        try:
            while (raw := await self._read_message()) is not None:
                message = messages.decode(raw)
                if isinstance(message.request, messages.Unbind):
                    break
                if self._faults.delay_s:
                    await asyncio.sleep(self._faults.delay_s)
                await self._answer(message)
                await self._writer.drain()
        except BerError as error:
            self._disconnect(f"00000057: {error}")
        except ConnectionDroppedError:
            self._writer.transport.abort()
        finally:
            self._notifications.close()

    def drop(self) -> None:
        """Cut the connection without a word."""
        self._writer.transport.abort()

    async def _read_message(self) -> bytes | None:
        """Return the next whole message, None when the client is gone or silent for too long.

        Raises:
            BerError: what comes is no LDAP message, or one that is too long.
        """
        try:
            async with asyncio.timeout(None if self._notifications else self._limits.idle_s):
                head = await self._reader.readexactly(2)
                if head[0] != ber.SEQUENCE:
                    raise BerError("that is not an LDAP message")
                size = head[1]
                if size >= 128:
                    count = size & 0x7F
                    if not 1 <= count <= 4:
                        raise BerError("an unusable message length")
                    more = await self._reader.readexactly(count)
                    head, size = head + more, int.from_bytes(more, "big")
                if size > self._limits.max_receive_octets:
                    raise BerError("a message above MaxReceiveBuffer")
                return head + await self._reader.readexactly(size)
        except (asyncio.IncompleteReadError, TimeoutError, OSError):
            return None

    async def _answer(self, message: Message) -> None:
        request = message.request
        if isinstance(request, messages.Abandon):
            self._notifications.cancel(request.message_id)
            return
        response = request.response or 0x78
        try:
            asked = controls.read(message.controls)
            if isinstance(request, Bind):
                self._bind(request)
            elif self._faults.fail_with is not None:
                raise DirectoryError(self._faults.fail_with, "00000005: a fault was asked for")
            elif isinstance(request, Extended):
                await self._extended(message, request)
                return
            elif isinstance(request, Search):
                await self._search(message.id, request, asked)
                return
            else:
                answer = writes.apply(self._store, self._bound(), request, asked)
                self._send(message.id, messages.result(response, answer))
                return
            self._send(message.id, messages.result(response, ResultCode.SUCCESS))
        except DirectoryError as error:
            self._send(message.id, messages.result(response, error.code, error.message, error.matched))

    # --- bind and extended operations --------------------------------------------------------------------------------

    def _bind(self, request: Bind) -> None:
        self._account = None
        self._notifications.close()
        if request.version != 3:
            raise DirectoryError(ResultCode.PROTOCOL_ERROR, "00000057: only LDAP version 3 is spoken here")
        if request.password is None:
            raise DirectoryError(ResultCode.AUTH_METHOD_NOT_SUPPORTED, "00000057: only simple binds are supported")
        if not request.password:
            return  # anonymous, or the "unauthenticated" bind that is as good as anonymous
        if not self._secure:
            raise DirectoryError(
                ResultCode.STRONGER_AUTH_REQUIRED,
                "00002028: LdapErr: DSID-0C090259, comment: The server requires binds to turn on integrity checking "
                "if SSL\\TLS are not already active on the connection, data 0, v4563",
            )
        if self._faults.refuse_binds:
            raise refused("52e")
        self._account = self._accounts.authenticate(self._store, request.name, request.password)

    def _bound(self) -> Account:
        if self._account is None:
            raise DirectoryError(
                ResultCode.OPERATIONS_ERROR,
                "000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation a successful bind must "
                "be completed on the connection., data 0, v4563",
            )
        return self._account

    async def _extended(self, message: Message, request: Extended) -> None:
        if request.name == messages.WHO_AM_I:
            who = f"u:{self._store.netbios}\\{self._account.name}" if self._account else ""
            answer = messages.result(0x78, ResultCode.SUCCESS, "", "", ber.tlv(0x8B, who.encode()))
            self._send(message.id, answer)
            return
        if request.name != messages.START_TLS:
            raise DirectoryError(ResultCode.PROTOCOL_ERROR, f"0000203D: unknown extended operation {request.name}")
        if self._tls is None:
            raise DirectoryError(ResultCode.UNAVAILABLE, "00000000: no certificate, so no StartTLS")
        if self._secure:
            raise DirectoryError(ResultCode.OPERATIONS_ERROR, "00000000: TLS is on already")
        name = ber.tlv(0x8A, messages.START_TLS.encode())
        self._send(message.id, messages.result(0x78, ResultCode.SUCCESS, "", "", name))
        await self._writer.drain()
        await self._writer.start_tls(self._tls)
        self._secure = True

    # --- search ------------------------------------------------------------------------------------------------------

    async def _search(self, message_id: int, request: Search, asked: Controls) -> None:
        if not request.base and request.scope == messages.BASE:
            entry = rootdse.render(self._store, self._limits, request.attributes, types_only=request.types_only)
            self._send(message_id, entry)
            self._send(message_id, messages.result(request.response, ResultCode.SUCCESS))
            return
        account = self._bound()
        deleted = search.sees_deleted(asked, account)
        base = search.base_entry(self._store, request.base, deleted=deleted)
        renderer = Renderer(
            self._store,
            Selection(request.attributes),
            extended_dn=asked.extended_dn,
            types_only=request.types_only,
            max_val_range=self._limits.max_val_range,
        )
        if asked.notification:
            self._notifications.add(message_id, base, request, renderer, deleted=deleted)
        elif asked.dirsync is not None:
            await self._dirsync(message_id, base, request, renderer, asked.dirsync, account)
        else:
            await self._ordinary(message_id, base, request, renderer, asked, deleted=deleted)

    async def _dirsync(
        self,
        message_id: int,
        base: Entry,
        request: Search,
        renderer: Renderer,
        asked: controls.DirSync,
        account: Account,
    ) -> None:
        context = dirsync.check(self._store, base, request, asked.flags, account)
        matches = predicate(self._store, request.filter)
        with self._store.lock:
            page = dirsync.Pass(context, matches, renderer, asked, account, self._limits).page()
        await self._send_entries(message_id, page.entries)
        done = messages.result(request.response, ResultCode.SUCCESS)
        self._send(message_id, done, controls.dirsync_response(page.more, page.cookie))

    async def _ordinary(
        self, message_id: int, base: Entry, request: Search, renderer: Renderer, asked: Controls, *, deleted: bool
    ) -> None:
        matches = predicate(self._store, request.filter)
        entries = self._pages.continued(asked.page_cookie)
        if entries is None:
            recycled = not search.hides_recycled(self._store, asked)
            entries = search.candidates(self._store, base, request, deleted=deleted, recycled=recycled)
        paged = asked.page_size is not None
        limit = min(asked.page_size or self._limits.max_page_size, self._limits.max_page_size)
        if request.size_limit and not paged:
            limit = min(limit, request.size_limit)
        found: list[bytes] = []
        exhausted = False
        while len(found) <= limit and not exhausted:
            # A slice at a time, so that a long scan holds up neither writers nor the other connections.
            with self._store.lock:
                piece = list(islice(entries, min(_SCAN_SLICE, limit - len(found)) if paged else _SCAN_SLICE))
                found += [renderer.render(entry) for entry in piece if matches(entry) is True]
            exhausted = not piece
            await asyncio.sleep(0)
            if paged and len(found) >= limit:
                break
        await self._send_entries(message_id, found[:limit])
        code = ResultCode.SUCCESS if len(found) <= limit else ResultCode.SIZE_LIMIT_EXCEEDED
        if exhausted:
            for url in search.referrals(self._store, base, request, asked):
                self._send(message_id, messages.reference(url))
        done = messages.result(request.response, code)
        self._send(
            message_id,
            done,
            controls.paged_response(b"" if exhausted else self._pages.keep(entries)) if paged else None,
        )

    # --- sending -----------------------------------------------------------------------------------------------------

    def _send(self, message_id: int, operation: bytes, control: bytes | None = None) -> None:
        self._writer.write(messages.message(message_id, operation, () if control is None else (control,)))

    def _send_now(self, message_id: int, operation: bytes) -> None:
        if not self._writer.is_closing():
            self._send(message_id, operation)

    async def _send_entries(self, message_id: int, entries: list[bytes]) -> None:
        """Send search results in large writes, waiting for a slow client."""
        stop = self._faults.drop_after_entries
        prefix = ber.integer(message_id)
        waiting: list[bytes] = []
        size = 0
        for entry in entries[:stop]:
            waiting += (b"\x30", ber.length(len(prefix) + len(entry)), prefix, entry)
            size += len(entry)
            if size > _WRITE_ABOVE:
                self._writer.write(b"".join(waiting))
                waiting, size = [], 0
                await self._writer.drain()
        self._writer.write(b"".join(waiting))
        if stop is not None and len(entries) > stop:
            await self._writer.drain()
            raise ConnectionDroppedError

    def _disconnect(self, why: str) -> None:
        """Tell the client that nothing more will come, and why."""
        name = ber.tlv(0x8A, messages.NOTICE_OF_DISCONNECTION.encode())
        self._send_now(0, messages.result(0x78, ResultCode.PROTOCOL_ERROR, why, "", name))
