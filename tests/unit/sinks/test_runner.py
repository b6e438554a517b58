from __future__ import annotations

from collections.abc import Callable
from threading import Event

import pytest

from sinks.runner import run
from sinks.sink import Meta
from streams.contracts.codec import encode
from streams.contracts.deadletter import DeadLetter
from streams.contracts.entries import Entry, Tombstone, Unreadable, entry_of
from streams.contracts.errors import FatalError, RetriableError
from streams.contracts.topics import DEADLETTERS, FINDINGS, Topic
from streams.runtime.topic_reader import Partition, ReaderProgress, StoredRecord
from tests.support.findings import finding


def record(value: bytes | None, key: bytes | None = b"k", topic: str = FINDINGS.name, offset: int = 0) -> StoredRecord:
    return StoredRecord(Partition(topic, 0), offset, value, key, live=True)


class Script:
    """A reader that answers from a list and stops the loop at its end; logs what the loop asks for."""

    def __init__(self, answers: list[list[StoredRecord] | Exception], log: list[str]) -> None:
        self.answers, self.log, self.stop = answers, log, Event()
        self.position = ReaderProgress(caught_up=True, in_contact=True, behind=0)

    def poll(self, wait_s: float) -> list[StoredRecord]:
        self.log.append("poll")
        answer = self.answers.pop(0) if self.answers else []
        if not self.answers:
            self.stop.set()
        if isinstance(answer, Exception):
            raise answer
        return answer

    def close(self) -> None:
        self.log.append("reader closed")


class Recording:
    """A sink that logs; `fail` lets its first flushes raise."""

    topics: tuple[Topic, ...] = (FINDINGS,)

    def __init__(self, log: list[str], *, fail: int = 0) -> None:
        self.log, self.fail = log, fail

    def add(self, entry: Entry, meta: Meta) -> None:
        self.log.append(f"add {meta.offset}")

    def flush(self, position: ReaderProgress) -> None:
        self.log.append("flush")
        if self.fail:
            self.fail -= 1
            raise RetriableError("not now", retry_after_s=0.001)

    def close(self) -> None:
        self.log.append("sink closed")


def looped(answers: list[list[StoredRecord] | Exception], make: Callable[[list[str]], Recording]) -> list[str]:
    log: list[str] = []
    reader = Script(answers, log)
    run(reader, make(log), reader.stop)
    return log


def test_what_was_polled_is_added_in_order_and_flushed() -> None:
    log = looped([[record(b"x", offset=0), record(b"y", offset=1)]], lambda log: Recording(log))

    assert log == ["poll", "add 0", "add 1", "flush", "sink closed", "reader closed"]


def test_a_flush_that_fails_is_repeated_without_reading_on_or_adding_twice() -> None:
    log = looped([[record(b"x", offset=0)], []], lambda log: Recording(log, fail=2))

    assert log[:6] == ["poll", "add 0", "flush", "flush", "flush", "poll"]


def test_an_outage_of_the_reader_is_waited_out() -> None:
    log = looped([RetriableError("away", retry_after_s=0.001), [record(b"x")]], lambda log: Recording(log))

    assert log[:4] == ["poll", "poll", "add 0", "flush"]


def test_a_fatal_error_reaches_the_caller_and_everything_is_closed() -> None:
    log: list[str] = []
    reader = Script([FatalError("refused")], log)

    with pytest.raises(FatalError):
        run(reader, Recording(log), reader.stop)

    assert log == ["poll", "sink closed", "reader closed"]


def test_the_reader_is_closed_though_the_sink_cannot_be() -> None:
    class Stuck(Recording):
        def close(self) -> None:
            raise OSError("disk full")

    log: list[str] = []
    reader = Script([[]], log)
    with pytest.raises(OSError, match="disk full"):
        run(reader, Stuck(log), reader.stop)

    assert log[-1] == "reader closed"


def read(record: StoredRecord) -> Entry:
    return entry_of(record.place.topic, record.key, record.value)


def test_records_become_what_they_say() -> None:
    ours = finding(1)
    letter = DeadLetter(reason="not_json", error="e", stage="project", ts_ms=1, original="")

    assert read(record(encode(ours), ours.id.encode())) == ours
    assert read(record(None, b"abc")) == Tombstone("abc")
    assert read(record(encode(letter), topic=DEADLETTERS.name)) == letter


@pytest.mark.parametrize(
    ("value", "key", "reason"),
    [
        (b"{", b"k", "not_json"),
        (b"[]", b"k", "wrong_shape"),
        (b"", b"k", "empty"),
        (encode(finding(1)), b"another", "wrong_key"),
        (None, None, "wrong_key"),
        (None, b"\xff", "wrong_key"),
    ],
)
def test_garbage_is_named_and_never_raises(value: bytes | None, key: bytes | None, reason: str) -> None:
    entry = read(record(value, key))

    assert isinstance(entry, Unreadable)
    assert entry.reason == reason
