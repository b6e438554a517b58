"""The server's event log, and how it is shipped."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from deploy.lab.sync import winlogbeat
from deploy.lab.sync.event_log import EventLog
from producers.eventlog.winlogbeat import winlogbeat_events
from streams.contracts.errors import SyncHealthError
from streams.runtime.settings import KafkaConnection

KAFKA = KafkaConnection(bootstrap_servers=["127.0.0.1:1"])


class Broker:
    """A Kafka in memory: topics by name, each a list of records."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.topics: dict[str, list[bytes]] = {}
        monkeypatch.setattr(winlogbeat, "require_reachable", lambda _: None)
        monkeypatch.setattr(winlogbeat, "KafkaAdminClient", lambda **_: self)
        monkeypatch.setattr(winlogbeat, "KafkaProducer", lambda **_: self)

    def list_topics(self) -> list[str]:
        return list(self.topics)

    def create_topics(self, topics: list[Any]) -> None:
        self.topics |= {topic.name: [] for topic in topics}

    def delete_topics(self, names: list[str]) -> None:
        for name in names:
            del self.topics[name]

    def wait_for_topics(self, names: list[str], timeout_ms: int) -> None: ...

    def send(self, topic: str, value: bytes) -> None:
        self.topics[topic].append(value)

    def flush(self, timeout: float) -> None: ...

    def close(self, timeout: float | None = None) -> None: ...


@pytest.fixture
def broker(monkeypatch: pytest.MonkeyPatch) -> Broker:
    return Broker(monkeypatch)


def test_the_log_numbers_its_records_and_hands_each_to_its_listeners() -> None:
    log, heard = EventLog("AADC02", clock=lambda: 1_772_443_867_000), []
    log.write("PasswordResetService", 31015)
    log.listen(heard.append)
    log.write("PasswordResetService", 31019)
    log.forget(heard.append)
    log.write("ADSync", 6949)
    assert [one["winlog"]["record_id"] for one in log.documents] == [1, 2, 3]
    assert log.ids("PasswordResetService") == [31015, 31019]
    (document,) = heard
    (event,) = winlogbeat_events(document, "contoso", 0)
    assert (event.server, event.name, event.ts_ms) == ("aadc02", "passwordresetservice/31019", 1_772_443_867_000)


def test_everything_the_log_holds_and_will_hold_is_shipped_into_a_topic_of_its_own(broker) -> None:
    log = EventLog()
    log.write("PasswordResetService", 31015)
    with winlogbeat.shipping(log, KAFKA, own=True):
        log.write("PasswordResetService", 31019)
        shipped = [orjson.loads(value) for value in broker.topics["winlogbeat"]]
        assert [one["winlog"]["event_id"] for one in shipped] == ["31015", "31019"]
    assert broker.topics == {}
    log.write("PasswordResetService", 31019)


def test_a_topic_of_others_is_refused_and_left_alone(broker) -> None:
    broker.topics["winlogbeat"] = [b"theirs"]
    with pytest.raises(SyncHealthError, match="already"), winlogbeat.shipping(EventLog(), KAFKA, own=True):
        pass
    assert broker.topics == {"winlogbeat": [b"theirs"]}
