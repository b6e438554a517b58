"""Time from outside is plausible or it is not time: nothing happened after it arrived.

Arrival is the broker's time (topics are made with message.timestamp.type=LogAppendTime), else this machine's. What lies
further ahead than clocks may differ is taken for the arrival: a heartbeat of the year 2099 would prove a service alive
for ever, and a partition's clock never goes back. A sequence number of 2099 would win over every later word; it is
lowered to the highest that its arrival allows and no further, so that no number overtakes an earlier one of the same
source, whatever its clock did in between. What is older than its source may lag is taken for the arrival, too, or is no
time at all. Each is counted, by its source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from streams.agents.delivery.lanes import Record
from streams.agents.metrics import CLAMPED_TIMES
from streams.contracts.certificate import read_certificate
from streams.contracts.events import Event, Log
from streams.contracts.facts import Fact, TenantState, Watermark
from streams.contracts.times import FILETIME_EPOCH_MS, filetime_ms, parse_rfc3339, rfc3339
from streams.contracts.views import (
    CauseUpdate,
    ContextUpdate,
    Contribution,
    ContributionChunk,
    Tick,
    ViewRecord,
    WatermarkUpdate,
)
from streams.directory.event_slots import LOG_REMEMBERED_MS, LONGEST_REMEMBERED_MS, is_past
from streams.runtime.clock import CLOCK_SKEW_MS, now_ms

HELD_MS = 86_400_000
"""A source reads nothing more while it cannot get rid of what it has: no reading is older than an outage of Kafka."""

EVENTS_LAG_MS = LOG_REMEMBERED_MS
"""A shipper sends what it could not send for weeks. No view remembers an event longer, but for signs-in."""

EARLIEST_MS = 946_684_800_000
"""2000-01-01, the year of the first Active Directory; what says that it is older (1601, year 1) means "never"."""

_SEQ_BITS, _EVENT_SEQ_BITS = 12, 16  # streams.runtime.clock.HybridClock; streams.directory.event_slots.order_of
_TIMES = frozenset({"whenCreated", "last_run", "last_success", "quarantine_since"})
_FILETIMES = frozenset({"pwdLastSet"})
_CERTIFICATES = "userCertificate"
_MOST_SOURCES = 100
_sources: set[str] = set()


def arrival_ms(record: Record) -> int:
    """When a record arrived."""
    return record.arrived_ms if record.arrived_ms is not None else now_ms()


def _count(kind: str, source: str) -> None:
    """Names of sources come from outside: there are no more labels than an installation has sources."""
    if source not in _sources and len(_sources) >= _MOST_SOURCES:
        source = "other"
    _sources.add(source)
    CLAMPED_TIMES.labels(kind, source[:100]).inc()


def is_outdated(event: Event, arrived_ms: int, source: str = "unknown") -> bool:
    """Whether an event is older than any shipper lags and views remember; it is left out and counted."""
    lag_ms = LONGEST_REMEMBERED_MS if event.log is Log.SIGN_IN else EVENTS_LAG_MS
    if event.ts_ms >= arrived_ms - lag_ms:
        return False
    _count("outdated", source)
    return True


def event_in_time(event: Event, arrived_ms: int, source: str = "unknown") -> Event:
    """The event, logged and read not later than it arrived; so are the times among its details."""
    latest_ms = arrived_ms + CLOCK_SKEW_MS
    changes: dict[str, Any] = {}
    if event.ts_ms > latest_ms:
        changes["ts_ms"] = arrived_ms
    if not arrived_ms - EVENTS_LAG_MS <= event.seen_ms <= latest_ms:
        changes["seen_ms"] = arrived_ms
    details = _in_time(event.details, arrived_ms)
    if details:
        changes["details"] = event.details | details
    if not changes:
        return event
    _count("event", source)
    return replace(event, **changes)


def fact_in_time(fact: Fact, arrived_ms: int, source: str = "unknown", *, by_broker: bool = False) -> Fact:
    """The fact, read and changed not later than it arrived; so are the times that it tells, and its events.

    by_broker: the arrival is the broker's time, so that it proves a reading to be too old as well.
    """
    latest_ms = arrived_ms + CLOCK_SKEW_MS
    changes: dict[str, Any] = {}
    late = fact.ts_ms > latest_ms
    if late or (by_broker and fact.ts_ms < arrived_ms - HELD_MS):
        changes["ts_ms"] = arrived_ms
    if fact.changed_ms is not None:
        if fact.changed_ms > latest_ms or ("ts_ms" in changes and fact.changed_ms >= fact.ts_ms):
            changes["changed_ms"] = arrived_ms
        elif fact.changed_ms < EARLIEST_MS:
            changes["changed_ms"] = None
    if fact.seq > latest_ms << _SEQ_BITS:
        changes["seq"] = latest_ms << _SEQ_BITS
    values = _in_time(fact.attributes, arrived_ms)
    if values:
        changes["attributes"] = fact.attributes | values
    if changes:
        _count("fact", source)
    if fact.events:
        events = [event_in_time(each, arrived_ms, source) for each in fact.events]
        if any(ours is not theirs for ours, theirs in zip(events, fact.events, strict=True)):
            changes["events"] = events
    return replace(fact, **changes) if changes else fact


def tenant_in_time(state: TenantState, arrived_ms: int) -> TenantState:
    """The tenant's state without times of the future: nothing was synchronised tomorrow."""
    latest_ms = arrived_ms + CLOCK_SKEW_MS
    changes: dict[str, Any] = {}
    if state.ts_ms > latest_ms:
        changes["ts_ms"] = arrived_ms
    if state.seq > latest_ms << _SEQ_BITS:
        changes["seq"] = latest_ms << _SEQ_BITS
    organization = state.organization or {}
    values = _in_time(organization, arrived_ms)
    if values:
        changes["organization"] = organization | values
    jobs = [{**job, **_in_time(job, arrived_ms)} for job in state.jobs or ()]
    if jobs != (state.jobs or []):
        changes["jobs"] = [{name: value for name, value in job.items() if value is not None} for job in jobs]
    if not changes:
        return state
    _count("tenant", f"entra/{state.tenant}")
    return replace(state, **changes)


