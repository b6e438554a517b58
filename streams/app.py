"""A worker as a process: settings, member of the group, worker and listener put together."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from pathlib import Path
from typing import NoReturn

import uvloop

from streams.agents.delivery.faust import FaustDelivery
from streams.agents.delivery.lease import Lease
from streams.agents.delivery.membership import claim
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
from streams.runtime.settings import Settings

EXIT_FAILED = 70
_PULSE_EVERY_S = 2.0
log = get_logger(__name__)


def run(settings: Settings, worker: int = 0) -> NoReturn:
    """Run one worker until SIGTERM or until it cannot go on (exit 70: start it again).

    Exit after SIGTERM: 0, or 75 where it did not stop in time (streams.runtime.service).

    worker: its number on this machine; it names the data folder and shifts the metrics port.
    """
    configure_process(settings.log.level, json=settings.log.json_lines)
    outdated = tables.warning(now_ms())
    if outdated:
        log.warning(outdated, advice="upgrade SyncHealth")
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    data_dir = _data_dir(settings, worker)
    lease, pulse = Lease(settings.streams.session_timeout_s), service.Pulse()
    try:
        member = claim(data_dir)
    except SyncHealthError as error:
        fail(error)
    delivery = FaustDelivery(settings, data_dir, lease, fail, member)
    work = Worker(
        settings, data_dir, all_detections(), scopes_of(settings), lease=lease, delivery=delivery, on_failure=fail
    )
    try:
        _listen(settings, worker, work, pulse)
    except SyncHealthError as error:
        fail(error)
    service.started(pulse.stuck)
    # What a batch leaves behind dies by its count: the collector finds nearly nothing, and looks rarely; never at what
    # was there before the first record (6 to 9 % of a worker's CPU by its profile).
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)

    async def turn() -> None:  # a timer of its own: all others may wait for Kafka, which no restart brings back
        pulse.beat()

    raise SystemExit(EXIT_FAILED if delivery.run(work, loop, (_PULSE_EVERY_S, turn)) else 0)


def _listen(settings: Settings, worker: int, work: Worker, pulse: service.Pulse) -> None:
    if not settings.streams.metrics_port:
        return
    Listener(
        settings.streams.metrics_host or settings.metrics.host,
        settings.streams.metrics_port + worker,
        REGISTRY,
        role=f"worker {worker}",
        setting="[streams] metrics_host and metrics_port",
        ready=lambda: work.unready,
        healthy=pulse.stuck,
        web_config_file=settings.metrics.web_config_file,
    )


def fail(error: BaseException) -> NoReturn:
    """End the process at once. Nothing is lost: what is not acknowledged is read again."""
    expected = isinstance(error, SyncHealthError)
    log.critical("worker_failed", error=f"{type(error).__name__}: {error}", exc_info=None if expected else error)
    sys.stderr.flush()
    os._exit(EXIT_FAILED)


def _data_dir(settings: Settings, worker: int) -> Path:
    found = settings.streams.data_dir.expanduser() / f"worker-{worker}"
    found.mkdir(mode=0o700, parents=True, exist_ok=True)
    found.chmod(0o700)  # names and addresses of everybody; older installations made it readable
    return found
