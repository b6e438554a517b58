"""One naming context: a full pass first, then its log, and now and then a sweep that looks for what the log missed."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

from producers.ad.attributes import DEFAULT, OBJECT_FILTER, Watched
from producers.ad.deletions import Missing
from producers.ad.facts import WANTED, Assembler
from producers.ad.follow_up import second_look
from producers.ad.ldap import searches as lookups
from producers.ad.ldap.connection import DirectoryConnection
from producers.ad.ldap.dirsync import DirSyncRequest
from producers.ad.ldap.times import changed_times
from producers.ad.mapping import Change, read_change
from producers.ad.position import Position
from producers.ad.rejected import dead_letter
from producers.ad.root_dse import ServerIdentity
from producers.ad.servers import Servers
from producers.ad.session import Contact
from producers.id_set import GoneIds, IdSet, KnownIds
from producers.metrics import RESYNCS
from producers.source import Batch, Progress
from streams.contracts.checkpoint import Checkpoint
from streams.contracts.deadletter import DeadLetter
from streams.contracts.errors import CheckpointLostError, InvalidRecordError, RetriableError, SyncHealthError
from streams.contracts.facts import Fact
from streams.runtime.clock import HybridClock, now_ms
from streams.runtime.logs import get_logger
from streams.runtime.settings import ForestSettings

BATCH_FACTS = 1000
_SMALL = 100  # changes for which asking for their times costs nothing worth speaking of
_ASK_ANYWAY_S = 60.0  # a pass although highestCommittedUSN stands still
_SAVE_EVERY_S = 60.0  # how old a saved position may become while nothing happens

# Lost positions after which objects may be gone that never got a tombstone.
_REWOUND = frozenset({"restored_server", "usn_rollback", "foreign_domain"})

log = get_logger(__name__)


@dataclass(slots=True)
class FullPass:
    """A pass without history. `reason`: "initial", or why the position was lost.

    resumed: it goes on where another process stopped, so what it does not see may have been seen there.
    saves:   its cookies are worth saving, for another process to go on.
    saw_deleted: it was sent tombstones, so this account is not blind to deletions.
    """

    reason: str
    cookie: bytes = b""
    resumed: bool = False
    saves: bool = False
    seen: IdSet = field(default_factory=IdSet)
    saw_deleted: bool = False


class NamingContext:
    """Reads one naming context in batches. One thread; `read` may be called again after any RetriableError."""

    def __init__(
        self,
        name: str,
        source: str,
        forest: ForestSettings,
        servers: Servers,
        sequence: HybridClock,
        progress: Progress,
        elsewhere: Callable[[str], bool],
        watched: Watched = DEFAULT,
    ) -> None:
        self.name = name
        self.source = source
        self._watched = watched
        self.position = Position(name, selection=watched.selection)
        self.known = KnownIds(source, f"known/{name}")
        self.containers = KnownIds(source, f"containers/{name}")
        self._gone = GoneIds(source, f"gone/{name}")
        self._forest = forest
        self._sequence = sequence
        self._progress = progress
        self._assembler = Assembler(self.known, self.containers, sequence, elsewhere, self._gone.add, watched)
        self._missing = Missing(source, self._assembler, object_security=forest.object_security)
        self.contact = Contact(name, servers, partial(self._missing.look_at, name))
        self._read_at = 0.0
        self._saved_at = 0.0
        self._full: FullPass | None = None
        self._steps: Iterator[Batch] | None = None
        self._sweep: Iterator[Batch] | None = None

    def restore(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Take back what was saved."""
        saved = list(checkpoints)
        self.known.restore(saved)
        self.containers.restore(saved)
        self._gone.restore(saved)
        for checkpoint in saved:
            if checkpoint.part == f"position/{self.name}" and checkpoint.position:
                self.position = Position.from_json(checkpoint.position)
                self.position.naming_context = self.name
                if self.position.to_json() != checkpoint.position:
                    log.error("the position cannot be read: full pass", source=self.source, naming_context=self.name)
        if self.known.damaged or self.containers.damaged:
            log.error("what was known cannot be read: full pass", source=self.source, naming_context=self.name)
            RESYNCS.labels(self.source, "position_unreadable").inc()
            self.position = Position(self.name, selection=self._watched.selection)

    def read(self) -> Batch:
        """The next batch; see producers.source.Source.read."""
        try:
            batch = next(self._steps, None) if self._steps is not None else None
            if batch is None:
                self._steps = self._turn()
                batch = next(self._steps, None)
            return Batch() if batch is None else batch
        except CheckpointLostError as error:
            self.close()
            return self._lost("cookie_refused", str(error))
        except BaseException:
            self.close()
            raise

    def tell_again(self) -> list[Checkpoint]:
        """Begin a full pass that tells everything again, deletions too; what is under way ends.

        Returns the parts of the position that make it lasting.
        """
        self.close()
        self._begin_anew("ordered")
        self.position.again = True
        return self._save(True)

    @property
    def full_pass(self) -> str | None:
        """ "snapshot" until everything was read once, "resync" in later full passes, else None."""
        if self._full is None:
            return None if self.position.complete else "snapshot"
        return "snapshot" if self._full.reason == "initial" else "resync"

    def changed(self) -> bool:
        """Whether `read` would probably bring something; about 1 ms. Never raises: reading will tell."""
        return self._sweep is not None or self._sweep_due() or self.contact.has_news()

    def close(self) -> None:
        """Let go of the connection and of what was under way; the position stays."""
        self._steps = self._sweep = None
        self.contact.close()

    def _turn(self) -> Iterator[Batch]:
        """One pass, as batches."""
        connection, identity, highest_usn = self.contact.make()
        fault = self.position.fault(
            identity,
            self.contact.domain_guid,
            highest_usn,
            now_ms(),
            self._missing.tombstone_lifetime_ms,
            self._watched.selection,
        )
        if fault:
            yield self._lost(fault, f"{connection.server.url}: {self.name}")
        if self._full is None and not self.position.complete:
            initial = not self.position.cookie and not len(self.known)
            resumed = bool(self.position.cookie)
            reason = "initial" if initial or resumed else "unfinished"
            self._full = FullPass(reason, self.position.cookie, resumed, saves=initial or resumed)
        if self._full is not None:
            yield from self._read_all(connection, identity, self._full, highest_usn)
            return
        if highest_usn != self.contact.highest_usn or time.monotonic() - self._read_at > _ASK_ANYWAY_S:
            yield from self._read_log(connection, identity, highest_usn)
        if self._sweep is None and self._sweep_due():
            self._sweep = self._look_for_missed(connection)
        if self._sweep is not None:
            batch = next(self._sweep, None)
            if batch is None:
                self._sweep = None
            else:
                yield batch

    def _read_log(self, connection: DirectoryConnection, identity: ServerIdentity, highest_usn: int) -> Iterator[Batch]:
        """Everything since the cookie. Samba sends it in one response, Windows in several."""
        more = True
        sent: set[bytes] = set()
        while more:
            request = self._request(connection, self.position.cookie)
            held: list[Change] = []
            rejected: list[DeadLetter] = []
            few = True
            for change in self._changes(request, rejected):
                held.append(change)
                if len(held) >= BATCH_FACTS:
                    few = False
                    yield Batch(facts=self._stream(held, {}), more=True)
                    held = []
            times = (
                changed_times(connection, self.name, held, self.contact.quiet_ms) if few and len(held) <= _SMALL else {}
            )
            facts = self._stream(held, times)
            if self._assembler.has_notes:
                yield Batch(facts=facts, more=True)
                facts = []
                yield from self._second_look(connection)
            self._require_progress(request, sent)
            self.position.cookie, more = request.cookie, request.more
            if not more:
                self._arrived(identity, highest_usn)
            yield Batch(facts=facts, rejected=rejected, checkpoints=self._save(bool(held)), more=more)

    def _read_all(
        self, connection: DirectoryConnection, identity: ServerIdentity, full: FullPass, highest_usn: int
    ) -> Iterator[Batch]:
        """Everything there is; then what was known and not seen is looked for, one by one."""
        self._progress.total = len(self.known) or None
        more = True
        sent: set[bytes] = set()
        while more:
            request = self._request(connection, full.cookie)
            facts: list[Fact] = []
            rejected: list[DeadLetter] = []
            for change in self._changes(request, rejected):
                full.saw_deleted |= change.deleted
                facts += self._assembler.snapshot(change, full.seen)
                if len(facts) >= BATCH_FACTS:
                    self._progress.done += len(facts)
                    yield Batch(facts=facts, more=True)
                    facts = []
            self._progress.done += len(facts)
            yield Batch(facts=facts, rejected=rejected, more=True)
            yield from self._second_look(connection)
            self._require_progress(request, sent)
            full.cookie, more = request.cookie, request.more
            if full.saves:
                self.position.cookie = full.cookie
                self.position.domain_guid = self.contact.domain_guid
                yield Batch(checkpoints=self._save(True), more=True)
        if not full.resumed:
            self._missing.sees_deleted |= full.saw_deleted
            yield from self._confirm_missing(connection, full.seen, rewound=full.reason in _REWOUND)
        if self.position.again:
            yield from self._tell_gone()
        self.position.cookie, self.position.complete, self.position.again = full.cookie, True, False
        self.position.swept_ms = now_ms()
        self._full = None
        self._arrived(identity, highest_usn)
        log.info("full pass done", source=self.source, naming_context=self.name, objects=len(self.known))
        self._progress.total = None
        yield Batch(checkpoints=self._save(True), more=True)

    def _look_for_missed(self, connection: DirectoryConnection) -> Iterator[Batch]:
        """The slow reconciliation: all ids, a page per step; the log goes on in between."""
        seen = IdSet()
        for page in lookups.pages(connection, self.name, OBJECT_FILTER, ("objectGUID", "objectClass")):
            for entry in page:
                try:
                    change = read_change(entry)
                except InvalidRecordError:
                    continue  # without a readable objectGUID the log has rejected it already
                seen.add(change.object_id)
                if change.kind in WANTED and change.object_id not in self.known:
                    self._assembler.read_again(change.object_id)
            yield Batch(more=True)
            yield from self._second_look(connection)
        yield from self._confirm_missing(connection, seen)
        self.position.swept_ms = now_ms()
        yield Batch(checkpoints=self._save(True), more=True)  # the log may have gone on

    def _confirm_missing(
        self, connection: DirectoryConnection, seen: IdSet, *, rewound: bool = False
    ) -> Iterator[Batch]:
        silent_ms = now_ms() - self.position.contact_ms if self.position.contact_ms else 0
        for facts in self._missing.confirm(connection, self.name, seen, silent_ms=silent_ms, rewound=rewound):
            yield Batch(facts=facts, more=True)
        yield from self._second_look(connection)

    def _tell_gone(self) -> Iterator[Batch]:
        """What was told gone and is gone: a full pass shows what there is, and not every tombstone."""
        gone = (object_id for object_id in self._gone if not self._assembler.lives(object_id))
        while some := list(islice(gone, BATCH_FACTS)):
            yield Batch(facts=[self._assembler.gone_again(object_id) for object_id in some], more=True)

    def _second_look(self, connection: DirectoryConnection) -> Iterator[Batch]:
        """Batches of facts about what the log only hinted at; none if it did not hint.

        What was found before a failure is told before the failure: those objects count as known from then on.
        """
        facts: list[Fact] = []
        failure: SyncHealthError | None = None
        try:
            for fact in second_look(connection, self.name, self._assembler):
                facts.append(fact)
                if len(facts) >= BATCH_FACTS:
                    yield Batch(facts=facts, more=True)
                    facts = []
        except SyncHealthError as error:
            failure = error
        if facts:
            yield Batch(facts=facts, more=True)
        if failure is not None:
            raise failure

    def _stream(self, held: list[Change], times: dict[str, int]) -> list[Fact]:
        return [fact for change in held for fact in self._assembler.stream(change, times.get(change.object_id))]

    def _changes(self, request: DirSyncRequest, rejected: list[DeadLetter]) -> Iterator[Change]:
        for entry in request:
            try:
                change = read_change(entry, self._watched)
            except InvalidRecordError as error:
                rejected.append(dead_letter(error, entry))
                continue
            rejected += [dead_letter(error, part) for error, part in change.refused]
            yield change

    def _request(self, connection: DirectoryConnection, cookie: bytes) -> DirSyncRequest:
        return DirSyncRequest(
            connection,
            self.name,
            cookie,
            search_filter=OBJECT_FILTER,
            attributes=self._watched.names,
            object_security=self._forest.object_security,
        )

    def _require_progress(self, request: DirSyncRequest, sent: set[bytes]) -> None:
        """Raises RetriableError where there is more behind a cookie that was sent before: that never ends."""
        sent.add(hashlib.sha256(request.sent_cookie).digest())
        if request.more and hashlib.sha256(request.cookie).digest() in sent:
            message = f"{self.name}: DirSync has more to tell, but its cookie leads back to where it was"
            raise RetriableError(message, retry_after_s=60.0)

    def _lost(self, reason: str, message: str) -> Batch:
        """The position is worth nothing: the next turn reads everything."""
        log.warning("the position is lost: full pass", source=self.source, reason=reason, said=message)
        self._begin_anew(reason)
        return Batch(checkpoints=self._save(True), more=True)

    def _begin_anew(self, reason: str) -> None:
        RESYNCS.labels(self.source, reason).inc()
        self._full = FullPass(reason)
        self._progress.done = 0
        # contact_ms stays: it says how long deletions may have gone unheard
        self.position = Position(
            self.name,
            contact_ms=self.position.contact_ms,
            again=self.position.again,
            selection=self._watched.selection,
        )
        self.contact.highest_usn = -1

    def _arrived(self, identity: ServerIdentity, highest_usn: int) -> None:
        """Note that everything up to `highest_usn` of this server was read."""
        self.position.servers[identity.service_name] = (identity.invocation_id, highest_usn)
        self.position.domain_guid = self.contact.domain_guid
        self.position.contact_ms = now_ms()
        self.contact.highest_usn, self._read_at = highest_usn, time.monotonic()

    def _save(self, worth_it: bool) -> list[Checkpoint]:
        """The parts of the position, in the order in which they must be saved."""
        if not worth_it and time.monotonic() - self._saved_at < _SAVE_EVERY_S:
            return []
        self._saved_at = time.monotonic()
        seq, ts_ms = self._sequence.last, now_ms()
        return [
            *self.known.changes(seq, ts_ms),
            *self.containers.changes(seq, ts_ms),
            *self._gone.changes(seq, ts_ms),
            Checkpoint(
                source=self.source,
                part=f"position/{self.name}",
                seq=seq,
                ts_ms=ts_ms,
                position=self.position.to_json(),
            ),
        ]

    def _sweep_due(self) -> bool:
        return now_ms() - self.position.swept_ms > self._forest.reconcile_interval_s * 1000
