"""What a group has still to work off, where records went before it had read them."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from kafka import TopicPartition

from sinks.freshness import Freshness, LastContact, SourceFreshness
from sinks.lag import Lag, _lag

FACTS, STATES = TopicPartition("facts", 0), TopicPartition("states", 0)


class Row(NamedTuple):
    offset: int
    timestamp: int = 1_000


class Consumer:
    """kafka-python's, of a group that committed `committed`; auto_offset_reset: earliest. log: first offset, end."""

    def __init__(self, logs: dict[TopicPartition, tuple[int, int]], committed: int | None) -> None:
        self._logs, self._committed = logs, committed
        self._at = {
            each: start if committed is None or not start <= committed <= end else committed
            for each, (start, end) in logs.items()
        }

    def assign(self, partitions: list[TopicPartition]) -> None: ...

    def pause(self, *partitions: TopicPartition) -> None: ...

    def poll(self, **_: Any) -> dict[TopicPartition, list[Row]]:
        found = {each: [Row(at) for at in range(self._at[each], end)] for each, (_, end) in self._logs.items()}
        self._at = {each: end for each, (_, end) in self._logs.items()}
        return {each: rows for each, rows in found.items() if rows}

    def position(self, partition: TopicPartition, timeout_ms: int) -> int:
        return self._at[partition]

    def highwater(self, partition: TopicPartition) -> int:
        return self._logs[partition][1]

    def committed(self, partition: TopicPartition) -> int | None:
        return self._committed


@pytest.mark.parametrize(
    ("start", "end", "committed", "lost"),
    [
        (0, 9, 9, 0),
        (9, 9, 9, 0),  # all was read before it went
        (9, 9, 7, 2),  # nothing is left that could wait
        (8, 9, 5, 3),
        (3, 9, 5, 0),
        (4, 9, None, 0),  # a group that begins
        (0, 3, 7, 0),  # a topic that was created again
    ],
)
def test_what_went_before_it_was_read_is_lost_and_no_all_clear(
    start: int, end: int, committed: int | None, lost: int
) -> None:
    found = _lag(Consumer({FACTS: (start, end)}, committed), [FACTS], ())
    assert found.lost == lost
    assert _lag(Consumer({STATES: (start, end)}, committed), [STATES], {"states"}).lost == 0, "compaction loses nothing"
    sources = [SourceFreshness("ad/corp", 15.0, LastContact(1_000, "streaming", 1))]
    fresh = Freshness(1_000, sources, Lag(0, None, True, found.lost))
    assert ("went before" in " ".join(fresh.faults)) is bool(lost)
