"""Faults on command: what goes wrong, where, and how often.

A fault applies to Graph paths that its regular expression finds (empty: all), so many times
(`times` None: until cleared). Standing conditions of the service are plain attributes.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

FaultKind = Literal[
    "throttle",
    "unauthorized",
    "forbidden",
    "gone",
    "sync_state_not_found",
    "page_token_expired",
    "server_error",
    "cut",
    "slow",
    "empty_page",
    "partial",
]
KINDS: Final = frozenset(get_args(FaultKind))


@dataclass(slots=True)
class Fault:
    """One thing that goes wrong.

    throttle: 429, with Retry-After if `retry_after_s` is given. unauthorized: 401.
    forbidden: 403; with `permission`, as if the token lacked that role. gone: 410 with Location,
    and sync_state_not_found: 400, on the next call with a delta token. page_token_expired: 400
    on the next call with a skip token. server_error: `status`. cut: the connection closes half
    way through the body. slow: answers after `delay_s`. empty_page: a delta page without items
    but with a nextLink. partial: a full delta round leaves out `ids`, or `fraction` of all
    objects; `times` counts rounds.
    """

    kind: FaultKind
    path: str = ""
    times: int | None = 1
    retry_after_s: int | None = None
    status: int = 503
    delay_s: float = 0.0
    permission: str = ""
    ids: frozenset[str] = frozenset()
    fraction: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault {self.kind!r}; known: {', '.join(sorted(KINDS))}")
        re.compile(self.path)

    def hides(self, object_id: str) -> bool:
        """Say whether a partial round leaves this object out; always the same ones."""
        return object_id in self.ids or zlib.crc32(object_id.encode()) % 10_000 < self.fraction * 10_000


@dataclass(slots=True)
class Faults:
    """The faults in force.

    `replication_delay_s` (lab time): a change shows up in delta only after so long.
    `hidden_in_delta`: properties whose change alone makes no object reappear in delta.
    `narrow_select_hides_restore`: a restore is not reported to clients that track neither
    `deletedDateTime` nor `userPrincipalName`.
    """

    replication_delay_s: float = 0.0
    hidden_in_delta: frozenset[str] = frozenset()
    narrow_select_hides_restore: bool = False
    token_generation: int = 0
    _active: dict[int, Fault] = field(default_factory=dict)
    _last: int = 0

    def add(self, fault: Fault) -> int:
        """Put a fault in force; return the number by which it can be cleared."""
        self._last += 1
        self._active[self._last] = fault
        return self._last

    def clear(self, number: int | None = None) -> None:
        """Lift one fault, or all of them and every standing condition."""
        if number is not None:
            self._active.pop(number, None)
            return
        self._active.clear()
        self.replication_delay_s = 0.0
        self.hidden_in_delta = frozenset()
        self.narrow_select_hides_restore = False

    def expire_tokens(self) -> None:
        """Make every access token issued so far invalid at once."""
        self.token_generation += 1

    def standing(self, kind: FaultKind, path: str) -> list[Fault]:
        """Return the faults of a kind that apply to a path, without using them up."""
        return [f for f in self._active.values() if f.kind == kind and re.search(f.path, path)]

    def take(self, kind: FaultKind, path: str) -> Fault | None:
        """Return a fault that applies to this call, using it once, or None."""
        for fault in self.standing(kind, path):
            if kind == "forbidden" and fault.permission:
                continue
            self.use(fault)
            return fault
        return None

    def use(self, fault: Fault) -> None:
        """Count one use; the fault ends with the last."""
        if fault.times is None:
            return
        fault.times -= 1
        if fault.times <= 0:
            self._active = {number: one for number, one in self._active.items() if one is not fault}

    def denied(self, path: str, acceptable: Iterable[str]) -> frozenset[str]:
        """Return the permissions that the token is to be treated as lacking, using the faults."""
        wanted = set(acceptable)
        hit = [f for f in self.standing("forbidden", path) if f.permission in wanted]
        for fault in hit:
            self.use(fault)
        return frozenset(f.permission for f in hit)
