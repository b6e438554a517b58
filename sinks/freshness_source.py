"""How fresh an installation's findings are, from Kafka alone: the sources' last words, the workers' positions."""

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
# Every source speaks four times a minute: the latest records hold the words of all that live.
_TAIL = 2_000
_KEYS = tuple(f"{word}#".encode() for word in (CONTACT, RESYNC, RESYNCED))
# A producer sees an order within a second, and Kafka has its word within 30 seconds or not at all (the publisher's
# delivery_timeout_ms): what arrives later than both was said in the knowledge of the order.
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
    words = _read_words(settings.kafka, _TAIL)
    if not words.heard.keys() >= intervals.keys():  # one was silent for long: its last word stands further back
        words = _read_words(settings.kafka, None)
    names = intervals or dict.fromkeys(sorted(words.heard), 0.0)  # without a configuration: what has ever spoken
    sources = [SourceFreshness(name, interval_s, words.heard_of(name)) for name, interval_s in names.items()]
    return Freshness(now_ms(), sources, lag, unknown, settings.consumer_group, words.letters)


def with_failing(fresh: Freshness, findings: Iterable[Finding]) -> Freshness:
    """The same, with what our own findings say of views that cannot be evaluated."""
    said = (each.summary for each in findings if each.detection == FAILING and each.state is not FindingState.RESOLVED)
    return replace(fresh, failing=tuple(sorted(said)))


def _intervals(settings: Settings) -> Mapping[str, float]:
    """Source -> how often it asks. A tenant's collections are asked in turns, each at its own pace."""
    forests = {f"ad/{forest.name}": forest.poll_interval_s for forest in settings.forest}
    tenants = {f"entra/{tenant.id}": tenant.poll_interval_s for tenant in settings.tenant}
    return forests | tenants | {f"eventlog/{table.name}": 1.0 for table in settings.eventlog}


@dataclass
class Words:
    """The checkpoint topic as far as it was read: last words, and orders with their answers."""

    heard: dict[str, LastContact] = field(default_factory=dict)
    letters: int = 0
    _said_ms: dict[str, int] = field(default_factory=dict)
    _orders: dict[str, tuple[Order, int]] = field(default_factory=dict)
    _answers: dict[str, Answer] = field(default_factory=dict)

    def read(self, value: bytes, arrived_ms: int) -> None:
        """Take in a record. Raises InvalidRecordError, KeyError, TypeError, ValueError where it cannot be read."""
        said = decode(value, Checkpoint)
        if said.source == CONTACT:
            self.heard[said.part] = heard_of(said, arrived_ms)
            self._said_ms[said.part] = arrived_ms
            return
        word = order_in(said)
        if isinstance(word, Order):
            self._orders[word.scope] = word, arrived_ms
        elif isinstance(word, Answer):
            self._answers[word.scope] = word

    def heard_of(self, source: str) -> LastContact | None:
        """A source's last word, and the orders that it may not have seen when it spoke."""
        heard = self.heard.get(source)
        if heard is None:
            return None
        open_ = {
            order.collection
            for order, arrived_ms in self._orders.values()
            if order.source == source
            and self._said_ms[source] < arrived_ms + _SEEN_MS
            and not answered(order, self._answers.get(order.scope))
        }
        return replace(heard, orders=heard.orders | open_)


def _read_words(kafka: KafkaSettings, tail: int | None) -> Words:
    """What sources and orders say, and how many dead letters are young. Raises RetriableError."""
    found, since_ms = Words(), now_ms() - LETTERS_S * 1000
    with TopicReader(kafka, [CHECKPOINTS, DEADLETTERS], tail=tail) as reader:
        for record in reader.to_end(_PATIENCE_S):
            if record.place.topic == DEADLETTERS.name:
                found.letters += record.ts_ms >= since_ms
            elif record.key is not None and record.value is not None and record.key.startswith(_KEYS):
                with contextlib.suppress(InvalidRecordError, KeyError, TypeError, ValueError):
                    found.read(record.value, record.ts_ms)
    return found


def heard_of(word: Checkpoint, arrived_ms: int) -> LastContact:
    """A source's word that arrived then. Raises KeyError, TypeError, ValueError for one that is none."""
    said = word.position
    unread = {str(kind): int(number) for kind, number in dict(said.get("unread", {})).items()}
    silent = dict(said.get("unheard", {}))
    unheard = {str(part): arrived_ms - 1000 * max(0, int(for_s)) for part, for_s in silent.items()}
    orders = frozenset(str(scope).partition("#")[2] for scope in list(said.get("orders", ())))
    contact_ms, whole_ms = contacted_ms(word, arrived_ms), read_whole_ms(word, arrived_ms)
    return LastContact(contact_ms, str(said["phase"]), int(said["done"]), unread, unheard, orders, whole_ms)
