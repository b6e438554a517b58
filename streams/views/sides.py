"""One directory's object as views see it, and what a view of several has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import msgspec

from streams.contracts.events import Event
from streams.directory.party import Party


class Side(msgspec.Struct, frozen=True):
    """One directory's object: who it is and every attribute we read.

    changed:    attribute -> when we saw its value change (ms); not there: it has been so since `first_ms`.
    created_ms: when it was created before our eyes; 0: it was there before.
    members:    of an AD group with MEMBERS_TOLD_FROM members or more: how many, in whole thousands; else None.
    revived_ms: when it came back from death before our eyes; 0: never.
    cleared:    of an AD object, attribute that flows and has none -> the last value, where AD said that it was removed.
    scoped_ms:  since when a group has it in scope, where memberships decide that; else 0.
    """

    party: Party
    attributes: Mapping[str, Any]
    changed_ms: int
    changed: Mapping[str, int] = {}
    first_ms: int = 0
    created_ms: int = 0
    members: int | None = None
    revived_ms: int = 0
    cleared: Mapping[str, str] = {}
    scoped_ms: int = 0

    def since_ms(self, *attributes: str) -> int:
        """Since when the values of these attributes are what they are (ms)."""
        changed = [self.changed[name] for name in attributes if name in self.changed]
        return max([self.first_ms or self.changed_ms, *changed])


class Sides(Protocol):
    """A view of one object: its sides in AD and in Entra, those that left AD lately, and what logs tell of it."""

    @property
    def key(self) -> str: ...
    @property
    def tenant(self) -> str: ...
    @property
    def ad(self) -> Sequence[Side]: ...
    @property
    def entra(self) -> Sequence[Side]: ...
    @property
    def gone(self) -> Sequence[Side]: ...
    @property
    def events(self) -> Sequence[Event]: ...
