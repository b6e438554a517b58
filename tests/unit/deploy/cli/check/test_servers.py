"""Which servers ship: last event, providers, clock."""

from __future__ import annotations

import orjson
import pytest

from deploy.cli.check.line import Mark
from deploy.cli.check.servers import server_lines
from deploy.lab.events import ADSYNC, DIRECTORY_SYNCHRONIZATION, winlogbeat_document
from deploy.lab.registration_events import joined
from streams.contracts.times import rfc3339
from streams.runtime.topic_reader import Partition, StoredRecord

NOW_MS = 1_795_426_267_000
MINUTE_MS = 60_000


def shipped(server: str, provider: str = ADSYNC, ago_ms: int = 0) -> StoredRecord:
    document = winlogbeat_document(
        server=f"{server}.corp.contoso.local", provider=provider, event_id=6100, message="x", record_id=1,
        at_ms=NOW_MS - ago_ms,
    )  # fmt: skip
    return record(orjson.dumps(document))


def record(value: bytes) -> StoredRecord:
    return StoredRecord(Partition("t", 0), 1, value)


def test_each_server_says_when_it_last_told_and_of_what() -> None:
    values = [
        shipped("AADC01", ago_ms=9 * MINUTE_MS),
        shipped("AADC01", DIRECTORY_SYNCHRONIZATION, ago_ms=4 * MINUTE_MS),
        shipped("AADC02", ago_ms=26 * 60 * MINUTE_MS),
        shipped("AADC03", ago_ms=-5 * MINUTE_MS),
        shipped("AADC03", ago_ms=MINUTE_MS),
    ]
    first, second, third = server_lines("eventlog/windows", values, NOW_MS)
    assert (first.mark, first.what) == (Mark.GOOD, "aadc01: last event 4 min ago (adsync, directory synchronization)")
    assert (second.mark, second.what) == (Mark.GAP, "aadc02: last event 26 h ago (adsync)")
    assert third.mark is Mark.FAULT
    assert "5 min in the future" in third.what
    assert "clock" in third.advice


def test_clients_are_counted_together() -> None:
    values = [
        record(orjson.dumps(joined(server=f"PC{number}.x", record_id=1, at_ms=NOW_MS - 3 * 86_400_000)))
        for number in range(200)
    ]
    [line] = server_lines("eventlog/windows", values, NOW_MS)
    assert (line.mark, line.what) == (Mark.GOOD, "200 clients: last event 3 d ago (user device registration)")


def test_what_is_not_ours_is_passed_over() -> None:
    values = [b"", b"{", b"[]", b"{}", orjson.dumps({"winlog": {"provider_name": "Other"}})]
    assert server_lines("x", map(record, values), 0) == []


def test_the_name_of_a_server_is_not_acted_on() -> None:
    [line] = server_lines("x", [shipped("\x1b[31mAADC01")], NOW_MS)
    assert "\x1b" not in line.what


def told(offset: int, ago_ms: int, late_ms: int, appended: bool = True, held_ms: int = 0) -> StoredRecord:
    """An event of AADC01, read `held_ms` after it was logged, that came `late_ms` after it was read, by the broker."""
    document = orjson.loads(shipped("AADC01", ago_ms=ago_ms).value or b"")
    at_ms = NOW_MS - ago_ms
    document["event"]["created"] = rfc3339(at_ms + held_ms)
    arrived_ms = at_ms + held_ms + late_ms if appended else None
    return StoredRecord(Partition("t", 0), offset, orjson.dumps(document), appended_ms=arrived_ms)


@pytest.mark.parametrize(
    ("events", "behind"),
    [
        ([(number, 12 * MINUTE_MS) for number in range(40)], True),
        ([(number, 12 * MINUTE_MS) for number in range(39)] + [(39, 2_000)], False),  # one came at once: a queue
        ([(number, 2_000) for number in range(40)], False),
        ([(number, 12 * MINUTE_MS) for number in range(10)], False),  # too few to say
        ([(0, 12 * MINUTE_MS) for _ in range(40)], False),  # all of one moment: a queue that was sent
    ],
)
def test_a_clock_that_may_be_behind_is_told_from_a_queue(events: list[tuple[int, int]], behind: bool) -> None:
    records = [told(at, (60 - at) * MINUTE_MS, late) for at, late in events]
    [line] = server_lines("x", records, NOW_MS)
    assert (line.mark is Mark.GAP, "at least 12 min after its time" in line.what) == (behind, behind)
    [line] = server_lines("x", [told(at, (60 - at) * MINUTE_MS, late, appended=False) for at, late in events], NOW_MS)
    assert line.mark is Mark.GOOD, "the topic keeps the writer's time, which is the same clock"


def test_what_lay_on_the_server_before_it_was_read_is_no_skew() -> None:
    records = [told(at, (60 - at) * MINUTE_MS, 1_000, held_ms=20 * MINUTE_MS) for at in range(40)]
    [line] = server_lines("x", records, NOW_MS)
    assert line.mark is Mark.GOOD
