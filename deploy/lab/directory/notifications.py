"""Change notification: a search that never ends and reports every object as it changes.

Source: MS-ADTS 3.1.1.3.4.1.9.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from deploy.lab.directory import filters
from deploy.lab.directory.entry import Entry
from deploy.lab.directory.limits import Limits
from deploy.lab.directory.messages import BASE, ONE_LEVEL, SUBTREE, Search
from deploy.lab.directory.rendering import Renderer
from deploy.lab.directory.results import DirectoryError, ResultCode

if TYPE_CHECKING:
    from deploy.lab.directory.store import DirectoryStore


class Notifications:
    """The notification searches of one connection."""

    def __init__(self, store: DirectoryStore, send: Callable[[int, bytes], None], limits: Limits) -> None:
        self._store, self._send, self._limits = store, send, limits
        self._loop: asyncio.AbstractEventLoop | None = None
        self._searches: dict[int, tuple[Entry, Search, Renderer, bool]] = {}

    def __bool__(self) -> bool:
        return bool(self._searches)

    def add(self, message_id: int, base: Entry, request: Search, renderer: Renderer, *, deleted: bool) -> None:
        """Report from now on what changes in scope.

        Raises:
            DirectoryError: unwillingToPerform for a filter other than (objectClass=*) or for a subtree below anything
                but a naming context; adminLimitExceeded above MaxNotificationPerConn.
        """
        if request.filter != filters.Filter(filters.PRESENT, request.filter.attribute) or (
            request.filter.attribute.lower() != "objectclass"
        ):
            raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "0000200E: Search filter too complex")
        if request.scope == SUBTREE and self._store.tree.head_of(base) is None:
            raise DirectoryError(ResultCode.UNWILLING_TO_PERFORM, "0000200E: a subtree must be a naming context")
        if len(self._searches) >= self._limits.max_notifications_per_connection:
            raise DirectoryError(ResultCode.ADMIN_LIMIT_EXCEEDED, "00002013: MaxNotificationPerConn reached")
        if not self._searches:
            self._loop = asyncio.get_running_loop()
            self._store.listeners.append(self._committed)
        self._searches[message_id] = (base, request, renderer, deleted)

    def cancel(self, message_id: int) -> None:
        """End one notification search; an unknown id is ignored."""
        if self._searches.pop(message_id, None) is not None and not self._searches:
            self._store.listeners.remove(self._committed)

    def close(self) -> None:
        for message_id in list(self._searches):
            self.cancel(message_id)

    def _committed(self, entry: Entry) -> None:
        """Take note of a write; it may come from any thread."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._report, entry)

    def _report(self, entry: Entry) -> None:
        for message_id, (base, request, renderer, deleted) in list(self._searches.items()):
            if (deleted or not entry.deleted) and self._in_scope(entry, base, request.scope):
                with self._store.lock:
                    found = renderer.render(entry)
                self._send(message_id, found)

    def _in_scope(self, entry: Entry, base: Entry, scope: int) -> bool:
        if scope == BASE:
            return entry is base
        if scope == ONE_LEVEL:
            return entry.parent is base
        return self._store.tree.context_of(entry).head is base
