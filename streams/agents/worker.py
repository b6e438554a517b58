"""One worker: its tables, lanes and clocks, independent of who delivers the records (streams.agents.delivery)."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from streams.agents import metrics
from streams.agents.client import Producer, start_producer
from streams.agents.deadletters import Fuse
from streams.agents.delivery.lanes import Handler, Record, TopicLanes
from streams.agents.delivery.layout import Layout
from streams.agents.delivery.lease import Lease
from streams.agents.delivery.outbox import Outbox
from streams.agents.delivery.positions import LogPositions
from streams.agents.delivery.protocols import Delivery, Timer
from streams.agents.delivery.watchdog import Watchdog
from streams.agents.evaluate import EvaluatePartition
from streams.agents.orders import order_again
from streams.agents.project import ContextPartition, EventPartition, ProjectPartition
from streams.agents.scopes import scope_groups_of
from streams.agents.tables.rows import PartitionRows
from streams.agents.tables.store import MemoryStore, RocksStore, Store
from streams.agents.tables.table import Table
from streams.agents.ticks import Ticker
from streams.agents.topic_reader import new_reader
from streams.contracts.codec import encode
from streams.contracts.facts import Forget
from streams.contracts.topics import (
    AD_CHANGES,
    AD_OBJECTS,
    ENTRA_AUDITS,
    ENTRA_CHANGES,
    ENTRA_OBJECTS,
    ENTRA_TENANT,
    SERVER_EVENTS,
    VIEW_STATES,
    VIEWS,
)
from streams.detections.detection import Thresholds
from streams.detections.registry import Registered
from streams.directory.scope import Scope
from streams.evaluation.knowledge import TenantOptions
from streams.evaluation.partition import EvaluatorOptions, ViewPartition
from streams.evaluation.projector import Projector
from streams.runtime.logs import get_logger
from streams.runtime.settings import Settings

_COMMIT_EVERY_S = 1.0
_LOOK_EVERY_S = 2.0
_LAYOUT_EVERY_S = 10.0
_SWEEP_LOOK_S = 60.0
_SWEEP_EVERY_S = 3600.0
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Connected:
    """What a worker has from its start to its stop; `open` lets go of it."""

    producer: Producer
    layout: Layout
    tables: Mapping[str, Table]
    ticker: Ticker
    watchdog: Watchdog
    open: AsyncExitStack


@dataclass(frozen=True, slots=True)
class _Assignment:
    """What a worker knows of the partitions that it has, until they are revoked.

    swept_s: when (topic, partition) was last looked through for what is to be forgotten, by the monotonic clock.
    """

    views: dict[int, EvaluatePartition] = field(default_factory=dict)
    swept_s: dict[tuple[str, int], float] = field(default_factory=dict)


class Worker:
    """Opens and closes its lanes as partitions come and go. Implements Work (streams.agents.delivery.protocols).

    on_failure: called once with what makes going on impossible; it must end the process.
    """

    def __init__(
        self,
        settings: Settings,
        data_dir: Path,
        detections: tuple[Registered, ...],
        scopes: Mapping[str, Scope],
        *,
        lease: Lease,
        delivery: Delivery,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._data_dir = data_dir
        self._detections = detections
        self._projector = Projector(scopes)
        self._lease = lease
        self._delivery = delivery
        self._on_failure = on_failure
        self._committing = asyncio.Lock()
        self._connected: _Connected | None = None
        self._assignment = _Assignment()
        self._fuses = {stage: Fuse(stage) for stage in ("project", "evaluate")}
        self._options = options_of(settings)
        openers = {
            AD_CHANGES.name: lambda owned: self._open_projection(AD_OBJECTS.name, owned),
            ENTRA_CHANGES.name: lambda owned: self._open_projection(ENTRA_OBJECTS.name, owned),
            ENTRA_TENANT.name: self._open_context,
            ENTRA_AUDITS.name: self._open_events,
            SERVER_EVENTS.name: self._open_events,
            VIEWS.name: self._open_views,
        }
        positions = LogPositions(settings.kafka, delivery, self._order_again)
        self.lanes = {topic: TopicLanes(topic, opener, positions) for topic, opener in openers.items()}

    @property
    def topics(self) -> Collection[str]:
        """See Work."""
        return self.lanes

    @property
    def timers(self) -> list[Timer]:
        """See Work."""
        return [
            (_COMMIT_EVERY_S, self.commit),
            (self._settings.streams.tick_interval_s, self.tick),
            (_SWEEP_LOOK_S, self.sweep),
            (_LAYOUT_EVERY_S, self.look_at_topics),
            (_LOOK_EVERY_S, self.look_at_lanes),
        ]

    @property
    def unready(self) -> str | None:
        """Why no partition is worked on; None where all of ours are."""
        waiting = [topic for topic, lanes in self.lanes.items() if not lanes.ready]
        return f"partitions are not assigned or not recovered yet: {', '.join(waiting)}" if waiting else None

    async def start(self) -> None:
        """Connect; check the topics. Raises FatalError where they are not as they must be, and leaves nothing open."""
        kafka, session_s = self._settings.kafka, self._settings.streams.session_timeout_s
        async with AsyncExitStack() as opened:
            producer = await start_producer(kafka, delivery_timeout_s=max(10.0, session_s))
            opened.push_async_callback(producer.stop)
            layout = Layout(producer, kafka)
            await layout.require()
            tables = {
                topic.name: Table(topic.name, kafka, producer, self._new_store(topic.name), self._lease.check)
                for topic in (AD_OBJECTS, ENTRA_OBJECTS, VIEW_STATES)
            }
            for table in tables.values():
                opened.callback(table.close)
            reader = await opened.enter_async_context(new_reader(kafka))
            watchdog = Watchdog(reader, self._delivery.highwater, max(120.0, 4 * session_s))
            self._connected = _Connected(producer, layout, tables, Ticker(producer), watchdog, opened.pop_all())

    @property
    def _on(self) -> _Connected:
        if self._connected is None:
            raise RuntimeError("this worker has not been started")
        return self._connected

    async def look_at_topics(self) -> None:
        """Raises FatalError where somebody has changed them."""
        await self._on.layout.look()

    async def look_at_lanes(self) -> None:
        """Raises FatalError where one sleeps (streams.agents.delivery.watchdog)."""
        self.observe()
        await self._on.watchdog.look(self.lanes)

    def _new_store(self, topic: str) -> Callable[[int], Store]:
        if self._settings.streams.store == "memory":
            return lambda _partition: MemoryStore()
        return lambda partition: RocksStore(self._data_dir / topic / str(partition))

    async def offer(self, record: Record) -> None:
        """Take in a record from Kafka."""
        await self.lanes[record.topic].offer(record)

    def assigned(self, partitions: set[tuple[str, int]], generation: int) -> None:
        """The group gave us exactly `partitions` (topic, partition); recovery starts in the background."""
        self._lease.renew()
        self._on.ticker.forget()
        for topic, lanes in self.lanes.items():
            owned = {partition for name, partition in partitions if name == topic}
            lanes.open(owned, generation, self._on_failure)
        log.info("partitions_assigned", generation=generation, partitions=len(partitions))

    async def revoked(self) -> None:
        """The group takes all partitions back: finish the batches in hand and commit them."""
        within_s = max(1.0, self._settings.streams.session_timeout_s / 2)
        whole = await asyncio.gather(*(lanes.close(within_s) for lanes in self.lanes.values()))
        if not all(whole):
            log.warning("batch_cut_off", within_s=within_s)
        # What a cut-off batch had handed to the producer must not arrive behind the next owner's writes.
        await self._on.producer.flush()
        await self.commit()
        self._assignment = _Assignment()
        for lanes in self.lanes.values():
            lanes.forget()

    async def commit(self) -> None:
        """Commit what is worked off."""
        async with self._committing:
            positions = {
                (topic, partition): position
                for topic, lanes in self.lanes.items()
                for partition, position in lanes.uncommitted().items()
            }
            if positions and await self._delivery.commit(positions):
                for topic, lanes in self.lanes.items():
                    lanes.committed({p: position for (name, p), position in positions.items() if name == topic})

    async def stop(self) -> None:
        """Finish, commit, disconnect."""
        if self._connected is not None:
            async with self._connected.open:
                await self.revoked()

    async def _order_again(self, topic: str, partition: int, first: int, records: int) -> None:
        await order_again(self._on.producer, self._settings, topic, partition, first, records)

    async def tick(self) -> None:
        """Send time to the views partitions we own."""
        if self.lanes[VIEWS.name].ready:
            await self._on.ticker.tick(self._assignment.views)

    async def sweep(self) -> None:
        """Have each partition of objects that we own look for what is to be forgotten, once in an hour."""
        now_s, swept_s = time.monotonic(), self._assignment.swept_s
        for topic in (AD_CHANGES.name, ENTRA_CHANGES.name):
            lanes = self.lanes[topic]
            for partition in lanes.lanes if lanes.ready else ():
                if now_s - swept_s.get((topic, partition), -_SWEEP_EVERY_S) >= _SWEEP_EVERY_S:
                    swept_s[topic, partition] = now_s
                    await self._on.producer.send_and_wait(topic, encode(Forget()), key=b"forget", partition=partition)

    def observe(self) -> None:
        """Set the gauges that no other code updates as things happen."""
        partitions = self._assignment.views.values()
        slowest_ms = min((views.clock_ms for views in partitions), default=0)
        metrics.CLOCK_LAG.set(max(0.0, time.time() - slowest_ms / 1000) if slowest_ms else 0)
        metrics.BACKLOG.set(sum(views.backlog for views in partitions))
        metrics.show_tenants(view for views in partitions for view in views.tenants.values())
        metrics.COUNTS.counts = sum((views.counts for views in partitions), Counter())

    def _new_outbox(self, stage: str, cause: Record) -> Outbox:
        return Outbox(
            self._on.producer,
            self._lease.check,
            self._settings.kafka.partitions,
            stage,
            cause,
            keep_documents=self._settings.dead_letters.keep_documents,
        )

    async def _open_rows(self, owned: set[int], state: str) -> dict[int, PartitionRows]:
        table = self._on.tables[state]
        parts = await table.open(owned)
        metrics.RECOVERY_SECONDS.labels(state).set(table.recovery_seconds)
        metrics.RECOVERED_RECORDS.labels(state).set(table.recovered_records)
        if owned:
            log.info(
                "table_recovered",
                topic=state,
                partitions=len(owned),
                records=table.recovered_records,
                seconds=round(table.recovery_seconds, 2),
            )
        return {partition: PartitionRows(part) for partition, part in parts.items()}

    async def _open_projection(self, state: str, owned: set[int]) -> Mapping[int, Handler]:
        return {
            partition: ProjectPartition(
                self._projector,
                rows,
                self._new_outbox,
                self._fuses["project"],
                int(self._settings.streams.forget_after_s * 1000),
            )
            for partition, rows in (await self._open_rows(owned, state)).items()
        }

    async def _open_context(self, owned: set[int]) -> Mapping[int, Handler]:
        return {partition: ContextPartition(self._new_outbox) for partition in owned}

    async def _open_events(self, owned: set[int]) -> Mapping[int, Handler]:
        return {partition: EventPartition(self._new_outbox) for partition in owned}

    async def _open_views(self, owned: set[int]) -> Mapping[int, Handler]:
        views = {
            partition: EvaluatePartition(
                ViewPartition(self._detections, self._options, partition, self._settings.kafka.partitions),
                rows,
                self._new_outbox,
                self._fuses["evaluate"],
                self._options,
            )
            for partition, rows in (await self._open_rows(owned, VIEW_STATES.name)).items()
        }
        self._assignment = replace(self._assignment, views=views)
        return views


def options_of(settings: Settings) -> EvaluatorOptions:
    """What the engine needs of the settings."""
    rules = settings.detections
    return EvaluatorOptions(
        sync_interval_ms=int(rules.sync_interval_s * 1000),
        resolved_retention_ms=int(rules.resolved_retention_s * 1000),
        runbook_base_url=rules.runbook_base_url,
        disabled=frozenset(rules.disabled),
        tenants={
            each.id: TenantOptions(
                flows=each.flows,
                forests=(forests := frozenset(forest.name for forest in settings.forest if each.id in forest.tenants)),
                reporting_forests=forests,
                accept_orphans=each.accept_orphans,
                beside=frozenset(
                    other for forest in settings.forest if each.id in forest.tenants for other in forest.tenants
                )
                - {each.id},
                engine_units=any(forest.cloud_sync_ous for forest in settings.forest if each.id in forest.tenants),
                scope_groups=scope_groups_of(settings, each.id),
            )
            for each in settings.tenant
        },
        thresholds=Thresholds.of(rules),
    )
