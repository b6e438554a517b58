"""Findings, their history, and the facts and events behind them, read from Kafka for the command line."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from deploy.cli.findings.events import names_of, read_events
from streams.agents.topic_reader import read_whole
from streams.contracts.codec import decode
from streams.contracts.entries import Tombstone, entry_of
from streams.contracts.errors import InvalidRecordError, SyncHealthError
from streams.contracts.events import Event
from streams.contracts.facts import Fact, FactChunk, Origin
from streams.contracts.finding import Finding, FindingState
from streams.contracts.topics import AD_CHANGES, ENTRA_CHANGES, FINDINGS
from streams.runtime.printable import DEEPEST, is_shallow
from streams.runtime.settings import KafkaSettings
from streams.runtime.topic_reader import PATIENCE_S, Partition, StoredRecord, TopicReader

# The bound of the scan for facts: so many of the latest records per partition.
FACT_RECORDS = 20_000


@dataclass
class Findings:
    """The findings topic as far as it has been read: the latest record of each id."""

    latest: dict[str, Finding] = field(default_factory=dict)

    def take(self, record: StoredRecord) -> Finding | None:
        """Take in a record; returns the finding if it is of one. What cannot be read is passed over."""
        return self.note(record.key, record.value)

    def note(self, key: bytes | None, value: bytes | None) -> Finding | None:
        """The same, of a record's key and value."""
        entry = entry_of(FINDINGS.name, key, value)
        if isinstance(entry, Finding) and (_is_flat(value) or is_shallow(entry.evidence)):
            self.latest[entry.id] = entry
            return entry
        if isinstance(entry, Tombstone):
            self.latest.pop(entry.finding_id, None)
        return None


@dataclass(frozen=True)
class ExplainedFinding:
    """One finding, every record of it that the topic still holds (oldest first), the facts and the events found.

    consequences: findings that stand and name it as their cause.
    """

    finding: Finding
    history: list[Finding]
    facts: list[tuple[Origin, Fact]]
    facts_are_all: bool
    events: list[Event] = field(default_factory=list)
    events_are_all: bool = True
    consequences: list[Finding] = field(default_factory=list)


def read_findings(kafka: KafkaSettings) -> Findings:
    """Every finding the topic knows. Raises RetriableError where Kafka or the topic cannot be read."""
    findings = Findings()
    with _without_collector():
        read_whole(kafka, FINDINGS.name, findings.note, stall_s=PATIENCE_S)
    return findings


@contextlib.contextmanager
def _without_collector() -> Iterator[None]:
    """Python's cyclic collector looks at everything again and again while much is read that lives on: three quarters of
    decoding 100,000 findings (measured), and as much again when they are sorted.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()


def explain(kafka: KafkaSettings, prefix: str) -> ExplainedFinding:
    """The finding whose id starts with `prefix`, with what led to it.

    Raises SyncHealthError where no finding or more than one fits, RetriableError where Kafka cannot be read.
    """
    history: dict[str, list[Finding]] = {}
    findings, others = Findings(), Findings()
    start, names = prefix.encode(), f'"cause":"{prefix}'.encode()

    def take(key: bytes | None, value: bytes | None) -> None:
        if key is not None and key.startswith(start):
            finding = findings.note(key, value)
            if finding is not None:
                history.setdefault(finding.id, []).append(finding)
        elif value is None or names in value or (others.latest and _text(key) in others.latest):
            others.note(key, value)

    read_whole(kafka, FINDINGS.name, take, stall_s=PATIENCE_S)
    if not findings.latest:
        raise SyncHealthError(f"no finding has an id that starts with {prefix!r}: see `synchealth findings --all`")
    if len(findings.latest) > 1:
        raise SyncHealthError(
            f"{prefix!r} is the start of {len(findings.latest)} ids, such as {', '.join(sorted(findings.latest)[:3])}"
        )
    [finding] = findings.latest.values()
    facts, complete = read_facts(kafka, finding.tenant, objects_of(finding))
    events, every_event = read_events(kafka, names_of(finding))
    consequences = [
        each
        for each in others.latest.values()
        if each.cause == finding.id and each.state is not FindingState.RESOLVED
    ]
    return ExplainedFinding(finding, history[finding.id], facts, complete, events, every_event, consequences)


def _is_flat(value: bytes | None) -> bool:
    """Whether a record has so few brackets that nothing in it can be deep; a tenth of the price of looking."""
    return value is not None and value.count(b"{") + value.count(b"[") < DEEPEST


def _text(key: bytes | None) -> str:
    return (key or b"").decode(errors="replace")  # whoever may write to the topic may write any key


def objects_of(finding: Finding) -> frozenset[tuple[str | None, str]]:
    """The directory objects a finding is about: (forest, objectGUID), and (None, id) of Entra's.

    Of an AD object whose forest the finding does not name, too: of whatever forest.
    """
    known = {(holder.forest, holder.id) for holder in finding.counterparts}
    subject = finding.subject
    if subject.object_guid and subject.object_guid not in {id_ for _, id_ in known}:
        known.add((finding.forest, subject.object_guid))
    if subject.entra_id:
        known.add((None, subject.entra_id))
    return frozenset(known)


def read_facts(
    kafka: KafkaSettings, tenant: str, objects: Collection[tuple[str | None, str]]
) -> tuple[list[tuple[Origin, Fact]], bool]:
    """The facts about these objects (forest, id), oldest first, from the latest records of their partitions.

    Also whether that was every record there is. Raises RetriableError where Kafka cannot be read.
    """
    ids = {id_ for _, id_ in objects}
    if not ids:
        return [], True
    wanted = [id_.encode() for id_ in ids]
    found: dict[tuple[str, str, int], tuple[Origin, Fact]] = {}
    read: dict[Partition, int] = {}
    with TopicReader(kafka, [AD_CHANGES, ENTRA_CHANGES], keys=ids, tail=FACT_RECORDS) as reader:
        for record in reader.to_end():
            read[record.place] = read.get(record.place, 0) + 1
            value = record.value
            if value is None or not any(id_ in value for id_ in wanted):
                continue
            try:
                chunk = decode(value, FactChunk)
            except InvalidRecordError:
                continue
            for fact in chunk.facts:
                named = {(chunk.origin.forest, fact.object_id), (None, fact.object_id)}
                if chunk.origin.tenant == tenant and not named.isdisjoint(objects) and is_shallow(fact.attributes):
                    found[chunk.origin.name, fact.object_id, fact.seq] = (chunk.origin, fact)
    facts = sorted(found.values(), key=lambda pair: pair[1].changed_ms or pair[1].ts_ms)
    return facts, all(count < FACT_RECORDS for count in read.values())
