"""The usual pass: everything that the log of a naming context holds since the cookie."""

from __future__ import annotations

from itertools import islice

from producers.ad.facts import FollowUpRead
from producers.ad.ldap.times import changed_times
from producers.ad.mapping import Change
from producers.ad.passes import BATCH_FACTS, CookieLoop, FollowUp, Page, Pass, Reading, Turn
from producers.source import Batch
from streams.contracts.facts import Fact

_SMALL = 100  # changes for which asking for their times costs nothing worth speaking of


class FollowLog(Pass):
    """Reads on from the cookie until there is no more. Samba sends it in one response, Windows in several."""

    def __init__(self, reading: Reading, turn: Turn) -> None:
        super().__init__(reading)
        self._turn = turn
        self._loop = CookieLoop(reading.stored.name)
        self._reads: list[FollowUpRead] = []
        self._facts: list[Fact] = []  # of the page's end, where no follow-up read goes before it
        self._any = False  # the page ended with changes
        self._begin_page()

    def _begin_page(self) -> None:
        self._page: Page = self._reading.page(self._turn.connection, self._reading.stored.position.cookie)
        self._is_first_part = True
        self._step = self._read_part

    def _read_part(self) -> Batch | None:
        changes = list(islice(self._page.changes, BATCH_FACTS))
        if len(changes) == BATCH_FACTS:
            self._is_first_part = False
            return Batch(facts=self._assembled(changes, {}), more=True)
        times = {}
        if self._is_first_part and len(changes) <= _SMALL:
            session = self._reading.session
            times = changed_times(self._turn.connection, self._reading.stored.name, changes, session.quiet_ms)
        self._facts, self._any = self._assembled(changes, times), bool(changes)
        self._step = self._end_page
        if not self._reads:
            return None
        facts, self._facts = self._facts, []
        self._follow_up, self._reads = FollowUp(self._reading, self._turn.connection, self._reads), []
        return Batch(facts=facts, more=True)

    def _end_page(self) -> Batch:
        request, rejected = self._page.request, self._page.rejected
        self._loop.require_progress(request)
        self._reading.stored.position.cookie = request.cookie
        if not request.more:
            self._reading.arrived(self._turn)
        checkpoints = self._reading.stored.changes(worth_it=self._any)
        self._step = self._next_page if request.more else None
        return Batch(facts=self._facts, rejected=rejected, checkpoints=checkpoints, more=request.more)

    def _next_page(self) -> None:
        self._begin_page()

    def _assembled(self, changes: list[Change], times: dict[str, int]) -> list[Fact]:
        facts: list[Fact] = []
        for change in changes:
            outcome = self._reading.assembler.stream(change, times.get(change.object_id))
            if isinstance(outcome, list):
                facts += outcome
            else:
                self._reads.append(outcome)
        return facts
