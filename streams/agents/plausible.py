"""Time from outside is plausible or it is not time: nothing happened after it arrived.

Arrival is the broker's time (topics are made with message.timestamp.type=LogAppendTime), else this machine's. What lies
further ahead than clocks may differ is taken for the arrival, and counted: a heartbeat of the year 2099 would prove a
service alive for ever, and a partition's clock never goes back.
"""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from streams.agents.lanes import Record
from streams.agents.metrics import CLAMPED_TIMES
from streams.contracts.events import Event
from streams.contracts.facts import Fact, TenantState
from streams.contracts.times import parse_rfc3339, rfc3339
from streams.contracts.views import Tick, ViewRecord
from streams.runtime.clock import now_ms

CLOCK_SKEW_MS = 300_000
"""Kerberos allows as much. Source: Microsoft, "Maximum tolerance for computer clock synchronization" (5 minutes)."""


def arrival_ms(record: Record) -> int:
    """When a record arrived."""
    return record.arrived_ms if record.arrived_ms is not None else now_ms()


def event_in_time(event: Event, arrived_ms: int) -> Event:
    """The event, not later than it arrived."""
    if event.ts_ms <= arrived_ms + CLOCK_SKEW_MS:
        return event
    CLAMPED_TIMES.labels("event").inc()
    return replace(event, ts_ms=arrived_ms)


def fact_in_time(fact: Fact, arrived_ms: int) -> Fact:
    """The fact, read and changed not later than it arrived; so are the events that it carries."""
    latest_ms = arrived_ms + CLOCK_SKEW_MS
    changes: dict[str, Any] = {}
    if fact.ts_ms > latest_ms:
        changes["ts_ms"] = arrived_ms
    if fact.changed_ms is not None and fact.changed_ms > latest_ms:
        changes["changed_ms"] = arrived_ms
    if changes:
        CLAMPED_TIMES.labels("fact").inc()
    if any(event.ts_ms > latest_ms for event in fact.events):
        changes["events"] = [event_in_time(event, arrived_ms) for event in fact.events]
    return replace(fact, **changes) if changes else fact


def tenant_in_time(state: TenantState, arrived_ms: int) -> TenantState:
    """The tenant's state without times of the future: nothing was synchronised tomorrow."""
    changes: dict[str, Any] = {}
    if state.ts_ms > arrived_ms + CLOCK_SKEW_MS:
        changes["ts_ms"] = arrived_ms
    organization = state.organization or {}
    late = [name for name, value in organization.items() if _is_later(name, value, arrived_ms + CLOCK_SKEW_MS)]
    if late:
        changes["organization"] = organization | dict.fromkeys(late, rfc3339(arrived_ms))
    if not changes:
        return state
    CLAMPED_TIMES.labels("tenant").inc()
    return replace(state, **changes)


def record_in_time(part: ViewRecord, arrived_ms: int) -> ViewRecord:
    """A record of the views topic that moves the partition's clock to no later than its arrival."""
    sent_ms = part.now_ms if isinstance(part, Tick) else part.sent_ms
    if sent_ms <= arrived_ms + CLOCK_SKEW_MS:
        return part
    CLAMPED_TIMES.labels("clock").inc()
    return replace(part, now_ms=arrived_ms) if isinstance(part, Tick) else replace(part, sent_ms=arrived_ms)


def _is_later(name: str, value: object, latest_ms: int) -> bool:
    if not (name.endswith("DateTime") and isinstance(value, str)):
        return False
    try:
        return parse_rfc3339(value) > latest_ms
    except ValueError:
        return False  # it is no time, and nobody takes it for one
