"""Which message about one finding is due for a channel: from its state, what was sent, and how fresh it is. Pure.

Nothing is queued: the current state is compared with what was sent, each time anew. So a channel that was away for a
day is sent the current state and not what happened meanwhile, and a process that was killed goes on from the ledger.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sinks.notify.notice import Kind
from sinks.notify.routes import Way
from streams.contracts.finding import FindingState, Severity

HOUR_MS = 3_600_000
MOST_PER_FINDING = 4
"""Messages about one finding to one channel within HOUR_MS, at the most; the next one waits."""


@dataclass(frozen=True, slots=True)
class FindingStatus:
    """The current state of one finding in the findings topic, as far as messages depend on it.

    opened_ms, updated_ms: of its record. content: changes with what the finding says. way: None where no route fits.
    handled: who looks after it, in words; "": nobody. before: why it goes into a summary: it stood when its
    directories were first read whole; "" where it opened later.
    """

    state: FindingState
    severity: Severity
    opened_ms: int
    updated_ms: int
    content: str
    way: Way | None
    handled: str = ""
    before: str = ""
    cause: str = ""


@dataclass(frozen=True, slots=True)
class Notified:
    """What a channel was sent about one finding.

    turn:     of how many standings, the latest counted. step: messages of this turn.
    open:     whether its message is open. together: whether it was in a summary and has no message of its own.
    mark:     of the latest message, to see whether there is anything new to say.
    times_ms: of its messages within the last hour.
    """

    turn: int
    step: int
    open: bool
    together: bool
    severity: Severity
    mark: str
    times_ms: tuple[int, ...] = ()
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Notify:
    """A message is due. notified: the state after it was sent. note: see Notice.note."""

    kind: Kind
    notified: Notified
    note: str = ""


@dataclass(frozen=True, slots=True)
class Together:
    """It goes into the next summary. why: as FindingStatus.before, or because there are too many."""

    why: str
    notified: Notified


@dataclass(frozen=True, slots=True)
class Wait:
    """No message before this time. closing: the finding is over, and its end is not sent yet because of `why`."""

    until_ms: int
    why: str = ""
    closing: bool = False


@dataclass(frozen=True, slots=True)
class Quiet:
    """No message until something changes. notified: the state to store; None: as before."""

    notified: Notified | None = None


Step = Notify | Together | Wait | Quiet
AGAIN_MS = 5_000
"""How soon a closing that waits is looked at again."""


def next_step(
    standing: FindingStatus | None,
    notified: Notified | None,
    *,
    blind: str | None,
    seen_ms: int,
    now_ms: int,
    settle_ms: int,
    in_place: bool,
) -> Step:
    """What is due for one finding and one channel.

    standing: None: the finding is forgotten. blind: why it is not known how things are; None: it is, as of `seen_ms`.
    settle_ms: for how long a finding must be over. in_place: whether the channel changes a message instead of sending
    another.
    """
    if standing is None or standing.state is FindingState.RESOLVED:
        return _over(standing, notified, blind, seen_ms, now_ms, settle_ms, in_place)
    if standing.way is not None and not standing.way.at_once:  # digests tell of it
        standing = replace(standing, way=None)
    if notified is None or not notified.open:
        return _not_notified(standing, notified, now_ms)
    if notified.together:
        if standing.severity.rank >= notified.severity.rank or standing.way is None or _is_quiet(standing):
            return Quiet()
        return _notify(Kind.OPENED, notified, standing, now_ms)  # it has become louder than what was told of it
    mark = _mark(standing, in_place)
    louder = standing.severity.rank < notified.severity.rank and not standing.handled
    if mark == notified.mark or not (in_place or louder or _notifies_of_changes(standing)):
        return Quiet()
    return _notify(Kind.CHANGED, notified, standing, now_ms, in_place=in_place)


def _over(
    standing: FindingStatus | None,
    notified: Notified | None,
    blind: str | None,
    seen_ms: int,
    now_ms: int,
    settle_ms: int,
    in_place: bool,
) -> Step:
    if notified is None or not notified.open:
        return Quiet()
    over_ms = standing.updated_ms if standing is not None else 0
    if notified.together:
        return Quiet(replace(notified, open=False))
    if now_ms < over_ms + settle_ms:
        return Wait(over_ms + settle_ms, "it has just ended", closing=True)
    if blind is None and seen_ms < over_ms:
        blind = "how fresh everything is has not been looked at since"
    if blind is not None:
        if in_place and notified.mark != _WAITS:
            note = f"It seems to be over; this stays open until that is certain: {blind}."
            return Notify(Kind.CHANGED, _after(notified, now_ms, mark=_WAITS), note)
        return Wait(now_ms + AGAIN_MS, blind, closing=True)
    if (until_ms := _rests_until(notified, now_ms)) is not None:
        return Wait(until_ms, "it comes and goes", closing=True)
    return Notify(Kind.CLOSED, replace(_after(notified, now_ms, mark="closed"), open=False), _often(notified, now_ms))


def _not_notified(standing: FindingStatus, notified: Notified | None, now_ms: int) -> Step:
    if standing.way is None or _is_quiet(standing):
        return Quiet()
    before = notified or Notified(0, 0, open=False, together=False, severity=standing.severity, mark="")
    if standing.before:
        return Together(standing.before, together(before, standing))
    return _notify(Kind.OPENED, before, standing, now_ms)


def together(notified: Notified | None, standing: FindingStatus) -> Notified:
    """The state after a finding was in a summary."""
    turn, times_ms = (notified.turn, notified.times_ms) if notified is not None else (0, ())
    return Notified(turn, 0, open=True, together=True, severity=standing.severity, mark="together", times_ms=times_ms)


def _notify(kind: Kind, notified: Notified, standing: FindingStatus, now_ms: int, *, in_place: bool = False) -> Step:
    if (until_ms := _rests_until(notified, now_ms)) is not None:
        return Wait(until_ms, "it comes and goes")
    after = _after(notified, now_ms, mark=_mark(standing, in_place))
    if kind is Kind.OPENED:
        mark = _mark(standing)
        after = replace(after, turn=notified.turn + 1, step=1, open=True, together=False, reference="", mark=mark)
    return Notify(kind, replace(after, severity=standing.severity), _note(standing) or _often(notified, now_ms))


def _is_quiet(standing: FindingStatus) -> bool:
    return standing.state is FindingState.SUPPRESSED or bool(standing.handled)


def _notifies_of_changes(standing: FindingStatus) -> bool:
    return standing.way is not None and standing.way.changes and not _is_quiet(standing)


_WAITS = "closing waits"


def _mark(standing: FindingStatus, in_place: bool = False) -> str:
    """A message is due when this changes. in_place: who looks after it, and what explains it, count, too."""
    text = f"{standing.severity} {standing.content}"
    return f"{text} {_note(standing)}".rstrip() if in_place else text


def _note(standing: FindingStatus) -> str:
    if standing.state is FindingState.SUPPRESSED:
        return f"Explained by finding {standing.cause}, and over when that is." if standing.cause else "Explained."
    return f"{standing.handled}." if standing.handled else ""


def _after(notified: Notified, now_ms: int, *, mark: str) -> Notified:
    times_ms = (*(each for each in notified.times_ms if each > now_ms - HOUR_MS), now_ms)
    return replace(notified, step=notified.step + 1, mark=mark, times_ms=times_ms)


def _rests_until(notified: Notified, now_ms: int) -> int | None:
    """Until when no further message may be sent about it (ms); None: one may be sent now."""
    lately = [each for each in notified.times_ms if each > now_ms - HOUR_MS]
    return lately[-MOST_PER_FINDING] + HOUR_MS if len(lately) >= MOST_PER_FINDING else None


def _often(notified: Notified, now_ms: int) -> str:
    lately = sum(each > now_ms - HOUR_MS for each in notified.times_ms)
    return "It comes and goes: the next word of it follows in an hour." if lately == MOST_PER_FINDING - 1 else ""
