"""A pass without history: everything there is; then what was known and not seen is looked for, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from producers.ad.facts import FollowUpRead, ReadWhole
from producers.ad.passes import BATCH_FACTS, CookieLoop, FollowUp, Page, Pass, Reading, Turn
from producers.id_set import IdSet
from producers.source import Batch
from streams.contracts.facts import Fact
from streams.runtime.clock import now_ms
from streams.runtime.logs import get_logger

# Lost positions after which objects may be gone that never got a tombstone.
_REWOUND = frozenset({"restored_server", "usn_rollback", "foreign_domain"})

log = get_logger(__name__)


class FullPass(Pass):
    """Reads a naming context whole. It outlives a connection: `begin` goes on at the last cookie with another one.

    reason:  "initial", or why the position was lost.
    resumed: it goes on where another process stopped, so what it does not see may have been seen there.
    saves:   its cookies are worth saving, for another process to go on.
    """

    def __init__(
        self, reading: Reading, reason: str, cookie: bytes = b"", *, resumed: bool = False, saves: bool = False
    ) -> None:
        super().__init__(reading)
        self.reason = reason
        self._cookie = cookie
        self._resumed = resumed
        self._saves = saves
        self._seen = IdSet()
        self._saw_deleted = False  # it was sent tombstones, so this account is not blind to deletions
        self._ended = False

    @property
    def is_over(self) -> bool:
        """Whether everything was read; between two connections it is not over."""
        return self._ended

    def begin(self, turn: Turn) -> None:
        """Go on with this connection; what was half read of a page is read again."""
        self._turn = turn
        self._loop = CookieLoop(self._reading.stored.name)
        self._page: Page | None = None
        self._reads: list[FollowUpRead] = []
        self._follow_up = None
        self._reading.progress.total = len(self._reading.stored.published) or None
        self._step = self._read_part

    def _read_part(self) -> Batch:
        if self._page is None:
            self._page = self._reading.page(self._turn.connection, self._cookie)
        facts: list[Fact] = []
        for change in self._page.changes:
            self._saw_deleted |= change.deleted
            outcome = self._reading.assembler.snapshot(change, self._seen)
            if isinstance(outcome, list):
                facts += outcome
            else:
                self._reads.append(outcome)
            if len(facts) >= BATCH_FACTS:
                self._reading.progress.done += len(facts)
                return Batch(facts=facts, more=True)
        self._reading.progress.done += len(facts)
        self._follow_reads()
        self._step = self._end_page
        return Batch(facts=facts, rejected=self._page.rejected, more=True)

    def _end_page(self) -> Batch | None:
        assert self._page is not None
        request, self._page = self._page.request, None
        self._loop.require_progress(request)
        self._cookie = request.cookie
        self._step = self._read_part if request.more else self._look_for_missing
        if not self._saves:
            return None
        stored = self._reading.stored
        stored.position.cookie, stored.position.domain_guid = self._cookie, self._reading.session.domain_guid
        return Batch(checkpoints=stored.changes(worth_it=True), more=True)

    def _look_for_missing(self) -> None:
        if self._resumed:
            self._step = self._after_missing
            return
        self._reading.deletions.sees_deleted |= self._saw_deleted
        self._confirmed = confirmed(self._reading, self._turn, self._seen, rewound=self.reason in _REWOUND)
        self._step = self._confirm_missing

    def _confirm_missing(self) -> Batch | None:
        some = next(self._confirmed, None)
        if some is None:
            self._follow_reads()
            self._step = self._after_missing
            return None
        facts, living = some
        self._reads += living
        return Batch(facts=facts, more=True)

    def _after_missing(self) -> None:
        """Deletions already emitted, once more where the pass was ordered: DirSync does not return every tombstone."""
        assembler = self._reading.assembler
        gone = self._reading.stored.gone if self._reading.stored.position.again else ()
        self._gone = (object_id for object_id in gone if not assembler.lives(object_id))
        self._step = self._emit_gone

    def _emit_gone(self) -> Batch | None:
        some = list(islice(self._gone, BATCH_FACTS))
        if not some:
            self._step = self._end
            return None
        return Batch(facts=[self._reading.assembler.gone_again(object_id) for object_id in some], more=True)

    def _end(self) -> Batch:
        stored = self._reading.stored
        stored.position.cookie, stored.position.complete, stored.position.again = self._cookie, True, False
        stored.position.swept_ms = now_ms()
        self._reading.arrived(self._turn)
        log.info("full pass done", source=stored.source, naming_context=stored.name, objects=len(stored.published))
        self._reading.progress.total = None
        self._step, self._ended = None, True
        return Batch(checkpoints=stored.changes(worth_it=True), more=True)

    def _follow_reads(self) -> None:
        self._follow_up, self._reads = FollowUp(self._reading, self._turn.connection, self._reads), []


def confirmed(
    reading: Reading, turn: Turn, seen: IdSet, *, rewound: bool = False
) -> Iterator[tuple[list[Fact], list[ReadWhole]]]:
    """What became of the known objects outside `seen`: facts, and what lives and is to be read."""
    contact_ms = reading.stored.position.contact_ms
    silent_ms = now_ms() - contact_ms if contact_ms else 0
    return reading.deletions.confirm(turn.connection, reading.stored.name, seen, silent_ms=silent_ms, rewound=rewound)
