"""Whom a topic of Windows events may speak for."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from deploy.lab import events as lab
from deploy.lab.password_events import ping
from deploy.lab.registration_events import joined
from producers.eventlog.admitted_servers import PART
from producers.eventlog.source import EventLogSource
from producers.metrics import UNKNOWN_SERVER
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.events import UNKNOWN_SERVERS
from streams.runtime.settings import EventLogSettings, KafkaConnection
from streams.runtime.topic_reader import Partition, StoredRecord
from tests.unit.producers.eventlog.test_source import FakeReader

TENANT = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"
NOW_MS = 1_795_426_267_000
HOUR_MS = 3_600_000


class Topic:
    """A source over records that are handed to it, an hour after each other where it is said."""

    def __init__(self, **settings: Any) -> None:
        self.reader, self.now_ms = FakeReader(), NOW_MS
        table = {"name": "servers", "tenant": TENANT, "format": "winlogbeat", "topics": ["t"], **settings}
        self.source = EventLogSource(
            EventLogSettings(**table), KafkaConnection(), self.reader, clock=lambda: self.now_ms,  # type: ignore[arg-type]
        )  # fmt: skip
        self.source.restore([])

    def read(self, *documents: dict[str, Any]) -> Any:
        records = [StoredRecord(Partition("t", 0), number, orjson.dumps(each)) for number, each in enumerate(documents)]
        self.reader.polls.append(records)
        return self.source.read()


def heartbeat(server: str) -> dict[str, Any]:
    return lab.winlogbeat_document(
        server=server, provider=lab.DIRECTORY_SYNCHRONIZATION, event_id=654, message=ping("corp.contoso.local"),
        record_id=1, at_ms=NOW_MS,
    )  # fmt: skip


def flood(count: int, name: str = "EVIL") -> list[dict[str, Any]]:
    return [heartbeat(f"{name}{number}.corp.contoso.local") for number in range(count)]


def servers(batch: Any) -> set[str]:
    return {event.server for event in batch.events if event.server}


def words(batch: Any) -> list[Any]:
    return [event for event in batch.events if event.name == UNKNOWN_SERVERS]


def test_a_topic_speaks_for_the_servers_of_its_table_alone() -> None:
    topic = Topic(servers=["AADC01.corp.contoso.local", "aadc02"])
    before = UNKNOWN_SERVER.labels("eventlog/servers")._value.get()
    batch = topic.read(heartbeat("AADC01.corp.contoso.local"), *flood(1), heartbeat("AADC02.elsewhere"), *flood(1))
    assert servers(batch) == {"aadc01", "aadc02"}
    [refused] = batch.rejected
    assert refused.reason == "unknown_server" and "evil0" in refused.error
    assert UNKNOWN_SERVER.labels("eventlog/servers")._value.get() - before == 2
    assert [part.part for part in batch.checkpoints] == ["t/0"], "there is nothing to learn"


@pytest.mark.parametrize("named", [True, False])
def test_clients_are_thousands_and_no_servers_of_ours(named: bool) -> None:
    topic = Topic(servers=["AADC01"] if named else [])
    batch = topic.read(*(joined(server=f"PC{number}.x", record_id=1, at_ms=NOW_MS) for number in range(300)))
    assert len(servers(batch)) == 300 and not batch.rejected


def test_a_flood_of_invented_servers_is_a_few_servers_and_one_word_of_ours() -> None:
    topic = Topic()
    first = topic.read(heartbeat("AADC01.x"), *flood(2_000))
    assert len(servers(first)) == 50 and "aadc01" in servers(first)
    assert not first.rejected, "no dead letters: it is a finding"
    [word] = words(first)
    assert (word.log, word.tenant, word.details["topics"], word.details["table"]) == (
        "windows", TENANT, ["t"], "servers",
    )  # fmt: skip
    assert (word.details["distinct"], word.details["refused"]) == (1951, 1951)
    assert word.details["servers"][:2] == ["evil49.corp.contoso.local", "evil50.corp.contoso.local"]
    assert len(word.details["servers"]) == 10
    topic.now_ms += 1_000
    again = topic.read(heartbeat("AADC01.x"), *flood(2_000, "WORSE"))
    assert servers(again) == {"aadc01"} and not again.rejected and not words(again), "once a minute"
    topic.now_ms += 60_000
    [later] = words(topic.read())
    assert later.details["distinct"] == 3951, "what came last is told, whether or not more comes"
    assert later.details["since_ms"] == word.details["since_ms"] and not words(topic.read())


def test_a_flood_is_over_an_hour_after_the_last_refusal() -> None:
    topic = Topic()
    topic.read(*flood(60))
    topic.now_ms += HOUR_MS - 1
    assert not words(topic.read())
    topic.now_ms += 1
    [word] = words(topic.read())
    assert word.details["distinct"] == 0 and not words(topic.read())


@pytest.mark.parametrize("named", [True, False])
def test_a_flood_is_over_at_once_where_the_servers_are_named_and_goes_on_over_a_restart(named: bool) -> None:
    topic = Topic()
    saved = topic.read(*flood(60)).checkpoints
    after = Topic(servers=["AADC01"] if named else [])
    after.source.restore(saved)
    batch = after.read()
    assert [word.details["distinct"] for word in words(batch)] == ([0] if named else [])
    again = Topic(servers=["AADC01"])
    again.source.restore(batch.checkpoints or saved)
    assert len(words(again.read())) == (0 if named else 1), "said once"


def test_names_of_a_flood_are_cut_and_whatever_they_hold_is_told_as_it_is() -> None:
    topic = Topic()
    name = "\x1b]0;PWNED\x07\u202eEVIL" + "X" * 250
    [word] = words(topic.read(*flood(50), heartbeat(name)))
    assert [len(each) for each in word.details["servers"]] == [100]


@pytest.mark.parametrize("flood_ms", [2**70, -1, "x", True, [], 1.5])
def test_a_poisoned_memory_of_a_flood_is_none(flood_ms: Any) -> None:
    topic = Topic(servers=["AADC01"])
    saved = Checkpoint(source="eventlog/servers", seq=1, ts_ms=1, part=PART, position={PART: {}, "flood_ms": flood_ms})
    topic.source.restore([saved])
    assert not words(topic.read())


def test_of_two_servers_of_one_short_name_each_is_another() -> None:
    """Else one learned name would let in as many servers as there are domains to invent."""
    topic = Topic()
    batch = topic.read(*(heartbeat(f"SYNC01.d{number}.local") for number in range(60)), heartbeat("SYNC01"))
    assert len(batch.events) == 52 and words(batch)[0].details["distinct"] == 10, "SYNC01 alone is one that is known"
    named = Topic(servers=["SYNC01.corp.contoso.local"])
    batch = named.read(heartbeat("SYNC01.evil.local"), heartbeat("SYNC01.corp.contoso.local"), heartbeat("SYNC01"))
    assert [event.domain for event in batch.events] == ["corp.contoso.local", None]
    assert [letter.reason for letter in batch.rejected] == ["unknown_server"]


def test_what_an_earlier_version_learned_without_a_domain_is_the_first_server_that_names_one() -> None:
    topic = Topic()
    saved = Checkpoint(source="eventlog/servers", seq=1, ts_ms=1, part=PART, position={PART: {"sync01": NOW_MS - 1}})
    topic.source.restore([saved])
    batch = topic.read(heartbeat("SYNC01.a.local"), heartbeat("SYNC01"), heartbeat("SYNC01.b.local"))
    assert len(batch.events) == 3
    [learned] = [part.position[PART] for part in batch.checkpoints if part.part == PART]
    assert learned == {"sync01.a.local": NOW_MS - 1, "sync01.b.local": NOW_MS}


def test_new_servers_are_learned_hour_by_hour_and_remembered_over_a_restart() -> None:
    topic = Topic()
    topic.read(*flood(50))
    topic.now_ms += HOUR_MS
    batch = topic.read(heartbeat("AADC09.x"))
    assert servers(batch) == {"aadc09"}
    saved = {part.part: part for part in batch.checkpoints}
    assert len(saved[PART].position["servers"]) == 51
    assert PART not in {part.part for part in topic.read(heartbeat("AADC09.x")).checkpoints}, "no news"
    other = Topic()
    other.source.restore(list(saved.values()))
    assert other.reader.positions == {Partition("t", 0): 1}
    assert len(servers(other.read(*flood(2_000)))) >= 50, "what was known stays known"


@pytest.mark.parametrize("position", [{}, {"servers": None}, {"servers": {"a": "b", 3: 4}}, {"servers": {"a": 2**70}}])
def test_a_poisoned_memory_is_none(position: dict[str, Any]) -> None:
    topic = Topic()
    topic.source.restore([Checkpoint(source="eventlog/servers", seq=1, ts_ms=1, position=position, part=PART)])
    assert servers(topic.read(heartbeat("AADC01.x"))) == {"aadc01"}


def test_more_learned_servers_than_are_ever_learned_were_not_learned() -> None:
    topic = Topic()
    learned = {f"evil{number}": NOW_MS - HOUR_MS for number in range(2000)}
    saved = Checkpoint(source="eventlog/servers", seq=1, ts_ms=1, part=PART, position={PART: learned})
    topic.source.restore([saved])
    assert len(servers(topic.read(*flood(2000)))) == 500