def watermark_in_time(mark: Watermark, arrived_ms: int, *, by_broker: bool = False) -> Watermark:
    """The watermark, read not later than it arrived; by the broker's clock, where that is known: sources are compared.

    One whose clock is behind by more than they may differ would look like one that lags, for ever.
    """
    if by_broker and mark.said_ms:
        return replace(mark, read_ms=arrived_ms - max(0, mark.said_ms - mark.read_ms))
    if mark.read_ms <= arrived_ms + CLOCK_SKEW_MS:
        return mark
    _count("watermark", mark.source)
    return replace(mark, read_ms=arrived_ms)


def record_in_time(part: ViewRecord, arrived_ms: int, *, by_broker: bool = False) -> ViewRecord:
    """A record of the views topic that moves the partition's clock to no later than its arrival.

    by_broker: the arrival is the broker's time, and so is the clock; only ticks may be a little off.
    """
    latest_ms = arrived_ms + CLOCK_SKEW_MS
    sent_ms = part.now_ms if isinstance(part, Tick) else part.sent_ms
    changes: dict[str, Any] = {}
    if isinstance(part, ContributionChunk):
        items = _contributions_in_time(part.items, arrived_ms)
        if items is not None:
            changes["items"] = items
    elif isinstance(part, CauseUpdate):
        if part.seq > latest_ms << _SEQ_BITS:
            changes["seq"] = latest_ms << _SEQ_BITS
    elif isinstance(part, WatermarkUpdate):
        if part.read_ms > latest_ms:
            changes["read_ms"] = arrived_ms
    elif isinstance(part, ContextUpdate):
        tenant = tenant_in_time(part.tenant, arrived_ms)
        if tenant is not part.tenant:
            changes["tenant"] = tenant
    # A tick is sent when it is said: one of long before its arrival comes from a clock that was set back, which would
    # hold up every deadline of the partition, and nobody would know.
    is_late = by_broker and isinstance(part, Tick) and sent_ms < arrived_ms - CLOCK_SKEW_MS
    if changes or sent_ms > latest_ms or is_late:
        _count("view_record", "streams")
    if isinstance(part, Tick):
        return replace(part, now_ms=arrived_ms) if sent_ms > latest_ms or is_late else part
    if by_broker or sent_ms > latest_ms:
        changes["sent_ms"] = arrived_ms
    return replace(part, **changes) if changes else part


