"""The handlers of the workers' topics, one record at a time: they refuse, and never raise."""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import Callable
from typing import Any

from streams.agents.deadletters import Fuse
from streams.agents.delivery.lanes import Handler, Record
from streams.agents.delivery.outbox import Outbox
from streams.agents.evaluate import EvaluatePartition
from streams.agents.project import ContextPartition, EventPartition, ProjectPartition
from streams.detections.registry import all_detections
from streams.directory.rows import MemoryRows
from streams.evaluation.partition import EvaluatorOptions, ViewPartition
from streams.evaluation.projector import Projector

PARTITIONS = 2


class _Rows(MemoryRows):
    """Rows with the manners of a table partition."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, bytes] = {}

    def prefetch(self, keys: Any) -> None:
        list(keys)

    def keep(self) -> None:
        self.kept = dict(self.rows)

    def drop(self) -> None:
        self.rows = dict(self.kept)

    async def flush(self) -> None:
        if len(self.rows) > 500:
            self.rows.clear()  # so that the millionth record meets no larger table than the first
            self.kept = {}


class _Producer:
    async def send(self, topic: str, value: bytes | None, *, key: bytes, partition: int) -> asyncio.Future[None]:
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def _outbox(stage: str, record: Record) -> Outbox:
    return Outbox(_Producer(), lambda: None, PARTITIONS, stage, record)  # type: ignore[arg-type]


def handler_of(topic: str, arrived_ms: int) -> Callable[[bytes], None]:
    """Works off one record of this topic: "facts", "tenant", "events" or "views"."""
    rows: Any = _Rows()
    handler: Handler
    if topic == "facts":
        handler = ProjectPartition(Projector({}), rows, _outbox, Fuse("project"))
    elif topic == "tenant":
        handler = ContextPartition(_outbox)
    elif topic == "events":
        handler = EventPartition(_outbox)
    else:
        options = EvaluatorOptions()
        handler = EvaluatePartition(
            ViewPartition(all_detections(), options, 0, PARTITIONS), rows, _outbox, Fuse("evaluate"), options
        )

    async def take(raw: bytes) -> None:
        await handler([Record(f"synchealth.{topic}", 0, 0, b"k", raw, 1, arrived_ms)])

    loop = asyncio.new_event_loop()  # one for all records: a new one costs more than most of them
    atexit.register(loop.close)
    return lambda raw: loop.run_until_complete(take(raw))
