"""How fresh an installation's findings are, from Kafka alone: the sources' last contacts, the workers' positions."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from sinks.freshness import LETTERS_S, Freshness, LastContact, SourceFreshness
from sinks.lag import ASLEEP_S, Lag, group_lag
from streams.contracts.checkpoint import CONTACT, Checkpoint, contacted_ms, read_whole_ms
from streams.contracts.codec import decode
from streams.contracts.errors import InvalidRecordError, RetriableError
from streams.contracts.finding import Finding, FindingState
from streams.contracts.orders import RESYNC, RESYNCED, Answer, Order, answered, order_in
from streams.contracts.topics import (
    AD_CHANGES,
    CHECKPOINTS,
    DEADLETTERS,
    ENTRA_AUDITS,
    ENTRA_CHANGES,
    ENTRA_TENANT,
    SERVER_EVENTS,
    VIEWS,
)
from streams.runtime.clock import now_ms
from streams.runtime.settings import KafkaSettings, Settings
from streams.runtime.topic_reader import TopicReader

_PATIENCE_S = 10.0
# Every source writes its last contact four times a minute: the latest records have one of every source that runs.
_TAIL = 2_000
_KEYS = tuple(f"{kind}#".encode() for kind in (CONTACT, RESYNC, RESYNCED))
# A producer sees an order within a second, and its record is in Kafka within 30 seconds or not at all (the publisher's
# delivery_timeout_ms): what arrives later than both was written with the order known.
_SEEN_MS = 45_000
FAILING = "engine.view_failing"
"""The detection of views that cannot be evaluated."""
WORKED_OFF = (AD_CHANGES, ENTRA_CHANGES, ENTRA_TENANT, ENTRA_AUDITS, SERVER_EVENTS, VIEWS)


def read_freshness(settings: Settings) -> Freshness:
    """How fresh the installation's findings are now. Raises RetriableError where Kafka cannot be read."""
    intervals = _intervals(settings)
    lag: Lag | None = None
    unknown = ""
    try:  # first: whoever goes on behind a gap has written an order before
        asleep_s = max(ASLEEP_S, 3 * settings.streams.tick_interval_s)
        lag = group_lag(settings.kafka, settings.consumer_group, WORKED_OFF, (VIEWS,), asleep_s)
    except RetriableError as error:
        unknown = str(error)
    read = _read_checkpoints(settings.kafka, _TAIL)
    if not read.contacts.keys() >= intervals.keys():  # the last contact of one stands further back
        read = _read_checkpoints(settings.kafka, None)
    names = intervals or dict.fromkeys(sorted(read.contacts), 0.0)  # without a configuration: all that ever were
    sources = [SourceFreshness(name, interval_s, read.last_contact(name)) for name, interval_s in names.items()]
    return Freshness(now_ms(), sources, lag, unknown, settings.consumer_group, read.letters)


def with_failing(fresh: Freshness, findings: Iterable[Finding]) -> Freshness:
    """The same, with the summaries of our own findings of views that cannot be evaluated."""
    standing = (each for each in findings if each.detection == FAILING and each.state is not FindingState.RESOLVED)
    return replace(fresh, failing=tuple(sorted(each.summary for each in standing)))


def _intervals(settings: Settings) -> Mapping[str, float]:
    """Source -> how often it asks. A tenant's collections are asked in turns, each at its own pace."""
    forests = {f"ad/{forest.name}": forest.poll_interval_s for forest in settings.forest}
    tenants = {f"entra/{tenant.id}": tenant.poll_interval_s for tenant in settings.tenant}
    return forests | tenants | {f"eventlog/{table.name}": 1.0 for table in settings.eventlog}


@dataclass
class CheckpointTopic:
    """The checkpoint topic as far as it was read: last contacts by source, orders with their answers, and how many dead
    letters are younger than LETTERS_S.
    """

    contacts: dict[str, LastContact] = field(default_factory=dict)
    letters: int = 0
    _contact_arrived_ms: dict[str, int] = field(default_factory=dict)
    _orders: dict[str, tuple[Order, int]] = field(default_factory=dict)
    _answers: dict[str, Answer] = field(default_factory=dict)

    def read(self, value: bytes, arrived_ms: int) -> None:
        """Take in a record. Raises InvalidRecordError, KeyError, TypeError, ValueError where it cannot be read."""
        record = decode(value, Checkpoint)
        if record.source == CONTACT:
            self.contacts[record.part] = last_contact_in(record, arrived_ms)
            self._contact_arrived_ms[record.part] = arrived_ms
            return
        found = order_in(record)
        if isinstance(found, Order):
            self._orders[found.scope] = found, arrived_ms
        elif isinstance(found, Answer):
            self._answers[found.scope] = found

    def last_contact(self, source: str) -> LastContact | None:
        """A source's last contact, with the open orders that it may not have seen when it wrote that; None: none."""
        contact = self.contacts.get(source)
        if contact is None:
            return None
        open_ = {
            order.collection
            for order, arrived_ms in self._orders.values()
            if order.source == source
            and self._contact_arrived_ms[source] < arrived_ms + _SEEN_MS
            and not answered(order, self._answers.get(order.scope))
        }
        return replace(contact, orders=contact.orders | open_)


def _read_checkpoints(kafka: KafkaSettings, tail: int | None) -> CheckpointTopic:
    """The newest `tail` records of each partition; None: all. Raises RetriableError."""
    found, since_ms = CheckpointTopic(), now_ms() - LETTERS_S * 1000
    with TopicReader(kafka, [CHECKPOINTS, DEADLETTERS], tail=tail) as reader:
        for record in reader.to_end(_PATIENCE_S):
            if record.place.topic == DEADLETTERS.name:
                found.letters += record.ts_ms >= since_ms
            elif record.key is not None and record.value is not None and record.key.startswith(_KEYS):
                with contextlib.suppress(InvalidRecordError, KeyError, TypeError, ValueError):
                    found.read(record.value, record.ts_ms)
    return found


def last_contact_in(record: Checkpoint, arrived_ms: int) -> LastContact:
    """The last contact in a record that arrived then. Raises KeyError, TypeError, ValueError where it is none."""
    body = record.position
    unread = {str(kind): int(number) for kind, number in dict(body.get("unread", {})).items()}
    silent = dict(body.get("unheard", {}))
    unheard = {str(part): arrived_ms - 1000 * max(0, int(for_s)) for part, for_s in silent.items()}
    orders = frozenset(str(scope).partition("#")[2] for scope in list(body.get("orders", ())))
    contact_ms, whole_ms = contacted_ms(record, arrived_ms), read_whole_ms(record, arrived_ms)
    return LastContact(contact_ms, str(body["phase"]), int(body["done"]), unread, unheard, orders, whole_ms)
