"""Microsoft Graph as a Source: its tasks take turns, a few of them on the wire at a time."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from producers import metrics
from producers.graph.client import GraphClient
from producers.graph.collections import COLLECTIONS, ERRORS, Collection
from producers.graph.deleted import DELETED_PERMISSIONS, DeletedTask
from producers.graph.delta import DeltaTask
from producers.graph.errors_seen import ErrorsSeen
from producers.graph.logs import AUDITS, LOGS, LogOfEntra, LogPace, LogTask
from producers.graph.mapping.audits import audit_event
from producers.graph.mapping.sign_ins import SignInTask
from producers.graph.sweep import SweepTask
from producers.graph.task import Step, Task
from producers.graph.tenant import TenantTask
from producers.graph.verify import VerifyTask
from producers.graph.writeback import WritebackTask
from producers.refusing import STUMBLES
from producers.sequence import last_number
from producers.source import STREAMING, WATERMARK_S, Batch, Progress
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.deadletter import DeadLetter
from streams.contracts.errors import RetriableError
from streams.contracts.facts import ObjectKind, Origin, Watermark
from streams.contracts.orders import LOGS as LOGS_WORD
from streams.contracts.orders import OBJECTS
from streams.runtime.backoff import wait_s
from streams.runtime.clock import HybridClock
from streams.runtime.logs import get_logger
from streams.runtime.settings import TenantSettings

# How long a read waits for an answer before the runner's loop may turn.
_ANSWER_S = 2.0
_STUMBLED_WAIT_S = 60.0
_MOST_REFUSED = 50_000  # dead letters that are remembered, not to be written again

log = get_logger(__name__)


@dataclass(slots=True)
class _Turn:
    """Where a task stands: when it may ask again, how often it failed in a row, its call on the wire.

    outdated: the task has begun anew since the call left, so its answer is not wanted any more.
    """

    task: Task
    due_at: float = 0.0
    failures: int = 0
    call: Future[Any] | None = None
    outdated: bool = False


class GraphSource:
    """Users, groups, contacts and devices of one tenant, the deleted ones, errors that Entra keeps, and its state.

    Each collection goes its own pace: throttling or a missing permission of one does not hold up the others.
    While a page is on its way to Kafka the next one is already being fetched, never more than one each.
    """

    def __init__(
        self,
        tenant: TenantSettings,
        client: GraphClient | None = None,
        collections: Iterable[Collection] = COLLECTIONS,
        clock: Callable[[], float] = time.monotonic,
        logs: Iterable[LogOfEntra] = LOGS,
    ) -> None:
        self.origin = Origin(name=f"entra/{tenant.id}", side="entra", tenant=tenant.id)
        self.progress = Progress()
        self._sequence = HybridClock()
        self._clock = clock
        self._wake = threading.Event()
        self._pool = ThreadPoolExecutor(tenant.max_concurrency, thread_name_prefix=f"graph-{tenant.id}")
        client = client or GraphClient(tenant)
        self._tenant = TenantTask(client, tenant.id, self.origin.name, self._sequence, tenant.tenant_interval_s)
        self._collected = (False, False)
        self._marked_at = -WATERMARK_S
        self._deltas: list[DeltaTask] = []
        self._writeback: WritebackTask | None = None
        self._deleted: list[DeletedTask] = []
        tasks: list[Task] = [self._tenant]
        for collection in (each.set_up(tenant.flows, tenant.users_joined_by) for each in collections):
            tasks += self._tasks_of(collection, client, tenant)
        pace = LogPace(
            interval_s=tenant.audit_interval_s, overlap_s=tenant.audit_overlap_s, lookback_s=tenant.audit_lookback_s
        )
        servers = {name.lower(): server.lower() for name, server in tenant.sync_applications.items()}
        read = [replace(each, event=partial(audit_event, sync_applications=servers)) if each is AUDITS else each
                for each in logs]  # fmt: skip
        self._logs = [LogTask(each, client, tenant.id, self.origin.name, self._sequence, pace) for each in read]
        if tenant.sign_ins:
            # No further back than a round asks again for: a day of sign-ins would take hours to read.
            pace = replace(pace, interval_s=tenant.sign_in_interval_s, lookback_s=tenant.audit_overlap_s)
            self._logs.append(SignInTask(client, tenant.id, self.origin.name, self._sequence, pace))
        self._tenant.also_refused(self._refused_tasks)
        self._tenant.also_managers(lambda: max((delta.singles_since_ms for delta in self._deltas), default=0))
        tasks += [*self._deleted, *self._logs]
        self._turns = [_Turn(task) for task in tasks]
        self._refused: dict[bytes, None] = {}

    def _tasks_of(self, collection: Collection, client: GraphClient, tenant: TenantSettings) -> Iterator[Task]:
        """The tasks of one collection: its delta, and those that look for what delta does not tell."""
        source, sequence = self.origin.name, self._sequence
        errors = ErrorsSeen(source, f"{collection.name}/errors")
        delta = DeltaTask(collection, client, source, sequence, errors, tenant.poll_interval_s)
        ledger = delta.ledger
        self._deltas.append(delta)
        yield from (delta, VerifyTask(client, delta))
        if collection.name in DELETED_PERMISSIONS:
            self._deleted.append(
                DeletedTask(
                    collection, client, source, sequence, ledger, lambda: delta.properties, tenant.deleted_interval_s
                )
            )
        if set(ERRORS) <= set(collection.properties):
            yield SweepTask(collection, client, sequence, errors, ledger, tenant.sweep_interval_s)
        if collection.kind is ObjectKind.GROUP:
            self._writeback = WritebackTask(client, source, sequence, ledger, tenant.sweep_interval_s)
            yield self._writeback

    def restore(self, checkpoints: Iterable[Checkpoint], claimed_ms: int | None = None) -> None:
        """Go on above the last sequence number and where each task's position says."""
        saved = list(checkpoints)
        self._sequence.last = last_number(saved, claimed_ms)
        for turn in self._turns:
            turn.task.restore(saved)

    def read(self) -> Batch:
        """What the next answers brought; failures of one task are its own and it backs off.

        Never raises RetriableError: nothing is asked while every task rests or backs off.
        """
        collected, watermarks = self._emit_collected(), self._watermarks()
        self._send_due()
        calls = [turn.call for turn in self._turns if turn.call is not None]
        if not calls:
            tenants, checkpoints = collected.tenants, collected.checkpoints
            return Batch(tenants=tenants, checkpoints=checkpoints, watermarks=watermarks, contacted=False)
        wait(calls, timeout=_ANSWER_S, return_when=FIRST_COMPLETED)
        steps = [self._taken(turn) for turn in self._turns if turn.call is not None and turn.call.done()]
        answered = [step for step in steps if step is not None]
        self._note_progress(answered)
        self._send_due()
        return Batch(
            facts=[fact for step in answered for fact in step.facts],
            tenants=[state for step in (collected, *answered) for state in step.tenants],
            events=[event for step in answered for event in step.events],
            checkpoints=[checkpoint for step in (collected, *answered) for checkpoint in step.checkpoints],
            rejected=[letter for step in answered for letter in step.rejected if self._is_news(letter)],
            watermarks=watermarks,
            more=self._emits_collected_next() or any(turn.call is not None for turn in self._turns),
            contacted=bool(answered),
        )

    def wait(self, timeout_s: float) -> None:
        """Until a task is due, at most `timeout_s`, or until `wake`."""
        due_at = min((turn.due_at for turn in self._turns if turn.task.ready), default=0.0)
        self._wake.wait(max(0.0, min(timeout_s, due_at - self._clock())))

    def wake(self) -> None:
        """End a `wait`, now and from now on: the process stops."""
        self._wake.set()

    def close(self) -> None:
        """Let calls on the wire end by themselves; start none."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def collections(self) -> list[str]:
        """The names that an order may give: of each collection and log, and of all collections and all logs."""
        return [OBJECTS, LOGS_WORD, *(delta.name for delta in self._deltas), *(each.name for each in self._logs)]

    def resync(self, collection: str) -> list[Checkpoint]:
        """See producers.source.Source.resync."""
        deltas, logs = self._covered(collection)
        step = Step()
        kinds = {delta.name for delta in deltas if delta.emit_again(step)}
        steps = [each.emit_again() for each in logs]
        steps += [each.emit_again() for each in self._deleted if each.collection.name in kinds]
        step.checkpoints += [part for each in steps for part in each.checkpoints]
        if collection in ("", OBJECTS):
            self._tenant.emit_again()
        for turn in self._turns:
            turn.outdated = turn.call is not None
            if not turn.failures:  # else Graph has said when to come back
                turn.due_at = 0.0
        return step.checkpoints

    def resyncing(self, collection: str) -> bool:
        """See producers.source.Source.resyncing."""
        if collection and collection not in self.collections:
            return False
        deltas, logs = self._covered(collection)
        return any(delta.ledger.ordered for delta in deltas) or any(each.resyncing for each in logs)

    def _covered(self, collection: str) -> tuple[list[DeltaTask], list[LogTask]]:
        """Raises KeyError for a collection that there is not."""
        if collection and collection not in self.collections:
            raise KeyError(collection)
        deltas = [each for each in self._deltas if collection in ("", OBJECTS, each.name)]
        return deltas, [each for each in self._logs if collection in ("", LOGS_WORD, each.name)]

    def _refused_tasks(self) -> dict[str, str]:
        """Logs and lists that we may not read; 404 is no refusal: this cloud does not have the list."""
        asked: list[LogTask | DeletedTask] = [*self._logs, *self._deleted]
        return {each.name: each.refusal for each in asked if each.refusal and each.refusal.startswith("403")}

    def _emit_collected(self) -> Step:
        """At the start of a read, everything before it is in Kafka: the runner delivers before it reads on."""
        if not self._emits_collected_next():
            return Step()
        self._collected = self._reached()
        self._marked_at = -WATERMARK_S
        return self._tenant.collected(devices=self._collected[1])

    def _watermarks(self) -> list[Watermark]:
        """As with what is collected: what was read before this read is in Kafka."""
        now, (essential, devices) = self._clock(), self._reached()
        if not essential or now < self._marked_at + WATERMARK_S:
            return []
        read = [delta.read_ms for delta in self._deltas if delta.collection.essential]
        if not all(read):
            return []  # no round has ended since the start: how far it had been read is not kept
        self._marked_at = now
        parts = ("", "devices") if devices else ("",)
        return [Watermark(origin=self.origin, read_ms=min(read), part=part) for part in parts]

    def _emits_collected_next(self) -> bool:
        reached = self._reached()
        return reached[0] and reached != self._collected

    def _reached(self) -> tuple[bool, bool]:
        """Whether everything essential was read whole once, and whether devices were, too."""
        essential = all(delta.ledger.completed for delta in self._deltas if delta.collection.essential)
        devices = [delta for delta in self._deltas if delta.collection.kind is ObjectKind.DEVICE]
        return essential, essential and bool(devices) and all(delta.ledger.completed for delta in devices)

    def _send_due(self) -> None:
        now = self._clock()
        for turn in self._turns:
            if turn.call is None and turn.due_at <= now and turn.task.ready:
                turn.call = self._pool.submit(turn.task.fetch)

    def _taken(self, turn: _Turn) -> Step | None:
        call, turn.call = turn.call, None
        assert call is not None
        if turn.outdated:
            turn.outdated = False
            return None
        try:
            step = turn.task.apply(call.result())
        except RetriableError as error:
            self._failed(turn)
            delay_s = wait_s(turn.failures, error.retry_after_s)
            turn.due_at = self._clock() + delay_s
            metrics.ERRORS.labels(self.origin.name, "read", type(error).__name__).inc()
            log.warning(
                "trying again", source=self.origin.name, task=turn.task.name, error=str(error), wait_s=round(delay_s, 1)
            )
            return None
        except STUMBLES as error:  # an answer of an unforeseen shape: this task waits, the others go on
            self._failed(turn)
            turn.due_at = self._clock() + _STUMBLED_WAIT_S
            metrics.ERRORS.labels(self.origin.name, "read", type(error).__name__).inc()
            log.exception("an answer cannot be read", source=self.origin.name, task=turn.task.name)
            return None
        if self._writeback is not None:
            self._writeback.complete(step.facts)
        turn.failures = 0
        self.progress.unheard.pop(turn.task.name, None)
        turn.due_at = self._clock() + turn.task.interval_s if turn.task.resting else 0.0
        return step

    def _is_news(self, letter: DeadLetter) -> bool:
        """Whether this was not refused before: lists are read whole each hour, and what is wrong in them stays."""
        what = f"{letter.reason}\0{letter.key}\0{letter.original}\0{letter.original_sha256}"
        name = hashlib.blake2b(what.encode(), digest_size=8).digest()
        if name in self._refused:
            return False
        self._refused[name] = None
        if len(self._refused) > _MOST_REFUSED:
            self._refused.pop(next(iter(self._refused)))
        return True

    def _failed(self, turn: _Turn) -> None:
        turn.failures += 1
        self.progress.unheard.setdefault(turn.task.name, self._clock())

    def _note_progress(self, steps: list[Step]) -> None:
        passes = {turn.task.name: turn.task.full_pass for turn in self._turns if turn.task.full_pass is not None}
        if not passes:
            self.progress.phase, self.progress.notes = STREAMING, {}
            return
        if self.progress.phase in {"starting", STREAMING}:
            self.progress.done = 0
        self.progress.phase = "resync" if "resync" in passes.values() else "snapshot"
        self.progress.done += sum(len(step.facts) for step in steps)
        self.progress.notes = {"reading": ", ".join(sorted(passes))}
