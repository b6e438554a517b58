"""Azure Monitor's messages become the very events that polling Graph gives, and only those of our tenant."""

from __future__ import annotations

import base64
import contextlib
import copy
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.eventlog.event_hub import records_of
from producers.eventlog.source import EventLogSource
from producers.graph.mapping.audits import audit_event
from producers.graph.mapping.provisioning import provisioning_event
from producers.source import Batch
from sinks.labels import REASONS
from streams.contracts.codec import decode, encode
from streams.contracts.errors import InvalidRecordError
from streams.contracts.events import Event
from streams.runtime.settings import EventLogSettings, KafkaConnection
from streams.runtime.topic_reader import Partition, StoredRecord

TENANT = "3f9d0b52-6c1e-4a77-9b8e-1d2c3b4a5f60"
OTHER = "11111111-6c1e-4a77-9b8e-1d2c3b4a5f60"
HUB = Path(__file__).parent / "samples"
GRAPH = Path(__file__).parents[3] / "integration" / "entra" / "samples"


def message(name: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((HUB / f"eventhub_{name}.json").read_bytes())
    return found


def row(name: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((GRAPH / f"{name}.json").read_bytes())
    return found


def told(document: Any, tenant: str = TENANT) -> list[Event]:
    return [event for record in records_of(document) for event in record.events(tenant, 7)]


def with_properties(record: dict[str, Any], **more: Any) -> dict[str, Any]:
    return record | {"properties": record["properties"] | more}


def test_audits_are_the_events_that_polling_gives() -> None:
    names = ("directoryaudit_update_user_sync_account", "directoryaudit_sspr_reset_writeback_failure")
    polled = [audit_event(row(name), TENANT, 7) for name in names]
    assert None not in polled
    assert told(message("auditlogs")) == polled


def test_a_provisioning_row_is_the_event_that_polling_gives() -> None:
    polled = provisioning_event(row("provisioning_failure"), TENANT, 7)
    assert polled is not None and polled.details["failed_step"] == "EntryExportAdd"
    assert told(message("provisioninglogs")) == [polled]


def test_other_categories_are_left_out() -> None:
    assert told(message("signinlogs")) == []
    assert told({"records": [{"time": "2026-03-02T09:31:07Z", "metricName": "CpuTime", "count": 1}]}) == []


def test_a_message_that_is_one_record_is_read() -> None:
    [record, _] = message("auditlogs")["records"]
    assert len(told(record)) == 1


def test_capitals_of_the_envelope_do_not_matter() -> None:
    original = message("auditlogs")
    changed = {"records": [{key.upper(): value for key, value in each.items()} for each in original["records"]]}
    assert told(changed) == told(original)
    assert told({"records": [each | {"category": "auditlogs"} for each in original["records"]]}) == told(original)


@pytest.mark.parametrize("document", [None, [], "x", {}, {"records": {}}, {"records": None}, {"records": [1]}])
def test_what_is_no_message_of_azure_monitor_is_refused(document: Any) -> None:
    with pytest.raises(InvalidRecordError) as refused:
        told(document)
    assert refused.value.reason == "wrong_shape"


def test_graphs_own_notifications_are_no_logs() -> None:
    with pytest.raises(InvalidRecordError, match="diagnostic settings"):
        told(message("subscription_validation"))


@pytest.mark.parametrize(
    "owner",
    [
        {"tenantId": OTHER},
        {"tenantId": None, "resourceId": f"/tenants/{OTHER}/providers/Microsoft.aadiam"},
        {"tenantId": None, "resourceId": None},
        {"tenantId": 5, "resourceId": "/subscriptions/x"},
    ],
)
def test_a_record_of_another_tenant_is_refused(owner: dict[str, Any]) -> None:
    [record, _] = message("auditlogs")["records"]
    with pytest.raises(InvalidRecordError, match=TENANT) as refused:
        told(record | owner)
    assert refused.value.reason == "wrong_tenant"


def test_the_resource_names_the_tenant_where_nothing_else_does() -> None:
    [record, _] = message("auditlogs")["records"]
    resource = f"/TENANTS/{TENANT.upper()}/PROVIDERS/MICROSOFT.AADIAM"
    assert len(told(record | {"tenantId": None, "resourceId": resource}, TENANT.upper())) == 1


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(codec="utf-8"), max_size=10), inner, max_size=3)
    ),
    max_leaves=8,
)
LOGS = {name: message(name)["records"] for name in ("auditlogs", "provisioninglogs", "signinlogs")}


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a document, the deepest ones too."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for key, each in inner for found in places(each, (*path, key)))]


