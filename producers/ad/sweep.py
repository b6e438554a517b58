"""The slow reconciliation: all ids are listed, and compared with what was emitted; the log goes on in between."""

from __future__ import annotations

from producers.ad.attributes import OBJECT_FILTER
from producers.ad.facts import WANTED, FollowUpRead, ReadWhole
from producers.ad.full_pass import confirmed
from producers.ad.ldap import searches as lookups
from producers.ad.mapping import read_change
from producers.ad.passes import FollowUp, Pass, Reading, Turn
from producers.id_set import IdSet
from producers.source import Batch
from streams.contracts.errors import InvalidRecordError
from streams.runtime.clock import now_ms


class Sweep(Pass):
    """Looks for what the log missed: objects that were never emitted, and deletions that it did not tell."""

    def __init__(self, reading: Reading, turn: Turn) -> None:
        super().__init__(reading)
        self._turn = turn
        self._seen = IdSet()
        self._reads: list[FollowUpRead] = []
        attributes = ("objectGUID", "objectClass")
        self._pages = lookups.pages(turn.connection, reading.stored.name, OBJECT_FILTER, attributes)
        self._step = self._read_page

    def _read_page(self) -> Batch | None:
        page = next(self._pages, None)
        if page is None:
            self._confirmed = confirmed(self._reading, self._turn, self._seen)
            self._step = self._confirm_missing
            return None
        for entry in page:
            try:
                change = read_change(entry)
            except InvalidRecordError:
                continue  # without a readable objectGUID the log has rejected it already
            self._seen.add(change.object_id)
            if change.kind in WANTED and change.object_id not in self._reading.stored.published:
                self._reads.append(ReadWhole(change.object_id))
        self._follow_reads()
        return Batch(more=True)

    def _confirm_missing(self) -> Batch | None:
        some = next(self._confirmed, None)
        if some is None:
            self._follow_reads()
            self._step = self._end
            return None
        facts, living = some
        self._reads += living
        return Batch(facts=facts, more=True)

    def _end(self) -> Batch:
        stored = self._reading.stored
        stored.position.swept_ms = now_ms()
        self._step = None
        return Batch(checkpoints=stored.changes(worth_it=True), more=True)  # the log may have gone on

    def _follow_reads(self) -> None:
        self._follow_up, self._reads = FollowUp(self._reading, self._turn.connection, self._reads), []
