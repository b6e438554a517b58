"""A worker's agents over topics in memory, one partition each, with a broker whose clock the test turns.

What is sent is kept as the topics would hold it, so that a test may look at every record that is left.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from streams.agents.deadletters import Fuse
from streams.agents.delivery.lanes import Record
from streams.agents.delivery.outbox import Outbox
from streams.agents.evaluate import EvaluatePartition
from streams.agents.project import ContextPartition, EventPartition, ProjectPartition
from streams.contracts.codec import decode, encode
from streams.contracts.events import EventChunk
from streams.contracts.facts import Fact, FactChunk, Forget, Origin, TenantState, Watermark
from streams.contracts.finding import Finding, FindingState
from streams.contracts.topics import (
    AD_CHANGES,
    AD_OBJECTS,
    DEADLETTERS,
    ENTRA_AUDITS,
    ENTRA_CHANGES,
    ENTRA_OBJECTS,
    ENTRA_TENANT,
    FINDINGS,
    SERVER_EVENTS,
    TOPICS,
    VIEW_STATES,
    VIEWS,
)  # fmt: skip
from streams.contracts.views import Tick
from streams.detections.registry import all_detections
from streams.directory.rows import MemoryRows
from streams.evaluation.partition import EvaluatorOptions, ViewPartition
from streams.evaluation.projector import Projector
from streams.runtime import clock

_COMPACTED = frozenset(topic.name for topic in TOPICS if topic.compacted)
_RETENTION_MS = {topic.name: topic.retention_ms for topic in TOPICS if not topic.compacted}


class TableRows(MemoryRows):
    """Rows in memory with the manners of a table partition."""

    def prefetch(self, keys: Any) -> None:
        list(keys)

    def keep(self) -> None:
        self.kept = dict(self.rows)

    def drop(self) -> None:
        self.rows = dict(getattr(self, "kept", {}))

    async def flush(self) -> None:
        self.keep()


class Agents:
    """`log`: topic -> what it holds, (key, value, when it arrived); `rows`: changelog -> rows of its table."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now_ms: int, **options: Any) -> None:
        self.now_ms, self.ahead_ms = now_ms, 0
        monkeypatch.setattr(clock, "time", SimpleNamespace(time_ns=lambda: (self.now_ms + self.ahead_ms) * 1_000_000))
        self.options = EvaluatorOptions(**options)
        self.log: dict[str, list[tuple[bytes, bytes | None, int]]] = defaultdict(list)
        self.rows = {topic.name: TableRows() for topic in (AD_OBJECTS, ENTRA_OBJECTS, VIEW_STATES)}
        self._waiting: list[tuple[str, bytes, bytes | None, int]] = []
        self.restart()

    def restart(self) -> None:
        """Lose everything that is not in rows or topics, as a killed worker does."""
        fuse = Fuse("test")
        self.views = ViewPartition(all_detections(), self.options)

        def projecting(table: str) -> Any:
            return ProjectPartition(Projector({}), self.rows[table], self._new_outbox, fuse)  # type: ignore[arg-type]

        events = EventPartition(self._new_outbox)
        self._handlers: Mapping[str, Any] = {
            AD_CHANGES.name: projecting(AD_OBJECTS.name),
            ENTRA_CHANGES.name: projecting(ENTRA_OBJECTS.name),
            ENTRA_TENANT.name: ContextPartition(self._new_outbox),
            ENTRA_AUDITS.name: events,
            SERVER_EVENTS.name: events,
            VIEWS.name: EvaluatePartition(
                self.views,
                self.rows[VIEW_STATES.name],
                self._new_outbox,
                fuse,
                self.options,  # type: ignore[arg-type]
            ),
        }

    async def send(self, topic: str, value: bytes | None, *, key: bytes, partition: int) -> asyncio.Future[None]:
        """As aiokafka's producer: the broker stamps the record with its own time."""
        assert partition == 0
        self._waiting.append((topic, key, value, self.now_ms))
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def put(self, topic: str, value: Any, key: bytes = b"k") -> None:
        """A record from outside, worked off with everything that follows from it."""
        self._waiting.append((topic, key, value if isinstance(value, bytes) else encode(value), self.now_ms))
        asyncio.run(self._work())

    def tell(self, origin: Origin, *facts: Fact) -> None:
        """Facts of one object each."""
        topic = AD_CHANGES if origin.side == "ad" else ENTRA_CHANGES
        for fact in facts:
            self.put(topic.name, FactChunk(origin=origin, facts=[fact]), fact.object_id.encode())

    def watermark(self, origin: Origin) -> None:
        """The source was read whole."""
        topic = AD_CHANGES if origin.side == "ad" else ENTRA_CHANGES
        self.put(topic.name, Watermark(origin=origin, read_ms=self.now_ms))

    def tenant(self, state: TenantState) -> None:
        self.put(ENTRA_TENANT.name, state, state.tenant.encode())

    def events(self, *events: Any, topic: str = SERVER_EVENTS.name) -> None:
        for event in events:
            self.put(topic, EventChunk(source="eventlog/test", events=[event]), event.key.encode())

    def pass_time(self, ms: int, ticks: int = 10) -> None:
        """Time goes on, with a tick now and then; retention deletes what is old."""
        for _ in range(ticks):
            self.now_ms += ms // ticks
            self.put(VIEWS.name, Tick(now_ms=self.now_ms), b"tick")
            while self.views.pending:
                self.put(VIEWS.name, Tick(now_ms=self.now_ms), b"tick")
        for topic in (AD_CHANGES, ENTRA_CHANGES):  # as a worker does every hour
            self.put(topic.name, Forget(), b"forget")
        for topic, retention_ms in _RETENTION_MS.items():
            self.log[topic] = [each for each in self.log[topic] if each[2] > self.now_ms - retention_ms]

    def open(self) -> dict[str, Finding]:
        """Detection -> the open finding, as the findings topic has it."""
        findings = (decode(value, Finding) for _, value, _ in self.log[FINDINGS.name] if value is not None)
        return {finding.detection: finding for finding in findings if finding.state is FindingState.OPEN}

    def letters(self) -> int:
        return len(self.log[DEADLETTERS.name])

    async def _work(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting, []
            for topic, key, value, arrived_ms in batch:
                if topic in _COMPACTED:
                    self.log[topic] = [each for each in self.log[topic] if each[0] != key]
                if topic not in _COMPACTED or value is not None:
                    self.log[topic].append((key, value, arrived_ms))
                handler = self._handlers.get(topic)
                if handler is not None:
                    await handler([Record(topic, 0, 0, key, value, 1, arrived_ms)])

    def _new_outbox(self, stage: str, cause: Record) -> Outbox:
        return Outbox(self, lambda: None, 1, stage, cause)  # type: ignore[arg-type]