@given(st.data(), st.sampled_from(sorted(LOGS)), JSON)
def test_any_value_anywhere_gives_readable_events_or_a_refusal(data: st.DataObject, name: str, value: Any) -> None:
    document = {"records": copy.deepcopy(LOGS[name])}
    path = data.draw(st.sampled_from(places(document)))
    if path:
        holder: Any = document
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value
    else:
        document = value
    with contextlib.suppress(InvalidRecordError):
        for record in records_of(document):
            with contextlib.suppress(InvalidRecordError):
                for event in record.events(TENANT, 7):
                    assert decode(encode(event), Event) == event


@pytest.mark.parametrize("name", ["userPrincipalName", "type", "displayName"])
def test_a_target_that_is_not_told_in_text_is_refused_here_and_not_by_who_reads_the_event(name: str) -> None:
    [_, record] = message("auditlogs")["records"]
    with pytest.raises(InvalidRecordError, match=name):
        told(with_properties(record, targetResources=[{"type": "User", name: 5}]))


class FakeReader:
    """One poll of these messages."""

    max_records = 100
    in_contact = True
    missing: frozenset[str] = frozenset()

    def __init__(self, *values: bytes) -> None:
        self.values = values

    def poll(self, wait_s: float) -> list[StoredRecord]:
        place = Partition("insights-logs-auditlogs", 0)
        return [StoredRecord(place, at, value) for at, value in enumerate(self.values)]


def read(*values: bytes) -> Batch:
    table = EventLogSettings(name="entra", tenant=TENANT, format="event_hub", topics=["insights-logs-auditlogs"])
    reader: Any = FakeReader(*values)
    return EventLogSource(table, KafkaConnection(), reader, clock=lambda: 7).read()


def test_a_bad_record_is_a_dead_letter_and_its_neighbours_are_read() -> None:
    first, second = message("auditlogs")["records"]
    foreign, broken = first | {"tenantId": OTHER}, with_properties(first, activityDateTime="yesterday", id="x")
    batch = read(orjson.dumps({"records": [foreign, broken, second]}), b"{}")
    assert batch.events == told(second)
    assert [letter.reason for letter in batch.rejected] == ["wrong_tenant", "wrong_type", "wrong_shape"]
    assert {letter.reason for letter in batch.rejected} <= REASONS
    originals = [orjson.loads(base64.b64decode(letter.original)) for letter in batch.rejected]
    assert originals == [foreign, broken, {}]
    assert all("insights-logs-auditlogs/0@" in letter.error for letter in batch.rejected)
    assert [part.position for part in batch.checkpoints] == [{"offset": 2}]


def test_a_record_too_deep_to_be_written_again_keeps_the_message_instead() -> None:
    [record, _] = message("auditlogs")["records"]
    plain = orjson.dumps({"records": [record | {"tenantId": OTHER}]})
    deep = plain.replace(b'"Level":4', b'"Level":' + b"[" * 500 + b"]" * 500)
    assert deep != plain
    [letter] = read(deep).rejected
    assert letter.reason == "wrong_tenant" and base64.b64decode(letter.original) == deep


def test_a_message_of_nothing_but_rubbish_is_a_handful_of_letters() -> None:
    message_of_numbers = orjson.dumps({"records": [1] * 100_000})
    letters = read(message_of_numbers).rejected
    assert len(letters) <= 21 and sum(len(letter.original) for letter in letters) < len(message_of_numbers)
