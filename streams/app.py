"""The one faust.App: a worker that projects facts onto views and evaluates them.

Faust gives the process, the consumer group and the agents. Tables, commits and recovery are ours
(streams.agents), because Faust's own broke a guarantee or were too slow: see DECISIONS.md.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, cast

import faust
import uvloop
from aiokafka import TopicPartition
from aiokafka.errors import IllegalStateError
from faust.types import TP

from streams.agents.delivery.client import connection_options, new_reader
from streams.agents.delivery.lanes import Record
from streams.agents.delivery.lease import Lease
from streams.agents.delivery.positions import first_available
from streams.agents.delivery.transport import LeasedTransport
from streams.agents.delivery.watchdog import Watchdog
from streams.agents.metrics import REGISTRY
from streams.agents.scopes import scopes_of
from streams.agents.worker import Worker
from streams.contracts.errors import SyncHealthError
from streams.detections.registry import all_detections
from streams.reference_data import tables
from streams.runtime import service
from streams.runtime.clock import now_ms
from streams.runtime.listener import Listener
from streams.runtime.logs import configure_process, get_logger
from streams.runtime.settings import KafkaSettings, Settings

EXIT_FAILED = 70
_COMMIT_EVERY_S = 1.0
_LOOK_EVERY_S = 2.0
_LAYOUT_EVERY_S = 10.0
_SWEEP_LOOK_S = 60.0
_LOG_APPEND_TIME = 1
_NEVER_S = 10 * 365 * 86400.0
log = get_logger(__name__)


def run(settings: Settings, worker: int = 0) -> NoReturn:
    """Run one worker until SIGTERM (exit 0) or until it cannot go on (exit 70: start it again).

    worker: its number on this machine; it names the data folder and shifts the metrics port.
    """
    configure_process(settings.log.level, json=settings.log.json_lines)
    logging.getLogger("faust.transport.drivers.aiokafka").setLevel(logging.ERROR)
    outdated = tables.warning(now_ms())
    if outdated:
        log.warning(outdated, advice="upgrade SyncHealth")
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    app = new_app(settings, worker)
    try:
        _listen(settings, worker, app)
    except SyncHealthError as error:
        fail(error)
    service.started(app.unhealthy)
    process = faust.Worker(app, loop=loop, quiet=True, override_logging=False, redirect_stdouts=False)
    process.spinner = None  # it writes to the terminal
    try:
        process.execute_from_commandline()
    except SystemExit as ended:
        raise SystemExit(EXIT_FAILED if ended.code else 0) from ended
    raise SystemExit(0)


def _listen(settings: Settings, worker: int, app: _App) -> None:
    if not settings.streams.metrics_port:
        return
    Listener(
        settings.streams.metrics_host or settings.metrics.host,
        settings.streams.metrics_port + worker,
        REGISTRY,
        role=f"worker {worker}",
        setting="[streams] metrics_host and metrics_port",
        ready=app.unready,
        healthy=app.unhealthy,
        web_config_file=settings.metrics.web_config_file,
    )


def fail(error: BaseException) -> NoReturn:
    """End the process at once. Nothing is lost: what is not acknowledged is read again."""
    expected = isinstance(error, SyncHealthError)
    log.critical("worker_failed", error=f"{type(error).__name__}: {error}", exc_info=None if expected else error)
    sys.stderr.flush()
    os._exit(EXIT_FAILED)


def new_app(settings: Settings, worker: int = 0) -> _App:
    """The app of one worker, with all its agents."""
    data_dir = settings.streams.data_dir.expanduser() / f"worker-{worker}"
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    data_dir.chmod(0o700)  # names and addresses of everybody; older installations made it readable
    return _App(settings, data_dir)


class _App(faust.App):
    """Faust's app around our worker."""

    def __init__(self, settings: Settings, data_dir: Path) -> None:
        streams = settings.streams
        super().__init__(
            settings.consumer_group,
            autodiscover=False,
            broker=[f"kafka://{server}" for server in settings.kafka.bootstrap_servers],
            broker_credentials=_credentials(settings.kafka),
            broker_session_timeout=streams.session_timeout_s,
            broker_heartbeat_interval=streams.session_timeout_s / 6,
            broker_rebalance_timeout=max(10.0, streams.session_timeout_s),
            broker_request_timeout=max(30.0, 2 * streams.session_timeout_s),
            # Faust neither commits nor keeps tables here; its own loops for both sleep.
            broker_commit_interval=_NEVER_S,
            store="memory://",
            datadir=str(data_dir),
            stream_wait_empty=False,
            stream_buffer_maxsize=64,
            consumer_auto_offset_reset="earliest",
            # Above 0 selects Faust's sticky assignor, which moves few partitions in a rebalance.
            table_standby_replicas=1,
            topic_allow_declare=False,
            topic_disable_leader=True,
            web_enabled=False,
        )
        self._lease = Lease(streams.session_timeout_s)
        self.transport = LeasedTransport(self.conf.broker_consumer, self, self._lease)
        self._settings = settings
        self._kafka = settings.kafka
        self._pulse = service.Pulse()
        self._work = Worker(
            settings,
            data_dir,
            all_detections(),
            scopes_of(settings),
            lease=self._lease,
            commit=self._commit,
            positions=self,
            on_failure=fail,
        )
        for topic in self._work.stages:
            self._add_agent(topic)
        self.on_partitions_assigned.connect(self._assigned, weak=False)
        self.on_partitions_revoked.connect(self._revoked, weak=False)
        self.on_before_shutdown.connect(self._stopping, weak=False)
        self.task(self._every(_COMMIT_EVERY_S, self._work.commit))
        self.task(self._every(streams.tick_interval_s, self._work.tick))
        self.task(self._every(_SWEEP_LOOK_S, self._work.sweep))
        self.task(self._every(_LOOK_EVERY_S, self._turn))
        self.task(self._every(_LAYOUT_EVERY_S, self._work.look_at_topics))
        self.task(self._watch)

    def unready(self) -> str | None:
        """Why no partition is worked on; None where all of ours are."""
        waiting = [topic for topic, stage in self._work.stages.items() if not stage.ready]
        return f"partitions are not assigned or not recovered yet: {', '.join(waiting)}" if waiting else None

    def unhealthy(self) -> str | None:
        """Since when the event loop stands still; None while it turns."""
        return self._pulse.stuck()

    def _add_agent(self, topic: str) -> None:
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
                    await self._work.offer(record)
                except Exception as error:  # noqa: BLE001 - Faust would start the agent anew and go on behind the record
                    if not self.should_stop:
                        fail(error)

        source = self.topic(
            topic, key_serializer="raw", value_serializer="raw", allow_empty=True, acks=False, internal=False
        )
        self.agent(source, name=topic)(feed)

    async def on_start(self) -> None:
        try:
            await self._work.start()
        except Exception as error:  # noqa: BLE001 - Faust would only say that it crashed
            fail(error)
        await super().on_start()

    async def _commit(self, positions: Mapping[tuple[str, int], int]) -> bool:
        offsets = {TP(topic, partition): offset for (topic, partition), offset in positions.items()}
        return bool(await self.consumer._commit(offsets))  # noqa: SLF001

    async def committed(self, topic: str, partitions: set[int]) -> dict[int, int]:
        """See Positions."""
        found = await self.consumer.committed([TopicPartition(topic, partition) for partition in partitions])
        return {tp.partition: offset for tp, offset in found.items() if offset is not None and offset >= 0}

    async def first_available(self, topic: str, offsets: Mapping[int, int]) -> dict[int, int]:
        """See Positions."""
        return await first_available(self._kafka, topic, offsets)

    async def rewind(self, topic: str, partition: int, offset: int) -> None:
        """See Positions. The next assignment starts where it must anyway, so losing the partition is no matter."""
        with contextlib.suppress(IllegalStateError, AssertionError):
            await self.consumer.seek(TP(topic, partition), offset)

    async def tell_again(self, topic: str, partition: int, first: int, records: int) -> None:
        """See Positions."""
        await self._work.tell_again(topic, partition, first, records)

    def _highwater(self, topic: str, partition: int) -> int | None:
        try:
            return cast("int | None", self.consumer.highwater(TP(topic, partition)))
        except AssertionError:
            return None  # revoked between question and answer: the consumer lives in a thread of its own

    async def _assigned(self, _app: faust.App, assigned: set[TP], **_: Any) -> None:
        self._work.assigned({(tp.topic, tp.partition) for tp in assigned}, self.consumer_generation_id)

    async def _revoked(self, _app: faust.App, revoked: set[TP], **_: Any) -> None:
        await self._work.revoked()

    async def _stopping(self, _app: faust.App, **_: Any) -> None:
        await self._work.stop()

    async def _turn(self) -> None:
        # Of its own: all other timers may wait for Kafka, which no restart brings back.
        self._pulse.beat()

    def _every(self, interval_s: float, work: Any) -> Any:
        async def repeatedly() -> None:
            while not self.should_stop:
                await self.sleep(interval_s)
                if self.should_stop:
                    return
                try:
                    await work()
                except Exception as error:  # noqa: BLE001 - a dead timer must not go unnoticed
                    if not self.should_stop:
                        fail(error)

        repeatedly.__name__ = f"every_{work.__name__}"
        return repeatedly

    async def _watch(self) -> None:
        stuck_s = max(120.0, 4 * self._settings.streams.session_timeout_s)
        async with new_reader(self._kafka) as reader:
            watchdog = Watchdog(reader, self._highwater, stuck_s)

            async def look() -> None:
                self._work.observe()
                await watchdog.look(self._work.stages)

            await self._every(_LOOK_EVERY_S, look)()


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
