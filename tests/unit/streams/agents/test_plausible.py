"""Time from outside is plausible or it is not time; and a range that was lost is counted."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from streams.agents.delivery.lanes import Record, note_lost
from streams.agents.metrics import LOST_RECORDS
from streams.agents.plausible import (
    event_in_time,
    fact_in_time,
    record_in_time,
    tenant_in_time,
    watermark_in_time,
)
from streams.contracts.events import Event, Log
from streams.contracts.facts import Fact, Operation, Origin, TenantState, Watermark
from streams.contracts.topics import AD_CHANGES, ENTRA_TENANT, TOPICS
from streams.contracts.views import CauseUpdate, ContextUpdate, ContributionChunk, Control, Tick, ViewRecord
from streams.directory.rows import MemoryRows
from streams.evaluation.partition import EvaluatorOptions, ViewPartition
from streams.runtime.clock import CLOCK_SKEW_MS
from tests.support.cases import guid_of

NOW = 1_790_000_000_000
IN_2099 = 4_070_908_800_000
TENANT = TenantState(tenant="t", seq=1, ts_ms=NOW)


@pytest.mark.parametrize(
    "part",
    [
        Tick(now_ms=IN_2099),
        ContributionChunk(sent_ms=IN_2099, items=[]),
        ContextUpdate(sent_ms=IN_2099, tenant=TENANT),
        CauseUpdate(sent_ms=IN_2099, tenant="t", detection="d", seq=1),
        Control(sent_ms=IN_2099, action="reevaluate"),
    ],
    ids=lambda part: type(part).__name__,
)
def test_no_record_moves_a_partitions_clock_past_its_arrival(part: ViewRecord) -> None:
    partition, rows = ViewPartition((), EvaluatorOptions()), MemoryRows()
    partition.apply(record_in_time(part, NOW), rows)
    assert partition.now_ms == NOW


def test_a_clock_that_is_a_little_fast_is_believed() -> None:
    part = Tick(now_ms=NOW + CLOCK_SKEW_MS)
    assert record_in_time(part, NOW) is part


def test_a_record_of_a_machine_that_was_set_back_moves_the_clock_to_its_arrival_at_the_broker() -> None:
    partition, rows = ViewPartition((), EvaluatorOptions()), MemoryRows()
    partition.apply(record_in_time(ContributionChunk(sent_ms=NOW - 86_400_000, items=[]), NOW, by_broker=True), rows)
    assert partition.now_ms == NOW
    backlog = Tick(now_ms=NOW - 86_400_000)  # who reads late without the broker's time knows nothing better
    assert record_in_time(backlog, NOW) is backlog


@pytest.mark.parametrize("ahead_ms", [-86_400_000, -700_000, 0, 250_000, 86_400_000])
def test_how_far_a_source_is_read_goes_by_the_brokers_clock(ahead_ms: int) -> None:
    """A source whose clock is behind must not look like one that lags: nothing that compares both sides would open."""
    origin = Origin(name="entra/t", side="entra", tenant="t")
    mark = Watermark(origin=origin, read_ms=NOW + ahead_ms - 20_000, said_ms=NOW + ahead_ms)
    assert watermark_in_time(mark, NOW, by_broker=True).read_ms == NOW - 20_000
    assert watermark_in_time(replace(mark, said_ms=0), NOW, by_broker=True).read_ms <= NOW + CLOCK_SKEW_MS


def test_a_stored_clock_of_the_future_is_not_taken_up() -> None:
    rows = MemoryRows()
    rows.put("~clock", b"%d" % IN_2099)
    partition = ViewPartition((), EvaluatorOptions())
    partition.restore(rows, latest_ms=NOW + CLOCK_SKEW_MS)
    partition.apply(Tick(now_ms=NOW), rows)
    assert partition.now_ms == NOW


def test_no_event_happened_after_it_arrived() -> None:
    event = Event(id="1", log=Log.WINDOWS, name="passwordresetservice/31019", tenant="t", ts_ms=IN_2099, seen_ms=NOW)
    assert event_in_time(event, NOW).ts_ms == NOW
    fact = Fact(
        op=Operation.LOGGED, object_id=guid_of("a"), seq=1, ts_ms=IN_2099, changed_ms=IN_2099, events=[event]
    )
    kept = fact_in_time(fact, NOW)
    assert (kept.ts_ms, kept.changed_ms, kept.events[0].ts_ms) == (NOW, NOW, NOW)
    honest = Fact(op=Operation.READ, object_id=guid_of("a"), seq=1, ts_ms=NOW, changed_ms=NOW - 1)
    assert fact_in_time(honest, NOW) is honest


def test_a_tenant_was_not_synchronised_tomorrow() -> None:
    organization = {"onPremisesLastSyncDateTime": "2099-01-01T00:00:00Z", "createdDateTime": "soon", "displayName": "x"}
    told = TenantState(tenant="t", seq=1, ts_ms=NOW, organization=organization)
    assert tenant_in_time(told, NOW).organization == organization | {
        "onPremisesLastSyncDateTime": "2026-09-21T14:13:20.000Z"
    }


def _lost(topic: str) -> float:
    return LOST_RECORDS.labels(topic)._value.get()


class Orders:
    """What a loss asks of a consumer: nothing but to have it told again."""

    def __init__(self) -> None:
        self.ordered: list[tuple[str, int, int, int]] = []

    async def order_again(self, topic: str, partition: int, first: int, records: int) -> None:
        self.ordered.append((topic, partition, first, records))


async def test_a_gap_that_compaction_cannot_explain_is_a_loss() -> None:
    for topic, lost in ((AD_CHANGES.name, 30), (ENTRA_TENANT.name, 0)):
        before = _lost(topic)
        orders = Orders()
        await note_lost(orders, topic, 0, 10, 40)  # type: ignore[arg-type]
        await note_lost(orders, topic, 0, 40, 40)  # type: ignore[arg-type]
        await note_lost(orders, topic, 0, 40, 7)  # type: ignore[arg-type]  # another log of the same name
        assert orders.ordered == ([(topic, 0, 10, 30)] if lost else [])
        assert _lost(topic) - before == lost


def test_records_are_kept_by_the_time_of_the_broker() -> None:
    assert {topic.configuration()["message.timestamp.type"] for topic in TOPICS} == {"LogAppendTime"}


def test_a_record_says_when_it_arrived_only_where_the_broker_does() -> None:
    assert Record("t", 0, 0, None, None, 1).arrived_ms is None


def test_a_clock_that_goes_further_ahead_lets_no_later_fact_lose_to_an_earlier_one() -> None:
    """Believed while it is a little fast, then an hour: what is lowered stays above what was believed."""
    ahead_ms = (200_000, 299_999, 3_600_000, 3_600_000)
    facts = [
        (NOW + at, Fact(op=Operation.READ, object_id=guid_of("a"), seq=(NOW + at + ahead) << 12, ts_ms=NOW + at))
        for at, ahead in zip((0, 1_000, 2_000, 2_001), ahead_ms, strict=True)
    ]
    counted = [fact_in_time(fact, arrived_ms).seq for arrived_ms, fact in facts]
    assert counted == sorted(set(counted))
    tenants = [replace(TENANT, seq=fact.seq, ts_ms=fact.ts_ms) for _, fact in facts]
    counted = [tenant_in_time(each, arrived_ms).seq for each, (arrived_ms, _) in zip(tenants, facts, strict=True)]
    assert counted == sorted(set(counted))
