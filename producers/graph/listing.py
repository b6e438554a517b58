"""What tasks share that list a collection again and again, and emit what differs from what they emitted last.

What was emitted survives a restart in checkpoint parts, by the first characters of the id: a list of a thousand objects
that changes in one place is a small write.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from producers.graph.client import GraphClient, GraphError
from producers.graph.trail import Trail
from producers.saved import guids_of
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.errors import RetriableError
from streams.runtime.clock import HybridClock
from streams.runtime.logs import get_logger

log = get_logger(__name__)

T = TypeVar("T", str, bool)


class Listing(ABC, Generic[T]):
    """A list that is read page by page, and what was emitted of it: object id -> T.

    refused: HTTP statuses that mean that we may not read the list, or that there is none.
    value_type: the type of T, for what is read back.
    bucket_characters: of the id; 16 checkpoint parts with one of them, 256 with two.
    refusal: what Graph answered where we may not read it; else None.
    """

    def __init__(
        self,
        name: str,
        client: GraphClient,
        source: str,
        sequence: HybridClock,
        interval_s: float,
        *,
        refused: frozenset[int],
        value_type: type[Any],
        bucket_characters: int,
    ) -> None:
        self.name = name
        self.interval_s = interval_s
        self.refusal: str | None = None
        self._client = client
        self._source = source
        self._sequence = sequence
        self._refused = refused
        self._value_type = value_type
        self._characters = bucket_characters
        self._emitted: dict[str, T] = {}
        self._dirty: set[str] = set()
        self._link: str | None = None
        self._trail = Trail(name)

    @property
    def resting(self) -> bool:
        """Whether the list is at its end."""
        return self._link is None

    @property
    def full_pass(self) -> str | None:
        """Never: it emits differences only."""
        return None

    def restore(self, checkpoints: list[Checkpoint]) -> None:
        """Take back what was emitted; a list cut short begins again."""
        self._emitted, self._dirty, self._link = {}, set(), None
        for saved in checkpoints:
            if saved.source == self._source and saved.part.startswith(f"{self.name}/"):
                stored = saved.position.get("told")
                items = stored.items() if isinstance(stored, dict) else ()
                self._emitted |= {name: value for name, value in items if self._is_entry(name, value)}

    def fetch(self) -> dict[str, Any] | None:
        """A page; None where there is none to read. Raises RetriableError."""
        try:
            if self._link is None:
                self._trail = Trail(self.name)
            page = self._client.get(self._link) if self._link is not None else self._first_page()
        except GraphError as error:
            if error.status not in self._refused:
                raise RetriableError(str(error)) from error
            refusal = f"{error.status} {error.code}"
            if self.refusal != refusal:
                log.warning("unknown", source=self._source, part=self.name, error=str(error))
            self.refusal = refusal
            return None
        if not isinstance(page.get("value"), list):
            raise RetriableError(f"{self.name}: the page has no value; asking again")
        self._trail.after(self._link or "", page)
        self.refusal = None
        return page

    @abstractmethod
    def _first_page(self) -> dict[str, Any]:
        """Ask for the list from its beginning. Raises GraphError."""

    def _follow(self, page: dict[str, Any]) -> None:
        """Go on after this page, or rest."""
        following = page.get("@odata.nextLink")
        self._link = following if isinstance(following, str) else None

    def _is_entry(self, name: str, value: object) -> bool:
        return bool(guids_of([name])) and isinstance(value, self._value_type)

    def _note(self, name: str, value: T | None) -> None:
        """Remember what was emitted of an object; None: nothing, or that it is gone."""
        if self._emitted.get(name) == value:
            return
        if value is None:
            del self._emitted[name]
        else:
            self._emitted[name] = value
        self._dirty.add(name[: self._characters])

    def _changes(self, ts_ms: int) -> list[Checkpoint]:
        """The checkpoint parts of what was noted since the last call."""
        dirty, self._dirty = self._dirty, set()
        parts: dict[str, dict[str, T]] = {bucket: {} for bucket in sorted(dirty)}
        for name, value in self._emitted.items():
            if name[: self._characters] in parts:
                parts[name[: self._characters]][name] = value
        return [
            Checkpoint(
                source=self._source,
                part=f"{self.name}/{bucket}",
                seq=self._sequence.last,
                ts_ms=ts_ms,
                position={"told": entries} if entries else {},
            )
            for bucket, entries in parts.items()
        ]