def _contributions_in_time(items: Iterable[Contribution], arrived_ms: int) -> list[Contribution] | None:
    """The contributions, none later than its arrival or kept beyond the longest memory; None where nothing changed."""
    latest_ms = arrived_ms + CLOCK_SKEW_MS
    latest_seq, forgotten_ms = latest_ms << _SEQ_BITS, latest_ms + LONGEST_REMEMBERED_MS
    found, changed = [], False
    for item in items:
        changes: dict[str, Any] = {}
        if item.seq > latest_seq and (item.seq > latest_ms + 1 << _EVENT_SEQ_BITS or not _is_numbered_as_event(item)):
            bits = _EVENT_SEQ_BITS if _is_numbered_as_event(item) else _SEQ_BITS
            changes["seq"] = latest_ms << bits
        if item.changed_ms > latest_ms:
            changes["changed_ms"] = arrived_ms
        if item.expires_ms > forgotten_ms:
            changes["expires_ms"] = forgotten_ms
        found.append(replace(item, **changes) if changes else item)
        changed = changed or bool(changes)
    return found if changed else None


def _is_numbered_as_event(item: Contribution) -> bool:
    return is_past(item.contributor)


def _in_time(values: Mapping[str, Any], arrived_ms: int) -> dict[str, Any]:
    """What to put in place of times that cannot be, by name: the arrival for the future, None for "never"."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if name in _TIMES or name.endswith("DateTime"):
            kept = _time(value, arrived_ms)
        elif name in _FILETIMES:
            kept = _filetime(value, arrived_ms)
        elif name == _CERTIFICATES:
            kept = _certificates(value, arrived_ms)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            kept = [{**each, **_in_time(each, arrived_ms)} if isinstance(each, dict) else each for each in value]
        else:
            continue
        if kept != value:
            found[name] = kept
    return found


def _time(value: Any, arrived_ms: int) -> Any:
    if not isinstance(value, str):
        return value
    try:
        ts_ms = parse_rfc3339(value)
    except (ValueError, OverflowError):
        return value  # no time: left as it is
    if ts_ms > arrived_ms + CLOCK_SKEW_MS:
        return rfc3339(arrived_ms)
    return value if ts_ms >= EARLIEST_MS else None


def _filetime(value: Any, arrived_ms: int) -> Any:
    ts_ms = filetime_ms(value)
    if ts_ms is None or EARLIEST_MS <= ts_ms <= arrived_ms + CLOCK_SKEW_MS:
        return value
    return (arrived_ms + FILETIME_EPOCH_MS) * 10_000 if ts_ms > arrived_ms else None


def _certificates(value: Any, arrived_ms: int) -> Any:
    """Certificates end in the future and begin in the past."""
    if not isinstance(value, list):
        return value
    lines = []
    for line in value:
        known = read_certificate(line) if isinstance(line, str) else None
        if known is not None and known.not_before_ms is not None and known.not_before_ms > arrived_ms + CLOCK_SKEW_MS:
            thumbprint, _, rest = line.split(" ", 2)
            lines.append(f"{thumbprint} {rfc3339(arrived_ms)} {rest}")
        else:
            lines.append(line)
    return lines
