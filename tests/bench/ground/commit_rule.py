"""Two ways in which stock Faust 0.15.3 can lose records, shown on its own code without a broker.

python -m tests.bench.ground.commit_rule
"""

from __future__ import annotations

import asyncio
import inspect
from collections import defaultdict
from types import SimpleNamespace

from aiokafka import AIOKafkaConsumer
from faust.streams import Stream
from faust.transport.consumer import Consumer
from faust.types import TP


def committed_past_an_unread_record() -> None:
    """Offset 50 is the next to be read, 51 was acknowledged out of turn: what does Faust commit?"""
    tp = TP("t", 0)
    state = SimpleNamespace(
        _acked={tp: [51]}, _gap=defaultdict(list), _committed_offset={tp: 50}, _acked_index={tp: {51}}
    )
    print(f"committed 50, acknowledged [51] -> commits {Consumer._new_offset(state, tp)} (50 is lost)")


def skipped_records_are_acknowledged() -> None:
    """A record of an earlier generation is skipped by the stream, and acknowledged."""
    source = inspect.getsource(Stream._py_aiter)
    print("skipped records are acknowledged:", "do_ack or value is skipped_value" in source)


async def no_seek_without_a_commit() -> None:
    """What seek_to_committed does where nothing was committed yet."""
    sought: list[int] = []
    for offset in (None, 0, 7):

        async def committed(_: object, offset: int | None = offset) -> int | None:
            return offset

        consumer = SimpleNamespace(
            _subscription=SimpleNamespace(assigned_partitions=lambda: {("t", 0)}),
            committed=committed,
            _fetcher=SimpleNamespace(seek_to=lambda _tp, at: sought.append(at)),
        )
        await AIOKafkaConsumer.seek_to_committed(consumer)
    print(f"seek_to_committed with commits None, 0, 7 seeks to {sought}: drops before a commit stay lost")


if __name__ == "__main__":
    committed_past_an_unread_record()
    skipped_records_are_acknowledged()
    asyncio.run(no_seek_without_a_commit())
