"""The seam between a worker and whoever is the member of the consumer group for it (streams.agents.delivery.faust)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Protocol

from streams.agents.delivery.lanes import Record

Timer = tuple[float, Callable[[], Awaitable[None]]]
"""Seconds between two calls, and what is called. A call that raises ends the process."""


class Delivery(Protocol):
    """The member of the group: what a worker asks of it."""

    async def commit(self, positions: Mapping[tuple[str, int], int]) -> bool:
        """Commit the next offset of each (topic, partition); False where the group has moved on."""

    async def committed(self, topic: str, partitions: set[int]) -> Mapping[int, int]:
        """The committed offsets; partitions without one are left out."""

    async def rewind(self, topic: str, partition: int, offset: int) -> None:
        """Deliver from `offset` on (again). Of a partition that is not ours any more: nothing."""

    def highwater(self, topic: str, partition: int) -> int | None:
        """The end of a partition as the latest fetch told it; None if unknown."""


class Work(Protocol):
    """What is delivered to: called by the member of the group, from one event loop."""

    @property
    def topics(self) -> Collection[str]:
        """What is to be consumed."""

    @property
    def timers(self) -> Sequence[Timer]:
        """What is to be done again and again, from the start to the stop."""

    async def start(self) -> None:
        """Connect, before the group is joined."""

    async def offer(self, record: Record) -> None:
        """Take in a record; returns when there is room for the next."""

    def assigned(self, partitions: set[tuple[str, int]], generation: int) -> None:
        """The group gave us exactly `partitions` (topic, partition)."""

    async def revoked(self) -> None:
        """The group takes all partitions back; it waits until this returns."""

    async def stop(self) -> None:
        """Finish what is in hand, commit, disconnect."""
