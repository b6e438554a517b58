"""What the passes over a naming context share: pages of DirSync, follow-up reads, and the way from step to step."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from producers.ad.attributes import OBJECT_FILTER, Watched
from producers.ad.deletions import DeletionConfirmer
from producers.ad.facts import Assembler, FollowUpRead, ReadBelow, ReadWhole
from producers.ad.follow_up import read_below, read_objects
from producers.ad.ldap.connection import DirectoryConnection
from producers.ad.ldap.dirsync import DirSyncRequest
from producers.ad.mapping import Change, read_change
from producers.ad.rejected import dead_letter
from producers.ad.root_dse import ServerIdentity
from producers.ad.session import ServerSession
from producers.ad.stored_context import StoredContext
from producers.source import Batch, Progress
from streams.contracts.deadletter import DeadLetter
from streams.contracts.errors import InvalidRecordError, RetriableError, SyncHealthError
from streams.contracts.facts import Fact

BATCH_FACTS = 1000


@dataclass(slots=True)
class Page:
    """One response of DirSync. changes: goes on where it was left; rejected: what could not be read on the way."""

    request: DirSyncRequest
    changes: Iterator[Change]
    rejected: list[DeadLetter] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Turn:
    """A connection that has just answered, whose it is, and its highestCommittedUSN then."""

    connection: DirectoryConnection
    identity: ServerIdentity
    highest_usn: int


@dataclass(slots=True)
class Reading:
    """One naming context, as its passes read it."""

    stored: StoredContext
    session: ServerSession
    assembler: Assembler
    deletions: DeletionConfirmer
    progress: Progress
    watched: Watched
    object_security: bool

    def page(self, connection: DirectoryConnection, cookie: bytes) -> Page:
        """The response to a cookie. Raises CheckpointLostError, RetriableError, FatalError while it is read."""
        request = DirSyncRequest(
            connection,
            self.stored.name,
            cookie,
            search_filter=OBJECT_FILTER,
            attributes=self.watched.names,
            object_security=self.object_security,
        )
        rejected: list[DeadLetter] = []
        return Page(request, self._changes(request, rejected), rejected)

    def arrived(self, turn: Turn) -> None:
        """Note that everything was read that the server had when the turn began."""
        self.stored.arrived(turn.identity, self.session.domain_guid, turn.highest_usn)
        self.session.read_up_to(turn.highest_usn)

    def _changes(self, request: DirSyncRequest, rejected: list[DeadLetter]) -> Iterator[Change]:
        for entry in request:
            try:
                change = read_change(entry, self.watched)
            except InvalidRecordError as error:
                rejected.append(dead_letter(error, entry))
                continue
            rejected += [dead_letter(error, part) for error, part in change.refused]
            yield change


class Pass:
    """A pass as a row of steps.

    `_step` is what comes next; it returns a batch, or None to go on at once, and may name another step; None: over.
    """

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._step: Callable[[], Batch | None] | None = None
        self._follow_up: FollowUp | None = None

    @property
    def is_over(self) -> bool:
        """Whether there is no further batch."""
        return self._step is None and self._follow_up is None

    def next_batch(self) -> Batch | None:
        """The next batch; None if the pass is over. After an exception the pass is worth nothing."""
        while not self.is_over:
            if self._follow_up is not None:
                batch = self._follow_up.next_batch()
                if batch is None:
                    self._follow_up = None
            else:
                batch = self._step() if self._step is not None else None
            if batch is not None:
                return batch
        return None


class FollowUp:
    """Carries out follow-up reads, in batches of facts; none if there is nothing to read.

    What was found before a failure is handed out before the failure: those objects count as known from then on.
    """

    def __init__(self, reading: Reading, connection: DirectoryConnection, reads: list[FollowUpRead]) -> None:
        self._facts = _facts_of(reading, connection, reads)
        self._failure: SyncHealthError | None = None

    def next_batch(self) -> Batch | None:
        """The next batch; None at the end. Raises RetriableError, FatalError."""
        if self._failure is not None:
            raise self._failure
        facts: list[Fact] = []
        try:
            for fact in self._facts:
                facts.append(fact)
                if len(facts) >= BATCH_FACTS:
                    break
        except SyncHealthError as error:
            if not facts:
                raise
            self._failure = error
        return Batch(facts=facts, more=True) if facts else None


class CookieLoop:
    """Notices a server whose cookies lead back to one another: more behind a cookie that was sent before never ends."""

    def __init__(self, naming_context: str) -> None:
        self._naming_context = naming_context
        self._sent: set[bytes] = set()

    def require_progress(self, request: DirSyncRequest) -> None:
        """Raises RetriableError where the answer leads back."""
        self._sent.add(hashlib.sha256(request.sent_cookie).digest())
        if request.more and hashlib.sha256(request.cookie).digest() in self._sent:
            message = f"{self._naming_context}: DirSync has more to tell, but its cookie leads back to where it was"
            raise RetriableError(message, retry_after_s=60.0)


def _facts_of(reading: Reading, connection: DirectoryConnection, reads: list[FollowUpRead]) -> Iterator[Fact]:
    assembler = reading.assembler
    below = [read.dn for read in reads if isinstance(read, ReadBelow)]
    whole = [read for read in reads if isinstance(read, ReadWhole)]
    for found in read_objects(connection, reading.stored.name, whole, reading.watched):
        outcome = assembler.found(found)
        if isinstance(outcome, ReadBelow):
            below.append(outcome.dn)
        else:
            yield from outcome
    for change in read_below(connection, below):
        yield from assembler.renamed(change)
