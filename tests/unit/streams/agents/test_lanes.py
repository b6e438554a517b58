"""Lanes: order, batching, and a position that never moves past unread records."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from streams.agents.delivery.lanes import MAX_BATCH_BYTES, Handler, Lane, Record, TopicLanes
from streams.agents.metrics import REGISTRY
from streams.contracts.errors import FatalError


def record(offset: int, *, partition: int = 0, generation: int = 1, size: int = 1) -> Record:
    return Record("t", partition, offset, b"k", b"x" * size, generation)


class Collector:
    """A handler that remembers, and waits where told to."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, records: Sequence[Record]) -> None:
        await self.gate.wait()
        self.batches.append([each.offset for each in records])

    @property
    def offsets(self) -> list[int]:
        return [offset for batch in self.batches for offset in batch]


class Log:
    """A topic whose records may have gaps, and a consumer that is told to go back."""

    def __init__(self, gaps: Mapping[int, int] | None = None, committed: Mapping[int, int] | None = None) -> None:
        self.gaps = dict(gaps or {})
        self.commits = dict(committed or {})
        self.rewound: list[int] = []
        self.ordered: list[tuple[str, int, int, int]] = []
        self.may_order = asyncio.Event()
        self.may_order.set()

    async def committed(self, topic: str, partitions: set[int]) -> Mapping[int, int]:
        return self.commits

    async def first_available(self, topic: str, offsets: Mapping[int, int]) -> Mapping[int, int]:
        return {partition: self.gaps.get(offset, offset) for partition, offset in offsets.items()}

    async def rewind(self, topic: str, partition: int, offset: int) -> None:
        self.rewound.append(offset)

    async def order_again(self, topic: str, partition: int, first: int, records: int) -> None:
        await self.may_order.wait()
        self.ordered.append((topic, partition, first, records))


