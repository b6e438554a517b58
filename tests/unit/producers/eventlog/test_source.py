"""The source over a reader that is none of Kafka's: positions, refusals, and what it says of itself."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from deploy.lab import events as lab
from deploy.lab.password_events import ping
from producers.__main__ import build_source
from producers.eventlog.source import EventLogSource
from sinks.labels import REASONS
from streams.contracts.codec import encode
from streams.contracts.errors import SettingsError
from streams.runtime.settings import EventLogSettings, KafkaConnection, Settings
from streams.runtime.topic_reader import Partition, StoredRecord

TENANT = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"
FIRST, SECOND = Partition("winlogbeat", 0), Partition("with/slash", 11)


class FakeReader:
    """Hands out what it is told to."""

    max_records = 3
    in_contact = False
    missing: frozenset[str] = frozenset()

    def __init__(self, *polls: list[StoredRecord]) -> None:
        self.polls = list(polls)
        self.positions: dict[Partition, int] = {}
        self.waits: list[float] = []
        self.closed = False

    def start_at(self, positions: Mapping[Partition, int]) -> None:
        self.positions = dict(positions)

    def poll(self, wait_s: float) -> list[StoredRecord]:
        self.waits.append(wait_s)
        return self.polls.pop(0) if self.polls else []

    def close(self) -> None:
        self.closed = True


def shipped(place: Partition, offset: int, value: Any = None, **more: Any) -> StoredRecord:
    if value is None:
        value = lab.winlogbeat_document(
            server="aadc01.corp.contoso.local",
            provider=lab.DIRECTORY_SYNCHRONIZATION,
            event_id=654,
            message=ping("corp.contoso.local"),
            record_id=offset,
            at_ms=1_772_443_867_551,
        )
    return StoredRecord(place, offset, value if isinstance(value, bytes) else orjson.dumps(value))


def source(*polls: list[StoredRecord], **settings: Any) -> tuple[EventLogSource, FakeReader]:
    reader = FakeReader(*polls)
    table = {"name": "servers", "tenant": TENANT, "format": "winlogbeat", "topics": ["winlogbeat"], **settings}
    own = KafkaConnection()
    return EventLogSource(EventLogSettings(**table), own, reader, clock=lambda: 7), reader  # type: ignore[arg-type]


def test_a_batch_carries_the_next_offset_of_each_partition() -> None:
    each, _ = source([shipped(FIRST, 8), shipped(FIRST, 9), shipped(SECOND, 3)])
    each.restore([])
    batch = each.read()
    ids = [f"aadc01.corp.contoso.local/Application/{number}" for number in (8, 9, 3)]
    assert [event.id for event in batch.events] == ids
    assert {event.seen_ms for event in batch.events} == {7}
    assert {part.part: part.position for part in batch.checkpoints} == {
        "winlogbeat/0": {"offset": 10},
        "with/slash/11": {"offset": 4},
        "servers": {"servers": {"aadc01.corp.contoso.local": 7}},
    }
    assert batch.more and batch.contacted and each.progress.phase == "snapshot"
    assert {part.source for part in batch.checkpoints} == {"eventlog/servers"} == {each.origin.name}
    numbers = [part.seq for part in batch.checkpoints]
    assert numbers == sorted(set(numbers))

    batch = each.read()
    assert not (batch.more or batch.contacted or batch.checkpoints) and each.progress.phase == "streaming"


def test_it_goes_on_where_its_parts_say() -> None:
    first, _ = source([shipped(FIRST, 8), shipped(SECOND, 3)])
    first.restore([])
    saved = list(first.read().checkpoints)
    again, reader = source()
    again.restore(saved)
    assert reader.positions == {FIRST: 9, SECOND: 4}


def test_what_is_not_watched_still_moves_the_position() -> None:
    other = lab.winlogbeat_document(
        server="a", provider="Security", event_id=1, message="", record_id=1, at_ms=1_000_000
    )
    each, _ = source([shipped(FIRST, 8, other)])
    batch = each.read()
    assert not batch.events and not batch.rejected and [part.position for part in batch.checkpoints] == [{"offset": 9}]


@pytest.mark.parametrize(
    ("value", "reason"), [(b"{", "not_json"), (b"\xff", "not_json"), (b"", "empty"), (b"[]", "wrong_shape")]
)
def test_a_bad_record_is_kept_whole_with_its_reason_and_place(value: bytes, reason: str) -> None:
    each, _ = source([shipped(FIRST, 8, value), shipped(FIRST, 9)])
    batch = each.read()
    [letter] = batch.rejected
    assert letter.reason == reason and reason in REASONS
    assert base64.b64decode(letter.original) == value
    assert letter.key == "winlogbeat/0@8" and "winlogbeat/0@8" in letter.error
    assert letter.topic is None, "nothing may be sent to a topic of others"
    assert len(batch.events) == 1 and batch.checkpoints[0].position == {"offset": 10}


def test_a_dead_letter_fits_into_a_record() -> None:
    each, _ = source([shipped(FIRST, 8, b"x" * 2_000_000)])
    [letter] = each.read().rejected
    assert len(encode(letter)) < 900_000 and "2000000 bytes is cut" in letter.error


def test_it_ends_at_once_when_it_is_woken() -> None:
    each, reader = source()
    each.read()
    each.wake()
    each.read()
    assert reader.waits == [1.0, 0.0]
    each.close()
    assert reader.closed


def settings(**table: Any) -> Settings:
    return Settings.model_validate(
        {
            "tenant": [{"id": TENANT, "client_id": "c", "client_secret": "s"}],
            "eventlog": [
                {"name": "servers", "tenant": TENANT, "format": "winlogbeat", "topics": "a,b"} | table,
            ],
        }
    )


def test_the_source_has_a_name_on_the_command_line() -> None:
    assert settings().sources == [f"graph:{TENANT}", "eventlog:servers"]
    assert build_source("eventlog:servers", settings()).origin.name == "eventlog/servers"
    with pytest.raises(SettingsError, match="eventlog:servers"):
        build_source("eventlog:other", settings())


def test_a_table_without_servers_means_our_own_kafka() -> None:
    own = settings().kafka
    assert settings().eventlog[0].connection(own) is own
    elsewhere = settings(bootstrap_servers="hub:9093").eventlog[0]
    assert elsewhere.connection(own).bootstrap_servers == ["hub:9093"] and elsewhere.topics == ["a", "b"]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"tenant": "other"}, "has no"),
        ({"format": "syslog"}, "format"),
        ({"topics": []}, "topics"),
        ({"name": "a#b"}, "name"),
        ({"security_protocol": "SSL"}, "without bootstrap_servers"),
        ({"bootstrap_servers": "hub:9093", "security_protocol": "SASL_SSL"}, "sasl_mechanism"),
    ],
)
def test_faults_of_the_table_are_told(fault: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        settings(**fault)


def test_two_tables_of_one_name_are_a_fault() -> None:
    table = {"name": "n", "tenant": TENANT, "format": "winlogbeat", "topics": ["a"]}
    with pytest.raises(ValueError, match="same name"):
        Settings.model_validate({"eventlog": [table, table]})


def test_what_no_reader_knows_is_counted_in_bounds() -> None:
    def event(provider: str, event_id: int) -> StoredRecord:
        document = lab.winlogbeat_document(
            server="aadc01", provider=provider, event_id=event_id, message="x", record_id=1, at_ms=1_772_443_867_551
        )
        return shipped(FIRST, event_id, document)

    each, _ = source(
        [event(lab.ADSYNC, 6100), event(lab.ADSYNC, 6012), event(lab.ADSYNC, 6012), event("MSExchange", 1)],
        [event(lab.ADSYNC, number) for number in range(20_000, 20_200)],
    )
    each.restore([])
    each.read()
    assert each.progress.unread == {"adsync/6012": 2, "other/other": 1}
    each.read()
    assert len(each.progress.unread) == 100 and sum(each.progress.unread.values()) == 203


def test_a_message_of_nothing_but_garbage_stays_small() -> None:
    settings = EventLogSettings(name="hub", tenant=TENANT, format="event_hub", topics=["hub"])
    message = orjson.dumps({"records": list(range(100_000))})
    reader: Any = FakeReader([StoredRecord(Partition("hub", 0), 1, message)])
    batch = EventLogSource(settings, KafkaConnection(), reader).read()
    assert sum(len(encode(letter)) for letter in batch.rejected) < len(message)
    assert "99980 more records" in batch.rejected[-1].error
    assert len(batch.checkpoints) == 1
