"""The reader over a consumer that is none of Kafka's: what it goes on with after an error, and what it leaves open."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, NamedTuple

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaConnectionError, KafkaError, OffsetOutOfRangeError, TopicAuthorizationFailedError

from streams.contracts.errors import FatalError, RetriableError
from streams.runtime import topic_reader
from streams.runtime.settings import KafkaConnection
from streams.runtime.topic_reader import Partition, TopicReader, consumer, read_at


class Row(NamedTuple):
    offset: int
    value: bytes = b"x"
    key: bytes | None = None
    timestamp: int = 7
    timestamp_type: int = 1
    headers: tuple[tuple[str, bytes], ...] = ()


class Consumer:
    """kafka-python's. logs: the first offset and the end of each partition; faults: what its next calls raise."""

    made: list[Consumer]
    logs: dict[TopicPartition, tuple[int, int]]
    faults: dict[str, list[Exception]]

    def __init__(self, **_: Any) -> None:
        self.made.append(self)
        self.closed = False
        self._at: dict[TopicPartition, int | None] = {}
        self._fetched: set[TopicPartition] = set()
        self._paused: set[TopicPartition] = set()

    def _fail(self, call: str) -> None:
        if self.faults.get(call):
            raise self.faults[call].pop(0)

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        self._fail("partitions_for_topic")
        return {each.partition for each in self.logs if each.topic == topic} or None

    def assign(self, partitions: list[TopicPartition]) -> None:
        self._fail("assign")
        self._at = {each: self._at.get(each) for each in partitions}

    def assignment(self) -> set[TopicPartition]:
        return set(self._at)

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._at[partition] = offset

    def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        self._at |= {each: self.logs[each][0] for each in partitions}

    def pause(self, *partitions: TopicPartition) -> None:
        self._paused |= set(partitions)

    def resume(self, *partitions: TopicPartition) -> None:
        self._paused -= set(partitions)

    def poll(self, timeout_ms: int, max_records: int) -> dict[TopicPartition, list[Row]]:
        assert timeout_ms >= 0
        self._fail("poll")
        found = {}
        for each in sorted(self._at.keys() - self._paused):
            at, (start, end) = self._at[each] or 0, self.logs[each]
            if not start <= at <= end:
                raise OffsetOutOfRangeError({each: at})
            self._fetched.add(each)
            rows = [Row(number) for number in range(at, min(end, at + max_records))]
            if rows:
                found[each] = rows
                self._at[each] = rows[-1].offset + 1
        return found

    def position(self, partition: TopicPartition, timeout_ms: int | None = None) -> int | None:
        return self._at[partition]

    def highwater(self, partition: TopicPartition) -> int | None:
        return self.logs[partition][1] if partition in self._fetched else None

    def end_offsets(self, partitions: list[TopicPartition], timeout_ms: int) -> dict[TopicPartition, int]:
        self._fail("end_offsets")
        return {each: self.logs[each][1] for each in partitions}

    def metrics(self) -> dict[str, dict[str, float]]:
        return {"consumer-metrics": {"connection-count": 1.0}}

    def close(self, autocommit: bool, timeout_ms: int) -> None:
        assert not autocommit
        self.closed = True


A, B = TopicPartition("a", 0), TopicPartition("b", 0)


@pytest.fixture(autouse=True)
def kafka(monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Consumer]]:
    Consumer.made, Consumer.faults, Consumer.logs = [], {}, {A: (0, 3), B: (0, 2)}
    monkeypatch.setattr(topic_reader, "KafkaConsumer", Consumer)
    monkeypatch.setattr(topic_reader, "require_reachable", lambda kafka: None)
    yield Consumer
    assert all(each.closed for each in Consumer.made), "a consumer is left open"


def reader(*topics: str, **options: Any) -> TopicReader:
    return TopicReader(KafkaConnection(), topics or ("a", "b"), **options)


def offsets(records: list[topic_reader.Record]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for record in records:
        found.setdefault(record.place.topic, []).append(record.offset)
    return found


def test_it_reads_to_the_end_and_follows() -> None:
    with reader() as each:
        assert offsets(list(each.to_end(5))) == {"a": [0, 1, 2], "b": [0, 1]}
        assert each.position.caught_up and each.position.behind == 0 and each.position.in_contact
        Consumer.logs[A] = (0, 4)
        assert not each.sees_the_end()
        [record] = each.poll(0)
        assert (record.place, record.offset, record.live, record.appended_ms) == (Partition("a", 0), 3, True, 7)
        assert each.sees_the_end()


def test_after_an_error_it_goes_on_behind_what_it_returned() -> None:
    with reader(max_records=2) as each:
        assert offsets(each.poll(0)) == {"a": [0, 1], "b": [0, 1]}
        Consumer.faults["poll"] = [KafkaConnectionError("gone")]
        with pytest.raises(RetriableError, match="gone"):
            each.poll(0)
        assert Consumer.made[0].closed and not each.in_contact
        assert offsets(each.poll(0)) == {"a": [2]}


def test_a_position_outside_of_the_log_costs_that_partition_alone() -> None:
    Consumer.logs = {A: (5, 8), B: (0, 2)}
    with reader() as each:
        each.start_at({Partition("a", 0): 2, Partition("b", 0): 1})
        assert offsets(each.poll(0)) == {"a": [5, 6, 7], "b": [1]}


def test_a_tail_is_the_latest_records_where_no_position_is_known() -> None:
    with reader(tail=1) as each:
        each.start_at({Partition("b", 0): 0})
        assert offsets(list(each.to_end(5))) == {"a": [2], "b": [0, 1]}


def test_a_topic_that_is_missing() -> None:
    with reader("a", "typo") as each, pytest.raises(RetriableError, match=r"no topic typo: create the topics"):
        each.poll(0)
    with reader("a", "typo", partly=True) as each:
        assert offsets(each.poll(0)) == {"a": [0, 1, 2]}
        assert each.missing == {"typo"}
    with reader("typo", partly=True, absent="ask") as each, pytest.raises(RetriableError, match="no topic typo: ask"):
        each.poll(0)


def ask_end(each: TopicReader) -> None:
    each.sees_the_end()


def ask_records(each: TopicReader) -> None:
    each.poll(0)


@pytest.mark.parametrize("ask", [ask_records, ask_end])
@pytest.mark.parametrize("call", ["partitions_for_topic", "assign", "poll", "end_offsets"])
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KafkaConnectionError("x"), RetriableError),
        (OSError("x"), RetriableError),
        (TopicAuthorizationFailedError("x"), FatalError),
    ],
)
def test_whatever_fails_is_told_and_leaves_no_consumer(
    ask: Callable[[TopicReader], None], call: str, error: Exception, told: type[Exception]
) -> None:
    Consumer.faults[call] = [error]
    each = reader()
    if (ask, call) in {(ask_records, "end_offsets"), (ask_end, "poll")}:
        ask(each)  # it makes no such call
        each.close()
    else:
        with pytest.raises(told):
            ask(each)


def test_single_records_and_bare_consumers_leave_nothing_open() -> None:
    places = [("a", 0, 1), ("a", 0, 9), ("b", 0, 0), ("typo", 0, 0), ("a", 4, 0)]
    with closing(read_at(KafkaConnection(), places)) as records:
        assert next(records).offset == 1  # and no further
    with pytest.raises(RetriableError), consumer(KafkaConnection(), "x"):
        raise KafkaError("x")
    with pytest.raises(ZeroDivisionError), consumer(KafkaConnection(), "x"):
        raise ZeroDivisionError
