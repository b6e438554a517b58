"""How fresh an installation's findings are, from Kafka alone: the sources' last words, the workers' positions."""

from __future__ import annotations

from collections.abc import Mapping

from deploy.freshness import Freshness, Heard, SourceFreshness
from sinks.consumer import TopicReader, read_to_end
from sinks.lag import Lag, group_lag
from streams.contracts.checkpoint import CONTACT, Checkpoint, contacted_ms
from streams.contracts.codec import decode
from streams.contracts.errors import InvalidRecordError, RetriableError
from streams.contracts.topics import (
    AD_CHANGES,
    CHECKPOINTS,
    ENTRA_AUDITS,
    ENTRA_CHANGES,
    ENTRA_TENANT,
    SERVER_EVENTS,
    VIEWS,
)
from streams.runtime.clock import now_ms
from streams.runtime.settings import KafkaSettings, Settings

_PATIENCE_S = 10.0
# Every source speaks four times a minute: the latest records hold the words of all that live.
_TAIL = 2_000
_KEY = f"{CONTACT}#".encode()
WORKED_OFF = (AD_CHANGES, ENTRA_CHANGES, ENTRA_TENANT, ENTRA_AUDITS, SERVER_EVENTS, VIEWS)


def read_freshness(settings: Settings) -> Freshness:
    """How fresh the installation's findings are now. Raises RetriableError where Kafka cannot be read."""
    intervals = _intervals(settings)
    heard = _last_words(settings.kafka, _TAIL)
    if not heard.keys() >= intervals.keys():  # one was silent for long: its last word stands further back
        heard = _last_words(settings.kafka, None)
    names = intervals or dict.fromkeys(sorted(heard), 0.0)  # without a configuration: what has ever spoken
    sources = [SourceFreshness(name, interval_s, heard.get(name)) for name, interval_s in names.items()]
    lag: Lag | None = None
    unknown = ""
    try:
        lag = group_lag(settings.kafka, settings.consumer_group, WORKED_OFF)
    except RetriableError as error:
        unknown = str(error)
    return Freshness(now_ms(), sources, lag, unknown, settings.consumer_group)


def _intervals(settings: Settings) -> Mapping[str, float]:
    """Source -> how often it asks. A tenant's collections are asked in turns, each at its own pace."""
    forests = {f"ad/{forest.name}": forest.poll_interval_s for forest in settings.forest}
    tenants = {f"entra/{tenant.id}": tenant.poll_interval_s for tenant in settings.tenant}
    return forests | tenants | {f"eventlog/{table.name}": 1.0 for table in settings.eventlog}


def _last_words(kafka: KafkaSettings, tail: int | None) -> dict[str, Heard]:
    """Source -> its last word. Raises RetriableError."""
    found: dict[str, Heard] = {}
    reader = TopicReader(kafka, [CHECKPOINTS], tail=tail)
    try:
        for record in read_to_end(reader, within_s=_PATIENCE_S):
            if record.key is None or record.value is None or not record.key.startswith(_KEY):
                continue
            try:
                word = decode(record.value, Checkpoint)
                found[word.part] = heard_of(word, record.meta.ts_ms)
            except (InvalidRecordError, KeyError, TypeError, ValueError):
                continue
    finally:
        reader.close()
    return found


def heard_of(word: Checkpoint, arrived_ms: int) -> Heard:
    """A source's word that arrived then. Raises KeyError, TypeError, ValueError for one that is none."""
    said = word.position
    unread = {str(kind): int(number) for kind, number in dict(said.get("unread", {})).items()}
    owes = said.get("owes") is True
    return Heard(contacted_ms(word, arrived_ms), str(said["phase"]), int(said["done"]), unread, owes)
