"""One worker: its tables, stages and clocks, independent of who delivers the records."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from aiokafka import AIOKafkaProducer

from streams.agents import metrics
from streams.agents.deadletters import Fuse
from streams.agents.delivery.client import start_producer
from streams.agents.delivery.lanes import Handler, Positions, Record, Stage
from streams.agents.delivery.layout import Layout
from streams.agents.delivery.lease import Lease
from streams.agents.delivery.outbox import Outbox
from streams.agents.evaluate import EvaluatePartition
from streams.agents.orders import order_again
from streams.agents.project import ContextPartition, EventPartition, ProjectPartition
from streams.agents.scopes import scope_groups_of
from streams.agents.tables.rows import PartitionRows
from streams.agents.tables.store import MemoryStore, RocksStore, Store
from streams.agents.tables.table import Table
from streams.agents.ticks import Ticker
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

Commit = Callable[[Mapping[tuple[str, int], int]], Awaitable[bool]]
_SWEEP_EVERY_S = 3600.0
log = get_logger(__name__)


class Worker:
    """Opens and closes its stages as partitions come and go.

    commit:  commits positions, by (topic, partition); False where the group has moved on.
    positions: where partitions stand.
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
        commit: Commit,
        positions: Positions,
        on_failure: Callable[[BaseException], None],
    ) -> None:
        self._settings = settings
        self._data_dir = data_dir
        self._detections = detections
        self._projector = Projector(scopes)
        self._lease = lease
        self._commit = commit
        self._on_failure = on_failure
        self._committing = asyncio.Lock()
        self._tables: dict[str, Table] = {}
        self._views: dict[int, EvaluatePartition] = {}
        self._swept_s: dict[tuple[str, int], float] = {}
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
        self.stages = {topic: Stage(topic, opener, positions) for topic, opener in openers.items()}

    async def start(self) -> None:
        """Connect; check the topics. Raises FatalError where they are not as they must be."""
        session_s = self._settings.streams.session_timeout_s
        self._producer: AIOKafkaProducer = await start_producer(
            self._settings.kafka, delivery_timeout_s=max(10.0, session_s)
        )
        self._layout = Layout(self._producer, self._settings.kafka)
        await self._layout.require()
        self._ticker = Ticker(self._producer)
        for topic in (AD_OBJECTS.name, ENTRA_OBJECTS.name, VIEW_STATES.name):
            self._tables[topic] = Table(
                topic, self._settings.kafka, self._producer, self._new_store(topic), self._lease.check
            )

    async def look_at_topics(self) -> None:
        """Raises FatalError where somebody has changed them."""
        await self._layout.look()

    def _new_store(self, topic: str) -> Callable[[int], Store]:
        if self._settings.streams.store == "memory":
            return lambda _partition: MemoryStore()
        return lambda partition: RocksStore(self._data_dir / topic / str(partition))

    async def offer(self, record: Record) -> None:
        """Take in a record from Kafka."""
        await self.stages[record.topic].offer(record)

    def assigned(self, partitions: set[tuple[str, int]], generation: int) -> None:
        """The group gave us exactly `partitions` (topic, partition); recovery starts in the background."""
        self._lease.renew()
        self._ticker = Ticker(self._producer)
        for topic, stage in self.stages.items():
            owned = {partition for name, partition in partitions if name == topic}
            stage.open(owned, generation, self._on_failure)
        log.info("partitions_assigned", generation=generation, partitions=len(partitions))

    async def revoked(self) -> None:
        """The group takes all partitions back: finish the batches in hand and commit them."""
        within_s = max(1.0, self._settings.streams.session_timeout_s / 2)
        whole = await asyncio.gather(*(stage.close(within_s) for stage in self.stages.values()))
        if not all(whole):
            log.warning("batch_cut_off", within_s=within_s)
        # What a cut-off batch had handed to the producer must not arrive behind the next owner's writes.
        await self._producer.flush()
        await self.commit()
        self._views, self._swept_s = {}, {}
        for stage in self.stages.values():
            stage.forget()

    async def commit(self) -> None:
        """Commit what is worked off."""
        async with self._committing:
            positions = {
                (topic, partition): position
                for topic, stage in self.stages.items()
                for partition, position in stage.uncommitted().items()
            }
            if positions and await self._commit(positions):
                for topic, stage in self.stages.items():
                    stage.committed({p: position for (name, p), position in positions.items() if name == topic})

    async def stop(self) -> None:
        """Finish, commit, disconnect."""
        await self.revoked()
        for table in self._tables.values():
            table.close()
        await self._producer.stop()

    async def tell_again(self, topic: str, partition: int, first: int, records: int) -> None:
        """See Positions."""
        await order_again(self._producer, self._settings, topic, partition, first, records)

    async def tick(self) -> None:
        """Send time to the views partitions we own."""
        if self.stages[VIEWS.name].ready:
            await self._ticker.tick(self._views)

    async def sweep(self) -> None:
        """Have each partition of objects that we own look for what is to be forgotten, once in an hour."""
        now_s = time.monotonic()
        for topic in (AD_CHANGES.name, ENTRA_CHANGES.name):
            stage = self.stages[topic]
            for partition in stage.lanes if stage.ready else ():
                if now_s - self._swept_s.get((topic, partition), -_SWEEP_EVERY_S) >= _SWEEP_EVERY_S:
                    self._swept_s[topic, partition] = now_s
                    await self._producer.send_and_wait(topic, encode(Forget()), key=b"forget", partition=partition)

    def observe(self) -> None:
        """Set the gauges that nobody sets in passing."""
        slowest_ms = min((views.clock_ms for views in self._views.values()), default=0)
        metrics.CLOCK_LAG.set(max(0.0, time.time() - slowest_ms / 1000) if slowest_ms else 0)
        metrics.BACKLOG.set(sum(views.backlog for views in self._views.values()))
        metrics.show_tenants(view for views in self._views.values() for view in views.tenants.values())
        metrics.COUNTS.counts = sum((views.counts for views in self._views.values()), Counter())

    def _new_outbox(self, stage: str, cause: Record) -> Outbox:
        return Outbox(
            self._producer,
            self._lease.check,
            self._settings.kafka.partitions,
            stage,
            cause,
            keep_documents=self._settings.dead_letters.keep_documents,
        )

    async def _open_rows(self, owned: set[int], state: str) -> dict[int, PartitionRows]:
        table = self._tables[state]
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
        self._views = {
            partition: EvaluatePartition(
                ViewPartition(self._detections, self._options, partition, self._settings.kafka.partitions),
                rows,
                self._new_outbox,
                self._fuses["evaluate"],
                self._options,
            )
            for partition, rows in (await self._open_rows(owned, VIEW_STATES.name)).items()
        }
        return self._views


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
                told_by=forests,
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
