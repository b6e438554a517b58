"""What leaves the worker: collected per batch, sent together, acknowledged before the table is flushed."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from streams.agents.client import MAX_BATCH_BYTES, MAX_RECORD_BYTES, Producer
from streams.agents.deadletters import dead_letter
from streams.agents.delivery.lanes import Record
from streams.contracts.codec import encode
from streams.contracts.deadletter import DeadLetter, without_document
from streams.contracts.facts import Fact, FactChunk, Forget, Origin, TenantState, Watermark
from streams.contracts.finding import Finding
from streams.contracts.identity import partition_of
from streams.contracts.topics import AD_CHANGES, DEADLETTERS, ENTRA_CHANGES, FINDINGS, VIEWS
from streams.contracts.views import (
    CauseUpdate,
    ContextUpdate,
    Contribution,
    ContributionChunk,
    Control,
    WatermarkUpdate,
)
from streams.runtime.clock import now_ms

_CHUNK_ITEMS = 500


class Outbox:
    """The outgoing records of one batch.

    partitions: of the views and findings topics.
    fence:      raises FatalError when this worker may have lost its partitions.
    cause:      a record of the batch, named as the origin where something that follows from it is too large.
    keep_documents: whether dead letters hold what they are about.
    """

    def __init__(
        self,
        producer: Producer,
        fence: Callable[[], None],
        partitions: int,
        stage: str,
        cause: Record,
        *,
        keep_documents: bool = False,
    ) -> None:
        self._producer = producer
        self._fence = fence
        self._partitions = partitions
        self._stage = stage
        self._cause = cause
        self._keep_documents = keep_documents
        self._contributions: dict[tuple[str, str], Contribution] = {}
        self._findings: dict[str, Finding | None] = {}
        self._facts: list[tuple[Origin, Fact]] = []
        self._context: list[TenantState] = []
        self._causes: list[CauseUpdate] = []
        self._watermarks: dict[tuple[str, int], Watermark] = {}
        self._orders: list[tuple[str, list[str]]] = []
        self._forgotten: set[str] = set()
        self._dead: list[DeadLetter] = []

    def contributions(self, items: Iterable[Contribution]) -> None:
        """Words to views. Of several from one contributor to one view only the newest leaves."""
        for item in items:
            name = (item.view, item.contributor)
            earlier = self._contributions.get(name)
            if earlier is None or earlier.seq <= item.seq:
                self._contributions[name] = item

    def fact(self, origin: Origin, fact: Fact) -> None:
        """A fact about an object, to the partition of the object's own facts."""
        self._facts.append((origin, fact))

    def findings(self, findings: Mapping[str, Finding | None]) -> None:
        """Findings by id; None forgets one (a tombstone)."""
        self._findings.update(findings)

    def context(self, tenant: TenantState) -> None:
        """A tenant's state, for every partition of the views topic."""
        self._context.append(tenant)

    def causes(self, causes: Iterable[CauseUpdate]) -> None:
        """Tenant-wide causes that began or ended, for every partition of the views topic."""
        self._causes.extend(causes)

    def watermark(self, mark: Watermark, partition: int) -> None:
        """A watermark that came by in `partition` of a change topic, for every partition of the views topic.

        Contributions go first, those of later facts included: more than the watermark promises is no harm.
        """
        self._watermarks[mark.source, partition] = mark

    def forget(self, topic: str, ids: Sequence[str]) -> None:
        """An order to every partition of a change topic: these objects are dead for good."""
        self._orders.append((topic, list(ids)))

    def forget_past(self, words: Iterable[str]) -> None:
        """An order to all views, behind the contributions sent here: forget past events that hold one of `words`."""
        self._forgotten.update(words)

    def dead(self, letter: DeadLetter) -> None:
        """Something that cannot be used."""
        self._dead.append(letter)

    async def deliver(self) -> None:
        """Send everything; return when all of it is acknowledged.

        Raises FatalError when this worker may have lost the partition, else Kafka's error.
        """
        self._fence()
        sent_ms = now_ms()
        records: list[tuple[str, int, bytes, bytes | None]] = [
            (VIEWS.name, partition, key, value)
            for partition, items in self._by_partition().items()
            for key, value in self._chunks(items, sent_ms)
        ]
        if self._forgotten:
            order = encode(Control(sent_ms=sent_ms, action="forget", words=sorted(self._forgotten)))
            records += [(VIEWS.name, partition, b"forget", order) for partition in range(self._partitions)]
        records += [
            (topic, partition, b"forget", encode(Forget(ids=ids)))
            for topic, ids in self._orders
            for partition in range(self._partitions)
        ]
        everywhere: list[tuple[str, ContextUpdate | CauseUpdate | WatermarkUpdate]] = [
            (tenant.tenant, ContextUpdate(sent_ms=sent_ms, tenant=tenant)) for tenant in self._context
        ]
        everywhere += [(cause.tenant, cause) for cause in self._causes]
        everywhere += [
            (
                mark.origin.tenant,
                WatermarkUpdate(
                    sent_ms=sent_ms,
                    tenant=mark.origin.tenant,
                    source=source,
                    partition=partition,
                    partitions=self._partitions,
                    read_ms=mark.read_ms,
                ),
            )
            for (source, partition), mark in self._watermarks.items()
        ]
        for tenant_id, record in everywhere:
            value = encode(record)
            records += [(VIEWS.name, partition, tenant_id.encode(), value) for partition in range(self._partitions)]
        records += [
            (FINDINGS.name, partition_of(name, self._partitions), name.encode(), encode(finding) if finding else None)
            for name, finding in self._findings.items()
        ]
        records += [
            (
                (AD_CHANGES if origin.side == "ad" else ENTRA_CHANGES).name,
                partition_of(fact.object_id, self._partitions),
                fact.object_id.encode(),
                encode(FactChunk(origin=origin, facts=[fact])),
            )
            for origin, fact in self._facts
        ]
        records = [*self._fitting(records)]
        letters = self._dead if self._keep_documents else map(without_document, self._dead)
        records += [(DEADLETTERS.name, 0, (letter.key or "").encode(), encode(letter)) for letter in letters]
        waiting = [
            await self._producer.send(topic, value, key=key, partition=partition)
            for topic, partition, key, value in records
        ]
        if waiting:
            await asyncio.gather(*waiting)

    def _fitting(
        self, records: Iterable[tuple[str, int, bytes, bytes | None]]
    ) -> Iterator[tuple[str, int, bytes, bytes | None]]:
        """The records that can be sent. For each that cannot, a dead letter: it must not end the worker."""
        for topic, partition, key, value in records:
            size = len(key) + len(value or b"")
            if size <= MAX_RECORD_BYTES:
                yield topic, partition, key, value
            else:
                error = f"a record for {topic} would have {size} bytes, more than {MAX_RECORD_BYTES}"
                self._dead.append(dead_letter(self._stage, "too_large", error, self._cause, value))

    def _by_partition(self) -> Mapping[int, list[Contribution]]:
        grouped: dict[int, list[Contribution]] = defaultdict(list)
        for item in self._contributions.values():
            grouped[partition_of(item.view, self._partitions)].append(item)
        return grouped

    def _chunks(self, items: list[Contribution], sent_ms: int) -> Iterable[tuple[bytes, bytes]]:
        """(key, value) of the chunks, each small enough to travel."""
        if len(items) > _CHUNK_ITEMS:
            for start in range(0, len(items), _CHUNK_ITEMS):
                yield from self._chunks(items[start : start + _CHUNK_ITEMS], sent_ms)
            return
        value = encode(ContributionChunk(sent_ms=sent_ms, items=items))
        if len(value) > MAX_BATCH_BYTES and len(items) > 1:
            half = len(items) // 2
            yield from self._chunks(items[:half], sent_ms)
            yield from self._chunks(items[half:], sent_ms)
        elif len(value) + len(items[0].view) > MAX_RECORD_BYTES:
            error = f"a contribution to {items[0].view[:200]} has {len(value)} bytes, more than {MAX_RECORD_BYTES}"
            self._dead.append(dead_letter(self._stage, "contribution_too_large", error, self._cause, b""))
        else:
            yield items[0].view.encode(), value
