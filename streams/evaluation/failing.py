"""The views of one partition that stand failing: how often each was tried, and when it is tried again.

Rows: "~failing/<view key>". A view leaves the table with the first look at which nothing raises.
"""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from streams.contracts import view_keys
from streams.contracts.codec import decode, encode
from streams.contracts.counts import Count
from streams.directory.rows import Rows
from streams.runtime.backoff import pause_s
from streams.views.installation.tenant_view import FAILING
from streams.views.registry import VIEW_CLASSES

PREFIX = "~failing/"
FIRST_AGAIN_MS, LAST_AGAIN_MS = 60_000, 3_600_000


class Failing(msgspec.Struct):
    """attempts: how many looks failed in a row; due_ms: when to look again; count: the name under which it counts."""

    attempts: int
    due_ms: int
    count: str


class FailingViews:
    """Kept in memory and in rows, which change together: `put` is the last thing that can go wrong."""

    def __init__(self) -> None:
        self._failing: dict[str, Failing] = {}

    def restore(self, rows: Rows) -> list[tuple[int, str]]:
        """Take up where the rows stand. Returns (when to look again, view key) of each."""
        self._failing = {key.removeprefix(PREFIX): decode(raw, Failing) for key, raw in rows.items(PREFIX)}
        return [(each.due_ms, key) for key, each in self._failing.items()]

    def __len__(self) -> int:
        return len(self._failing)

    def __contains__(self, key: str) -> bool:
        return key in self._failing

    def is_due(self, key: str, due_ms: int) -> bool:
        """Whether this is the time at which a failing view is tried again."""
        each = self._failing.get(key)
        return each is not None and each.due_ms == due_ms

    def failed(self, key: str, rows: Rows, now_ms: int, tenants: Collection[str]) -> Failing | None:
        """One more look failed. Returns its state if a new time was set; None while one lies ahead.

        tenants: those that are known; a view of another counts for none.
        """
        before = self._failing.get(key)
        if before is not None and before.due_ms > now_ms:
            return None
        attempts = before.attempts + 1 if before is not None else 1
        pause_ms = int(pause_s(attempts, first_s=FIRST_AGAIN_MS, longest_s=LAST_AGAIN_MS))
        after = Failing(attempts, now_ms + pause_ms, before.count if before is not None else _count_of(key, tenants))
        rows.put(PREFIX + key, encode(after))
        self._failing[key] = after
        return after

    def mended(self, key: str, rows: Rows) -> str | None:
        """A look went well. Returns the name under which the view counted as failing; None if it did not."""
        if key not in self._failing:
            return None
        rows.put(PREFIX + key, None)
        return self._failing.pop(key).count


def _count_of(key: str, tenants: Collection[str]) -> str:
    """It becomes a label of a metric, so an unknown kind of view is not taken over from the key."""
    kind, _, rest = key.partition("/")
    tenant = rest.partition("/")[0]
    toward = view_keys.tenant(tenant) if tenant in tenants else ""
    kind = kind if kind in VIEW_CLASSES else "unknown"
    return Count(FAILING, tenant if toward else "", (kind,), toward).name
