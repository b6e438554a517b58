"""Faust is the group member; this file is all of it.

Faust joins the consumer group, assigns partitions with few moves, fetches ahead in a thread of its own, and hands each
record to `Work.offer`. What else it offers is off, because it lost records or was too slow: commits, tables and their
recovery are ours (DECISIONS.md, G3 to G5).

Where Faust 0.15.3 and aiokafka have no setting or hook, private names are used. All of them are here:
`_fetch_max_wait_ms` (_Consumers), those of aiokafka's `_coordinator` (follow_membership), the `_commit` of Faust's
consumer thread, overridden (_Consumers), and `_on_sigterm` (_Process).
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, cast

import faust
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError
from aiokafka.structs import OffsetAndMetadata
from faust.tables import TableManager
from faust.transport.drivers import aiokafka as driver
from faust.types import TP

from streams.agents.delivery.lanes import Record
from streams.agents.delivery.lease import Lease
from streams.agents.delivery.protocols import Timer, Work
from streams.contracts.errors import FatalError
from streams.runtime.kafka import connection_options
from streams.runtime.service import end_within, on_stop
from streams.runtime.settings import KafkaSettings, Settings

# Faust asks the broker to hold a fetch for 1500 ms. Apache Kafka answers as soon as there is data, and an empty answer
# costs a worker that has nothing to do; Tansu holds it to the end (measured: 0.4 s per hop at the median).
_FETCH_WAIT_MS = 250
_LOG_APPEND_TIME = 1
# Nothing of ours is acknowledged to Faust, so its loop over acknowledgements has nothing to commit: it sleeps.
_NEVER_S = 10 * 365 * 86400.0
_FENCED_INSTANCE_ID = 82
"""Source: Apache Kafka, "Protocol guide", error codes (https://kafka.apache.org/protocol#protocol_error_codes)."""


class FaustDelivery:
    """Delivery (streams.agents.delivery.protocols) by a faust.App.

    lease:      renewed by every answered heartbeat.
    on_failure: called with what makes going on impossible; it must end the process.
    member:     under which name we join (streams.agents.delivery.membership); None: under one that the broker makes up.
    """

    def __init__(
        self,
        settings: Settings,
        data_dir: Path,
        lease: Lease,
        on_failure: Callable[[BaseException], None],
        member: str | None = None,
    ) -> None:
        logging.getLogger("faust.transport.drivers.aiokafka").setLevel(logging.ERROR)
        self._app = _new_app(settings, data_dir, member)
        self._app.transport = _Transport(self._app.conf.broker_consumer, self._app, lease, on_failure)
        self._on_failure = on_failure

    def run(self, work: Work, loop: asyncio.AbstractEventLoop, *timers: Timer) -> int:
        """Deliver to `work` until asked to stop; the exit code, not 0 where Faust itself has crashed.

        How long stopping may take, streams.runtime.service says.

        timers: beside those of `work`.
        """
        app = self._app
        app.on_begin = self._guarded(work.start)
        for topic in work.topics:
            self._feed(topic, work)
        for interval_s, call in (*work.timers, *timers):
            app.task(self._every(interval_s, call))

        async def assigned(_app: faust.App, assigned: set[TP], **_: Any) -> None:
            work.assigned({(tp.topic, tp.partition) for tp in assigned}, app.consumer_generation_id)

        async def revoked(_app: faust.App, revoked: set[TP], **_: Any) -> None:
            await work.revoked()

        async def stopping(_app: faust.App, **_: Any) -> None:
            end_within()  # no signal came before, where Faust has crashed
            await work.stop()

        app.on_partitions_assigned.connect(assigned, weak=False)
        app.on_partitions_revoked.connect(revoked, weak=False)
        app.on_before_shutdown.connect(stopping, weak=False)
        process = _Process(app, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False)
        process.spinner = None  # it writes to the terminal
        try:
            process.execute_from_commandline()
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
        return 0

    async def commit(self, positions: Mapping[tuple[str, int], int]) -> bool:
        """See Delivery."""
        return await self._consumer.commit_positions({TP(*place): offset for place, offset in positions.items()})

    async def committed(self, topic: str, partitions: set[int]) -> dict[int, int]:
        """See Delivery."""
        found = await self._consumer.committed([TopicPartition(topic, partition) for partition in partitions])
        return {tp.partition: offset for tp, offset in found.items() if offset is not None and offset >= 0}

    async def rewind(self, topic: str, partition: int, offset: int) -> None:
        """See Delivery. The next assignment starts where it must anyway, so losing the partition is no matter."""
        with contextlib.suppress(IllegalStateError, AssertionError):
            await self._consumer.seek(TP(topic, partition), offset)

    def highwater(self, topic: str, partition: int) -> int | None:
        """See Delivery."""
        try:
            return cast("int | None", self._consumer.highwater(TP(topic, partition)))
        except AssertionError:
            return None  # revoked between question and answer: the consumer lives in a thread of its own

    @property
    def _consumer(self) -> _Consumer:
        return cast(_Consumer, self._app.consumer)

    def _feed(self, topic: str, work: Work) -> None:
        async def feed(stream: Any) -> None:
            async for event in stream.noack().events():
                message = event.message
                record = Record(
                    topic,
                    message.partition,
                    message.offset,
                    message.key,
                    message.value,
                    message.generation_id,
                    int(message.timestamp * 1000) if message.timestamp_type == _LOG_APPEND_TIME else None,
                )
                try:
                    await work.offer(record)
                except Exception as error:  # noqa: BLE001 - Faust would start the agent anew and go on behind the record
                    if not self._app.should_stop:
                        self._on_failure(error)

        source = self._app.topic(
            topic, key_serializer="raw", value_serializer="raw", allow_empty=True, acks=False, internal=False
        )
        self._app.agent(source, name=topic)(feed)

    def _guarded(self, call: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        async def guarded() -> None:
            try:
                await call()
            except Exception as error:  # noqa: BLE001 - Faust would only say that it crashed
                if not self._app.should_stop:
                    self._on_failure(error)

        return guarded

    def _every(self, interval_s: float, call: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[None]]:
        guarded = self._guarded(call)

        async def repeatedly() -> None:  # app.timer would write of every one that comes late
            while not self._app.should_stop:
                await self._app.sleep(interval_s)
                if not self._app.should_stop:
                    await guarded()

        repeatedly.__name__ = f"every_{getattr(call, '__name__', 'timer')}"
        return repeatedly


class _NoTables(TableManager):
    """Faust's own waits a second in its start for tables that are still being defined; there are none."""

    async def sleep(self, n: Any) -> None:
        """Do not wait."""


class _App(faust.App):
    """on_begin: awaited before anything of Faust starts."""

    on_begin: Callable[[], Awaitable[None]]

    async def on_start(self) -> None:
        await self.on_begin()
        await super().on_start()


class _Process(faust.Worker):
    """Stops as every role does. Faust's own handlers run in the event loop, which may stand still."""

    def install_signal_handlers(self) -> None:
        super().install_signal_handlers()  # SIGUSR1 and SIGUSR2 print stacks
        on_stop(lambda: self.loop.call_soon_threadsafe(self._on_sigterm))


def _new_app(settings: Settings, data_dir: Path, member: str | None) -> _App:
    streams = settings.streams
    return _App(
        settings.consumer_group,
        autodiscover=False,
        broker=[f"kafka://{server}" for server in settings.kafka.bootstrap_servers],
        broker_credentials=_credentials(settings.kafka),
        broker_session_timeout=streams.session_timeout_s,
        # Its answer is also where a member hears that somebody joins or leaves.
        broker_heartbeat_interval=min(1.0, streams.session_timeout_s / 6),
        broker_rebalance_timeout=max(10.0, streams.session_timeout_s),
        broker_request_timeout=max(30.0, 2 * streams.session_timeout_s),
        broker_commit_interval=_NEVER_S,
        store="memory://",
        datadir=str(data_dir),
        stream_wait_empty=False,
        stream_buffer_maxsize=64,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=member,
        # The assignor asserts that whoever takes a member's place has its address, which a container changes. No use is
        # made of it.
        canonical_url="http://worker",
        TableManager=_NoTables,
        # Above 0 selects Faust's sticky assignor, which moves few partitions in a rebalance.
        table_standby_replicas=1,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
    )


def _credentials(kafka: KafkaSettings) -> Any:
    options = connection_options(kafka)
    context = options.get("ssl_context")
    if kafka.sasl_mechanism:
        return faust.SASLCredentials(
            username=options["sasl_plain_username"],
            password=options["sasl_plain_password"],
            mechanism=kafka.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None


def follow_membership(lease: Lease, coordinator: Any, on_failure: Callable[[BaseException], None]) -> None:
    """Let `lease` follow what the group says to an aiokafka group coordinator, which offers no hook.

    Every answered heartbeat renews it; where the group no longer knows us it ends. Of static membership aiokafka (0.14)
    knows how to join. Missing is to stop where another process has our place (its heartbeats do not name the instance,
    so it would hear "unknown member" and take the place back), and to leave when asked to stop.
    """
    heartbeat, send = coordinator._do_heartbeat, coordinator._send_req  # noqa: SLF001
    join, leave = coordinator._do_rejoin_group, coordinator._maybe_leave_group  # noqa: SLF001
    reset = coordinator.reset_generation
    joining = False

    async def observed() -> bool:
        asked = lease.now()
        answered: bool = await heartbeat()
        if answered:
            lease.renew(asked)
        return answered

    def forgotten() -> None:
        lease.end()
        member = coordinator.member_id
        reset()
        if not joining:  # asking for our place as who we were: refused where another one has it
            coordinator.member_id = member

    async def joined(subscription: Any) -> bool:
        nonlocal joining
        joining = True
        try:
            return bool(await join(subscription))
        finally:
            joining = False

    async def sent(request: Any) -> Any:
        answer = await send(request)
        if getattr(answer, "error_code", 0) == _FENCED_INSTANCE_ID:
            on_failure(FatalError("another process has taken this worker's place in the group, so this one stops"))
        return answer

    async def left() -> None:
        name, coordinator._group_instance_id = coordinator._group_instance_id, None  # noqa: SLF001
        try:
            await leave()
        finally:
            coordinator._group_instance_id = name  # noqa: SLF001

    coordinator._do_heartbeat, coordinator._send_req = observed, sent  # noqa: SLF001
    coordinator._do_rejoin_group, coordinator._maybe_leave_group = joined, left  # noqa: SLF001
    coordinator.reset_generation = forgotten


class _Consumers(driver.AIOKafkaConsumerThread):
    """The thread in which Faust's aiokafka consumer lives."""

    def _create_worker_consumer(self, transport: Any) -> AIOKafkaConsumer:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = _FETCH_WAIT_MS  # noqa: SLF001
        return consumer

    async def on_start(self) -> None:
        await super().on_start()
        transport = self.transport
        follow_membership(transport.lease, self._consumer._coordinator, transport.on_failure)  # noqa: SLF001

    async def _commit(self, offsets: Mapping[Any, int]) -> bool:
        """Commit; False where the group has moved on, which Faust takes for a crash (a partition that was revoked
        between its question what is assigned and the commit). The next owner starts at what was committed before.
        """
        assigned = self.assignment()
        ours = {TopicPartition(tp.topic, tp.partition): offset for tp, offset in offsets.items() if tp in assigned}
        try:
            if ours:
                await self._ensure_consumer().commit({tp: OffsetAndMetadata(each, "") for tp, each in ours.items()})
        except (CommitFailedError, IllegalStateError):
            return False
        return len(ours) == len(offsets)

    async def committed(self, parts: list[Any]) -> dict[Any, int | None]:
        """The group's committed offsets of these partitions, asked of the broker."""
        return dict(await self.call_thread(self._committed, parts))

    async def _committed(self, parts: list[Any]) -> dict[Any, int | None]:
        return {part: await self._consumer.committed(part) for part in parts}


class _Consumer(driver.Consumer):
    def _new_consumer_thread(self) -> _Consumers:
        return _Consumers(self, loop=self.loop, beacon=self.beacon)

    async def committed(self, parts: list[Any]) -> dict[Any, int | None]:
        """The group's committed offsets of these partitions."""
        found: dict[Any, int | None] = await self._thread.committed(parts)
        return found

    async def commit_positions(self, offsets: Mapping[TP, int]) -> bool:
        """Commit these offsets, whatever Faust knows of them; False where the group has moved on."""
        return bool(await self._thread.commit(offsets))


class _Transport(driver.Transport):
    """Consumes for an app while telling `lease` of every answered heartbeat."""

    Consumer = _Consumer

    def __init__(self, urls: Any, app: Any, lease: Lease, on_failure: Callable[[BaseException], None]) -> None:
        super().__init__(urls, app)
        self.lease, self.on_failure = lease, on_failure
