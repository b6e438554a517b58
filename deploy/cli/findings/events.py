"""The events of a finding's objects, read from Kafka for the command line."""

from __future__ import annotations

from dataclasses import dataclass

from producers.eventlog.known import ADMINISTRATION
from streams.contracts.codec import decode
from streams.contracts.errors import InvalidRecordError
from streams.contracts.events import Event, EventChunk
from streams.contracts.finding import Finding
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.topics import ENTRA_AUDITS, SERVER_EVENTS
from streams.runtime.printable import is_shallow
from streams.runtime.settings import KafkaSettings
from streams.runtime.topic_reader import Partition, TopicReader

# Who changed the engine's configuration, on whatever server: told with every finding about the engine.
_ADMINISTRATION = frozenset(f"adsync/{number}" for number in ADMINISTRATION)
# The bound of the scan: so many of the latest records per partition. An event stands under one of many names.
EVENT_RECORDS = 20_000


@dataclass(frozen=True)
class Names:
    """Everything a finding's objects are called by in logs. UPNs in lower case; `server` of a server's own finding.

    engine: whether changes of the engine's configuration belong to it, too.
    """

    tenant: str
    ids: frozenset[str]
    anchors: frozenset[str]
    upns: frozenset[str]
    server: str | None = None
    engine: bool = False

    def mentions(self, event: Event) -> bool:
        """Whether the event is about one of these objects."""
        return event.tenant == self.tenant and (
            event.entra_id in self.ids
            or event.object_guid in self.ids
            or event.source_anchor in self.anchors
            or (event.user_principal_name or "").lower() in self.upns
            or (self.server is not None and self.server in (event.server, f"{event.server}.{event.domain}"))
            or (self.engine and event.name in _ADMINISTRATION)
        )

    def needles(self) -> list[bytes]:
        """What a record must hold in lower case to be worth decoding."""
        names = {*self.ids, *self.anchors, *self.upns, *([self.server.partition(".")[0]] if self.server else ())}
        names |= _ADMINISTRATION if self.engine else frozenset()
        return sorted(name.lower().encode() for name in names)


def names_of(finding: Finding) -> Names:
    """The names of the holders and the subject of a finding."""
    subject, holders = finding.subject, finding.counterparts
    guids = {holder.id for holder in holders if holder.side == "ad"} | {subject.object_guid}
    users = {holder.id for holder in holders if holder.side == "ad" and holder.kind == "user"}
    upns = {holder.user_principal_name for holder in holders} | {subject.user_principal_name}
    ids = {holder.id for holder in holders} | guids | {subject.entra_id}
    return Names(
        tenant=finding.tenant,
        ids=frozenset(id_ for id_ in ids if id_),
        anchors=frozenset(
            {holder.source_anchor for holder in holders if holder.source_anchor} | {_anchor(guid) for guid in users}
        )
        - {""},
        upns=frozenset(upn.lower() for upn in upns if upn),
        server=subject.key.split("/", 2)[2] if subject.kind in ("server", "host") else None,
        engine=finding.detection.startswith("engine."),
    )


def read_events(kafka: KafkaSettings, names: Names) -> tuple[list[Event], bool]:
    """The events that mention these names, the oldest first, each once; also whether every record was looked at.

    Raises RetriableError where Kafka cannot be read.
    """
    needles = names.needles()
    if not needles:
        return [], True
    found: dict[str, Event] = {}
    read: dict[Partition, int] = {}
    with TopicReader(kafka, [ENTRA_AUDITS, SERVER_EVENTS], tail=EVENT_RECORDS) as reader:
        for record in reader.to_end():
            read[record.place] = read.get(record.place, 0) + 1
            for event in events_in_record(record.value, needles):
                if names.mentions(event):
                    found[event.id] = event
    events = sorted(found.values(), key=lambda event: (event.ts_ms, event.id))
    return events, all(count < EVENT_RECORDS for count in read.values())


def events_in_record(value: bytes | None, needles: list[bytes]) -> list[Event]:
    """The events of a record in which one of the needles occurs; none where it cannot be read."""
    if value is None:
        return []
    folded = value.lower()
    if not any(needle in folded for needle in needles):
        return []
    try:
        return [event for event in decode(value, EventChunk).events if is_shallow(event.details)]
    except InvalidRecordError:
        return []


def _anchor(object_guid: str) -> str:
    try:
        return immutable_id_of_guid(object_guid)
    except ValueError:
        return ""
