"""While we know that we have not read everything, no answer says that everything is known."""

from __future__ import annotations

from typing import Any

import pytest
from kafka import TopicPartition

from deploy.cli.announcement import is_ready
from sinks.freshness import Freshness, LastContact, SourceFreshness
from sinks.freshness_source import CheckpointTopic, with_failing
from sinks.lag import Lag, _asleep
from streams.contracts.checkpoint import contact_record
from streams.contracts.codec import encode
from streams.contracts.orders import OBJECTS, Answer, Order
from tests.support.findings import finding

NOW = 1_790_000_000_000
SOURCE = "entra/t"


def said(topic: CheckpointTopic, at_ms: int, *orders: str, **more: Any) -> None:
    word = contact_record(
        SOURCE, contact_ms=at_ms, ts_ms=at_ms, **{"phase": "streaming", "done": 3, "orders": orders, **more}
    )
    topic.read(encode(word), at_ms)


def fault(topic: CheckpointTopic, at_ms: int = NOW) -> str | None:
    return SourceFreshness(SOURCE, 15.0, topic.last_contact(SOURCE)).fault(at_ms)


def test_an_ordered_reading_is_no_all_clear_from_the_order_to_its_end() -> None:
    topic, order = CheckpointTopic(), Order(SOURCE, "gap", "worker", "lost", NOW, OBJECTS)
    said(topic, NOW)
    assert fault(topic) is None
    topic.read(encode(order.record()), NOW + 1)
    waits = f"{SOURCE} is to tell {OBJECTS} again, as ordered (synchealth resync shows how far it is)"
    assert fault(topic) == waits, "the producer has not spoken since"
    said(topic, NOW + 2, order.scope)
    begun = Answer(order.scope, order.id, "begun", NOW + 3, begun_ms=NOW + 3)
    topic.read(encode(begun.record()), NOW + 3)
    said(topic, NOW + 15_000, order.scope, phase="resync")
    assert fault(topic, NOW + 15_000) == waits
    topic.read(encode(begun.done(NOW + 60_000).record()), NOW + 60_000)
    said(topic, NOW + 60_001)
    assert fault(topic, NOW + 60_001) is None


def test_a_later_order_of_the_same_scope_is_open_although_an_earlier_one_is_done() -> None:
    topic = CheckpointTopic()
    said(topic, NOW)
    topic.read(encode(Answer(SOURCE, "one", "done", NOW).record()), NOW)
    topic.read(encode(Order(SOURCE, "two", "worker", "lost", NOW).record()), NOW)
    assert fault(topic) == f"{SOURCE} is to tell everything again, as ordered (synchealth resync shows how far it is)"


def test_what_a_producer_said_long_after_an_order_decides() -> None:
    """The tail of the topic may hold an order whose answer stands before it: the same gap, ordered twice."""
    topic = CheckpointTopic()
    topic.read(encode(Order(SOURCE, "gap", "worker", "lost", NOW).record()), NOW)
    said(topic, NOW + 31_000)  # it may have waited for Kafka for half a minute
    assert fault(topic, NOW + 31_000)
    said(topic, NOW + 46_000)
    assert fault(topic, NOW + 46_000) is None


def test_a_lost_position_is_no_all_clear_until_everything_was_read() -> None:
    topic = CheckpointTopic()
    said(topic, NOW, phase="resync", done=1234)
    assert fault(topic) == f"{SOURCE} is read again in full, and not complete (1,234 objects so far)"


def test_a_part_that_does_not_answer_is_told_while_the_others_do() -> None:
    topic = CheckpointTopic()
    said(topic, NOW, unheard={"users": 45, "devices": 30})
    assert fault(topic) is None, "one failure is no silence"
    assert fault(topic, NOW + 20_000) == f"{SOURCE}: no answer of users (for 65 s)"


@pytest.mark.parametrize("junk", [{"unheard": 5}, {"unheard": {"users": "x"}}, {"orders": 7}, {"unheard": {"u": []}}])
def test_a_word_of_another_shape_is_none(junk: dict[str, Any]) -> None:
    topic = CheckpointTopic()
    word = contact_record(SOURCE, contact_ms=NOW, ts_ms=NOW, phase="streaming", done=1)
    word.position.update(junk)
    with pytest.raises((KeyError, TypeError, ValueError)):
        topic.read(encode(word), NOW)
    assert topic.last_contact(SOURCE) is None


def known(**more: Any) -> Freshness:
    return Freshness(NOW, [SourceFreshness(SOURCE, 15.0, LastContact(NOW, "streaming", 1))], Lag(0, None, True), **more)


def test_dead_letters_of_the_last_hour_are_no_all_clear_but_keep_nobody_from_starting() -> None:
    assert known().faults == []
    fresh = known(letters=2)
    assert fresh.faults == ["2 records of the last hour could not be used (synchealth deadletters list)"]
    assert is_ready(Freshness(NOW, fresh.sources, fresh.lag, letters=2), NOW - 9_000)


def test_views_that_cannot_be_evaluated_are_no_all_clear_whatever_was_asked_for() -> None:
    stands = finding(1, detection="engine.view_failing", summary="4 views cannot be evaluated")
    ended = finding(2, "resolved", detection="engine.view_failing", summary="over")
    assert with_failing(known(), [stands, ended, finding(3)]).faults == ["4 views cannot be evaluated"]


class Consumer:
    """kafka-python's, standing at the end of each partition. last: partition -> (end, when its last record came)."""

    def __init__(self, last: dict[TopicPartition, tuple[int, int | None]]) -> None:
        self._last = last
        self._at = {each: end for each, (end, _) in last.items()}

    def assignment(self) -> set[TopicPartition]:
        return set(self._last)

    def pause(self, *_: TopicPartition) -> None: ...

    def resume(self, *_: TopicPartition) -> None: ...

    def seek(self, partition: TopicPartition, offset: int) -> None:
        self._at[partition] = offset

    def poll(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        found = {}
        for each, (end, ts_ms) in self._last.items():
            if self._at[each] < end and ts_ms is not None:
                found[each] = [type("Row", (), {"timestamp": ts_ms})]
            self._at[each] = end
        return found

    def position(self, partition: TopicPartition, timeout_ms: int) -> int:
        return self._at[partition]

    def highwater(self, partition: TopicPartition) -> int:
        return self._last[partition][0]


def test_a_partition_that_nobody_gives_time_is_no_all_clear() -> None:
    """Nothing waits there, as nobody writes: its deadlines do not pass all the same."""
    never, gone, old, young = (TopicPartition("views", number) for number in range(4))
    consumer = Consumer({never: (0, None), gone: (9, None), old: (9, NOW - 61_000), young: (9, NOW - 11_000)})
    assert _asleep(consumer, [never, gone, old, young], NOW - 60_000) == 3
    [said_so] = Freshness(NOW, known().sources, Lag(0, None, True, 0, 3, 4)).faults
    assert said_so == "nobody works on 3 of 4 partitions: their deadlines do not pass"
