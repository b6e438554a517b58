"""One channel: messages that are due are stored, sent and marked as delivered, one after the other."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sinks.notify.channels.channel import Channel, RefusedNoticeError
from sinks.notify.decision import HOUR_MS, FindingStatus, Notified, Notify, Quiet, Together, Wait, next_step, together
from sinks.notify.ledger import ChannelState, NotificationLedger, Outgoing
from sinks.notify.metrics import Metrics
from sinks.notify.notice import Kind, Notice
from sinks.notify.present import FIRST, CurrentFindings
from sinks.notify.wording import Wording
from streams.contracts.errors import RetriableError
from streams.contracts.finding import Finding, FindingState, Severity
from streams.runtime.clock import now_ms
from streams.runtime.logs import get_logger

_TOGETHER_EVERY_MS = 600_000
_TOGETHER_SETTLES_MS = 5_000
"""Those that are told together come in a stream: its end is awaited, but not for long."""
_TOGETHER_WAITS_MS = HOUR_MS
_REFUSED_AGAIN_MS = HOUR_MS
_STOOD = "stood before this channel was set up"
_log = get_logger(__name__)


class Post:
    """One channel's work; one thread calls `turn` over and over.

    name, most_per_hour: of its [[channel]]. digest_s: how often it is sent digests; None: never.
    """

    def __init__(
        self,
        name: str,
        channel: Channel,
        ledger: NotificationLedger,
        present: CurrentFindings,
        wording: Wording,
        metrics: Metrics,
        *,
        most_per_hour: int,
        settle_s: float,
        digest_s: float | None = None,
        clock: Callable[[], int] = now_ms,
    ) -> None:
        self.name = name
        self._channel, self._ledger, self._present = channel, ledger, present
        self._wording, self._metrics = wording, metrics
        self._most_per_hour, self._settle_ms, self._digest_s = most_per_hour, int(settle_s * 1000), digest_s
        self._clock = clock
        self._notified: dict[str, Notified] = {}
        self._state: ChannelState | None = None
        self._life = ""
        self._outgoing: list[Outgoing] = []
        self._refused: dict[str, int] = {}
        self._pending: set[str] = set()
        self._waits: dict[str, Wait] = {}
        self._together: dict[str, str] = {}
        self._together_since_ms = self._together_latest_ms = 0
        self._opened_ms: list[int] = []

    def turn(self) -> None:
        """Send what is due now. Raises RetriableError where the channel or the database is away: call again later."""
        if self._state is None:
            self._begin()
        if not self._present.position.caught_up:
            return
        now = self._clock()
        self._pending |= self._present.stirred(self.name, now)
        try:
            self._deliver_outgoing(now)
            if self._present.sight.fresh is None:
                return
            self._look(now)
            self._notify_together(now)
            self._notify_digest(now)
        finally:
            self._measure()

    def _begin(self) -> None:
        self._notified = self._ledger.notified()
        self._outgoing = self._ledger.outgoing()
        self._state = self._ledger.state(self._clock())
        # A ledger that is lost and begun anew must not find the tickets of the one before, nor those of another one.
        life = f"{self.name} {self._state.since_ms}".encode()
        self._life = hashlib.blake2b(life, digest_size=4).hexdigest()
        self._pending |= self._notified.keys() | self._present.ids()

    def _deliver_outgoing(self, now: int) -> None:
        """Send stored messages first: a finding has no further message before its stored one is delivered."""
        for outgoing in list(self._outgoing):
            if self._refused.get(outgoing.notice.key, 0) <= now:
                self._deliver(outgoing)

    def _deliver(self, outgoing: Outgoing) -> None:
        notice = outgoing.notice
        count: Callable[[str], Any] = lambda outcome: self._metrics.messages.labels(  # noqa: E731
            self.name, notice.kind.value, outcome
        )
        try:
            reference = self._channel.send(notice, outgoing.reference)
        except RefusedNoticeError as error:
            count("refused").inc()
            self._refused[notice.key] = self._clock() + _REFUSED_AGAIN_MS
            _log.error("a message is refused", channel=self.name, key=notice.key, error=str(error))
            return
        except RetriableError:
            count("failed").inc()
            raise
        count("delivered").inc()
        self._outgoing.remove(outgoing)
        self._refused.pop(notice.key, None)
        if outgoing.finding in self._notified:
            self._notified[outgoing.finding] = replace(self._notified[outgoing.finding], reference=reference)
        self._ledger.delivered(outgoing.finding, reference)
        if outgoing.finding:
            self._pending.add(outgoing.finding)
        _log.info("told", channel=self.name, kind=notice.kind.value, key=notice.key)

    def _look(self, now: int) -> None:
        for finding in [finding for finding, wait in self._waits.items() if wait.until_ms <= now]:
            del self._waits[finding]
            self._pending.add(finding)
        blocked = {outgoing.finding for outgoing in self._outgoing}
        quiet: dict[str, Notified] = {}
        gone: set[str] = set()
        due: list[tuple[Finding | None, str, Notify]] = []
        for finding in sorted(self._pending - blocked):
            standing, record = self._standing(finding)
            step = self._step(standing, record, self._notified.get(finding), now)
            self._waits.pop(finding, None)
            self._together.pop(finding, None)
            match step:
                case Notify():
                    due.append((record, finding, step))
                    continue
                case Together(why, _):
                    self._wait_together(finding, why, now)
                case Wait():
                    self._waits[finding] = step
                case Quiet(notified) if notified is not None:
                    quiet[finding] = notified
            if record is None and (finding in self._notified or finding in quiet):
                gone.add(finding)
            self._pending.discard(finding)
        if quiet:
            self._notified |= quiet
            self._ledger.note(quiet)
        if gone:
            self._forget(gone)
        for record, finding, notify in sorted(due, key=lambda each: _order(each[0])):
            self._notify(finding, record, notify, now)

    def _standing(self, finding: str) -> tuple[FindingStatus | None, Finding | None]:
        found = self._present.standing(finding, self.name, self._clock())
        if found is None:
            return None, None
        standing, record = found
        assert self._state is not None
        if self._channel.each:
            standing = replace(standing, before="")
        elif not standing.before and standing.opened_ms < self._state.since_ms:
            standing = replace(standing, before=_STOOD)
        return standing, record

    def _step(self, standing: FindingStatus | None, record: Finding | None, notified: Notified | None, now: int) -> Any:
        sight = self._present.sight
        return next_step(
            standing, notified, blind=sight.blind(record, now) if notified is not None and notified.open else None,
            seen_ms=sight.seen_ms, now_ms=now, settle_ms=self._settle_ms, in_place=self._channel.in_place,
        )  # fmt: skip

    def _notify(self, finding: str, record: Finding | None, notify: Notify, now: int) -> None:
        if notify.kind is Kind.OPENED and not self._channel.each:
            self._opened_ms = [each for each in self._opened_ms if each > now - HOUR_MS]
            if len(self._opened_ms) >= self._most_per_hour:
                self._wait_together(finding, f"came faster than {self._most_per_hour} an hour", now)
                self._pending.discard(finding)
                return
            self._opened_ms.append(now)
        thread = f"{finding}-{self._life}-{notify.notified.turn}"
        key = f"{thread}-{notify.notified.step}"
        if record is None:
            notice = self._wording.of_forgotten(finding, notify.notified.severity, thread=thread, key=key, now_ms=now)
        else:
            notice = self._wording.of_finding(notify.kind, record, thread=thread, key=key, note=notify.note)
        before = self._notified.get(finding)
        reference = before.reference if before is not None and before.turn == notify.notified.turn else ""
        notified = replace(notify.notified, reference=reference)
        self._ledger.intend(finding, notified, notice)
        self._notified[finding] = notified
        self._pending.discard(finding)
        outgoing = Outgoing(finding, notice, reference)
        self._outgoing.append(outgoing)
        self._deliver(outgoing)

    def _wait_together(self, finding: str, why: str, now: int) -> None:
        if not self._together:
            self._together_since_ms = now
        self._together_latest_ms = now
        self._together[finding] = why

    def _notify_together(self, now: int) -> None:
        state = self._state
        assert state is not None
        if not self._together or any(not outgoing.finding for outgoing in self._outgoing):
            return
        waited_ms = now - self._together_since_ms
        blind = self._present.sight.blind(None, now)
        if now - state.together_ms < _TOGETHER_EVERY_MS or (blind is not None and waited_ms < _TOGETHER_WAITS_MS):
            return
        if now - self._together_latest_ms < _TOGETHER_SETTLES_MS and waited_ms < _TOGETHER_EVERY_MS:
            return
        notified: dict[str, Notified] = {}
        records: list[Finding] = []
        for finding, reason in self._together.items():
            standing, record = self._standing(finding)
            step = self._step(standing, record, self._notified.get(finding), now)
            if isinstance(step, Notify) and reason in (_STOOD, FIRST):  # its forest has been read whole since
                self._pending.add(finding)
            elif isinstance(step, Notify | Together) and standing is not None and record is not None:
                notified[finding] = together(self._notified.get(finding), standing)
                records.append(record)
        why = Counter(self._together[record.id] for record in records)
        self._together.clear()
        self._state = state = replace(state, together_ms=now, serial=state.serial + 1)
        notice = None
        if records:
            records.sort(key=_order)
            note = f"Not everything is known: {blind}." if blind else ""
            notice = self._wording.of_several(records, why, key=self._key("together"), now_ms=now, note=note)
        self._send_of_several(notified, state, notice)

    def _notify_digest(self, now: int) -> None:
        state = self._state
        assert state is not None
        since_ms = state.digest_ms or state.since_ms
        if self._digest_s is None or now - since_ms < self._digest_s * 1000:
            return
        if any(not outgoing.finding for outgoing in self._outgoing):
            return
        counted = self._present.counted(self.name)
        stands = [each for each in counted if each.state is FindingState.OPEN]
        closed = sum(each.state is FindingState.RESOLVED and each.updated_ms > since_ms for each in counted)
        found = (self._present.standing(each.id, self.name, now) for each in stands if each.opened_ms > since_ms)
        opened = sorted((each[1] for each in found if each), key=_order)
        self._state = state = replace(state, digest_ms=now, serial=state.serial + 1)
        notice = None
        if opened or closed:
            blind = self._present.sight.blind(None, now)
            note = f"Not everything is known: {blind}." if blind else ""
            notice = self._wording.of_interval(
                opened, closed, len(stands), key=self._key("digest"), since_ms=since_ms, now_ms=now, note=note
            )
        self._send_of_several({}, state, notice)

    def _key(self, what: str) -> str:
        assert self._state is not None
        return f"{what}-{self.name}-{self._state.since_ms}-{self._state.serial}"

    def _send_of_several(self, notified: dict[str, Notified], state: ChannelState, notice: Notice | None) -> None:
        self._ledger.intend_together(notified, state, notice)
        self._notified |= notified
        if notice is not None:
            outgoing = Outgoing("", notice, "")
            self._outgoing.append(outgoing)
            self._deliver(outgoing)

    def _forget(self, gone: set[str]) -> None:
        gone = {finding for finding in gone if not self._notified[finding].open}
        self._ledger.forget(gone)
        for finding in gone:
            del self._notified[finding]

    def _measure(self) -> None:
        metrics = self._metrics
        waiting = self._pending | self._waits.keys() | self._together.keys() | {each.finding for each in self._outgoing}
        metrics.waiting.labels(self.name).set(len(waiting))
        metrics.closings.labels(self.name).set(sum(wait.closing for wait in self._waits.values()))
        metrics.refused.labels(self.name).set(len(self._refused))


def _order(record: Finding | None) -> tuple[int, str]:
    """The loudest first, and of these the oldest."""
    return (record.severity.rank, record.opened_at) if record is not None else (len(Severity), "")
