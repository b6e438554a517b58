"""The lab's Connect server, its event log, a broker, and the source that reads it: the real parts together."""

from __future__ import annotations

import time
import uuid

from deploy.broker import tansu
from deploy.lab.hybrid import build
from deploy.lab.sync.winlogbeat import TOPIC, shipping
from deploy.lab.sync.writeback_outcomes import Outcome
from producers.eventlog.source import EventLogSource
from streams.contracts.events import Event, Result
from streams.runtime.settings import EventLogSettings, KafkaConnection

PATIENCE_S = 30.0


def _until(source: EventLogSource, name: str) -> list[Event]:
    """Everything the source brings until the first event of this name has come."""
    read: list[Event] = []
    end = time.monotonic() + PATIENCE_S
    while not any(event.name == name for event in read):
        assert time.monotonic() < end, f"no {name} among {sorted({event.name for event in read})}"
        batch = source.read()
        assert batch.rejected == []
        read += batch.events
    return read


def test_what_the_server_writes_down_arrives_as_events() -> None:
    lab = build(200)
    forest = lab.forests[0]
    account = forest.store.find_account(forest.layout.accounts[0])
    assert account is not None
    user = lab.writeback.user_of(forest.store, account.guid)
    with tansu() as broker:
        kafka = KafkaConnection(bootstrap_servers=[broker.bootstrap])
        with shipping(lab.engine.log, kafka, own=True):
            settings = EventLogSettings(
                name="connect", tenant=lab.tenant.tenant_id, format="winlogbeat", topics=[TOPIC]
            )
            source = EventLogSource(settings, kafka)
            try:
                source.restore([])
                tracking = lab.writeback.reset(user, outcome=Outcome.POLICY)
                forest.store.set_password(account.guid, str(uuid.uuid4()))
                assert lab.engine.password_sync() == 1
                read = _until(source, "directory synchronization/657")
            finally:
                source.close()
    refused = [event for event in read if event.name == "passwordresetservice/33008"]
    assert [(event.result, event.details["tracking_id"]) for event in refused] == [(Result.FAILURE, tracking)]
    assert {event.entra_id for event in refused} == {user.entra_id}
    assert {event.server for event in read} == {"aadc01"}
    assert [event.source_anchor for event in read if event.name == "directory synchronization/657"] == [user.anchor]
    assert any(event.name == "directory synchronization/904" for event in read), "what the log held before came too"