def new_lane(handler: Collector, start: int = 0, log: Log | None = None) -> Lane:
    return Lane("t", 0, handler, log or Log(), start)


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_backlog_is_worked_off_in_order_and_in_large_batches() -> None:
    handler = Collector()
    handler.gate.clear()
    lane = new_lane(handler)
    running = asyncio.create_task(lane.run())
    await lane.offer(record(0))
    await settle()
    for offset in range(1, 400):
        await lane.offer(record(offset, size=MAX_BATCH_BYTES // 100))
    handler.gate.set()
    await settle()
    assert handler.offsets == list(range(400))
    assert [len(batch) for batch in handler.batches] == [1, 100, 100, 100, 99]
    assert lane.next_offset == 400
    lane.stop()
    await running


async def test_the_position_moves_only_after_the_handler_returned() -> None:
    handler = Collector()
    handler.gate.clear()
    lane = new_lane(handler, start=7)
    running = asyncio.create_task(lane.run())
    await lane.offer(record(7))
    await settle()
    assert lane.next_offset == 7
    handler.gate.set()
    await settle()
    assert lane.next_offset == 8
    lane.stop()
    await running


async def test_a_record_offered_twice_is_worked_off_once() -> None:
    handler = Collector()
    lane = new_lane(handler, start=5)
    running = asyncio.create_task(lane.run())
    for offset in (3, 5, 6, 6, 5, 7):
        await lane.offer(record(offset))
    await settle()
    lane.stop()
    await running
    assert handler.offsets == [5, 6, 7]


async def test_records_lost_on_the_way_are_fetched_again_and_none_is_skipped() -> None:
    handler, topic = Collector(), Log()
    lane = new_lane(handler, start=5, log=topic)
    running = asyncio.create_task(lane.run())
    for offset in (8, 9, 10):  # 5 to 7 were dropped by the consumer
        await lane.offer(record(offset))
    assert topic.rewound == [5]
    for offset in (5, 6, 7, 8, 9, 10):
        await lane.offer(record(offset))
    await settle()
    lane.stop()
    await running
    assert handler.offsets == [5, 6, 7, 8, 9, 10]


async def test_a_gap_of_the_log_itself_is_stepped_over() -> None:
    handler, topic = Collector(), Log(gaps={6: 9})
    lane = new_lane(handler, start=5, log=topic)
    running = asyncio.create_task(lane.run())
    for offset in (5, 9, 10):
        await lane.offer(record(offset))
    await settle()
    lane.stop()
    await running
    assert handler.offsets == [5, 9, 10]
    assert topic.rewound == []
    assert topic.ordered == [("t", 0, 6, 3)], "what was lost is told again"


async def test_nothing_behind_a_gap_is_worked_off_before_what_was_in_it_is_ordered() -> None:
    handler, topic = Collector(), Log(gaps={6: 9})
    topic.may_order.clear()
    lane = new_lane(handler, start=6, log=topic)
    running = asyncio.create_task(lane.run())
    offering = asyncio.create_task(lane.offer(record(9)))
    await settle()
    assert handler.offsets == [] and lane.next_offset == 6, "whoever dies here finds the gap again"
    topic.may_order.set()
    await offering
    await settle()
    assert handler.offsets == [9] and lane.next_offset == 10
    lane.stop()
    await running


async def test_a_partition_that_is_revoked_while_its_gap_is_ordered_takes_nothing() -> None:
    handler, topic = Collector(), Log(gaps={6: 9})
    topic.may_order.clear()
    lane = new_lane(handler, start=6, log=topic)
    offering = asyncio.create_task(lane.offer(record(9)))
    await settle()
    lane.stop()
    topic.may_order.set()
    await offering
    assert lane.expected == 6 and not lane.queued


async def test_what_was_deleted_while_nobody_was_there_is_ordered_at_the_start() -> None:
    rig = Stages()
    rig.log.commits, rig.log.gaps = {0: 4}, {4: 10}
    rig.stage.open({0, 1}, 1, rig.failures.append)
    await settle()
    assert rig.log.ordered == [("t", 0, 4, 6)]
    await rig.stage.close(1)


async def test_a_full_lane_holds_back_and_lets_go_when_stopped() -> None:
    handler = Collector()
    handler.gate.clear()
    lane = new_lane(handler)

    async def flood() -> None:
        for offset in range(100_000):
            await lane.offer(record(offset))

    flooding = asyncio.create_task(flood())
    running = asyncio.create_task(lane.run())
    await settle()
    assert not flooding.done()
    assert lane.queued < 10_000
    lane.stop()
    handler.gate.set()
    await asyncio.wait_for(asyncio.gather(flooding, running), 5)
    assert len(handler.batches) == 1


class Stages:
    """A stage with one collector per partition."""

    def __init__(self) -> None:
        self.handlers: dict[int, Collector] = {}
        self.failures: list[BaseException] = []
        self.log = Log()
        self.stage = TopicLanes("t", self.open, self.log)

    async def open(self, owned: set[int]) -> Mapping[int, Handler]:
        self.handlers = {partition: Collector() for partition in owned}
        return self.handlers


async def test_records_of_an_earlier_generation_are_dropped() -> None:
    rig = Stages()
    rig.stage.open({0}, 1, rig.failures.append)
    await rig.stage.offer(record(0))
    await settle()
    await rig.stage.close(1)
    rig.stage.forget()
    rig.log.commits = {0: 1}
    late = asyncio.create_task(rig.stage.offer(record(9, generation=1)))  # waits for the next assignment
    await settle()
    rig.stage.open({0}, 2, rig.failures.append)
    await late
    await rig.stage.offer(record(1, generation=2))
    await rig.stage.offer(record(2, generation=2, partition=3))
    await settle()
    assert rig.handlers[0].offsets == [1]
    assert rig.stage.uncommitted() == {0: 2}
    rig.stage.committed({0: 2})
    assert rig.stage.uncommitted() == {}
    await rig.stage.close(1)


async def test_every_stage_tells_how_many_partitions_it_works_on_with_a_table_or_without() -> None:
    def owned() -> float | None:
        return REGISTRY.get_sample_value("synchealth_streams_partitions", {"topic": "t"})

    rig = Stages()
    assert owned() == 0  # and not absent: whoever never gets a partition must be heard
    rig.stage.open({0, 2}, 1, rig.failures.append)
    await settle()
    assert owned() == 2
    await rig.stage.close(1)
    rig.stage.forget()
    assert owned() == 0
    rig.stage.open({1}, 2, rig.failures.append)
    await settle()
    assert owned() == 1
    await rig.stage.close(1)


async def test_closing_finishes_the_batch_in_hand_and_leaves_the_rest() -> None:
    rig = Stages()
    rig.stage.open({0}, 1, rig.failures.append)
    await settle()
    handler = rig.handlers[0]
    handler.gate.clear()
    await rig.stage.offer(record(0))
    await settle()
    await rig.stage.offer(record(1))
    closing = asyncio.create_task(rig.stage.close(5))
    await settle()
    handler.gate.set()
    assert await closing
    assert handler.offsets == [0]
    assert rig.stage.uncommitted() == {0: 1}


async def test_a_batch_that_takes_too_long_is_cut_off_and_not_counted() -> None:
    rig = Stages()
    rig.stage.open({0}, 1, rig.failures.append)
    await settle()
    rig.handlers[0].gate.clear()
    await rig.stage.offer(record(0))
    await settle()
    assert not await rig.stage.close(0.01)
    assert rig.stage.uncommitted() == {0: 0}  # where it started
    assert rig.failures == []


async def test_what_a_handler_raises_is_told_and_its_batch_not_counted() -> None:
    failures: list[BaseException] = []

    async def broken(_: Sequence[Record]) -> None:
        raise FatalError("fuse")

    async def open_broken(owned: set[int]) -> Mapping[int, Handler]:
        return dict.fromkeys(owned, broken)

    stage = TopicLanes("t", open_broken, Log())
    stage.open({0}, 1, failures.append)
    await stage.offer(record(0))
    await settle()
    assert [str(error) for error in failures] == ["fuse"]
    assert stage.uncommitted() == {0: 0}  # where it started
    await stage.close(1)


async def test_a_failed_recovery_is_told() -> None:
    failures: list[BaseException] = []

    async def open_nothing(_: set[int]) -> Mapping[int, Handler]:
        raise FatalError("half a table")

    stage = TopicLanes("t", open_nothing, Log())
    stage.open({0}, 1, failures.append)
    await settle()
    assert [str(error) for error in failures] == ["half a table"]
    assert not stage.ready
    await stage.close(1)


async def test_where_nothing_is_committed_everything_is_unread() -> None:
    """Kafka forgets the offsets of a group that was away for a week, and retention has deleted as much by then."""
    topic = Log(gaps={0: 40})

    async def handlers(partitions: set[int]) -> Mapping[int, Handler]:
        return {partition: Collector() for partition in partitions}

    stage = TopicLanes("t", handlers, topic)
    stage.open({0}, 1, lambda error: None)
    await settle()
    assert topic.ordered == [("t", 0, 0, 40)]
    await stage.close(1.0)
