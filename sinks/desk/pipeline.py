"""What the desk knows of the pipeline: asked in the background, so that no page waits for Kafka or a directory."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

import msgspec

from sinks.desk.presence import Presence
from sinks.freshness import Freshness
from streams.contracts.errors import RetriableError, SyncHealthError
from streams.contracts.finding import Finding
from streams.contracts.times import age
from streams.runtime.clock import now_ms
from streams.runtime.logs import get_logger

_FRESHNESS_EVERY_S = 10.0
# Longer than a look takes while Kafka is busy: whoever has not looked for so long says nothing of now.
_OLD_MS = 90_000
_AT_ONCE, _PATIENCE_S = 2, 10.0
T = TypeVar("T")
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """One line of `synchealth check`. `advice` is there for everything but "ok"."""

    area: str
    mark: Literal["ok", "gap", "fault"]
    what: str
    advice: str = ""


class TimelineEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A change or an event about an object involved. at: RFC 3339; who: the directory or log; failed: it failed."""

    at: str
    who: str
    about: str
    words: str
    failed: bool = False


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """Entries, the oldest first; notes: what was not looked for, a sentence each."""

    entries: list[TimelineEntry] = msgspec.field(name="said")
    notes: list[str] = []


@dataclass(frozen=True, slots=True)
class LastSync:
    """A tenant's last synchronisation, and when the next is due (ms)."""

    last_ms: int
    due_ms: int


@dataclass(frozen=True, slots=True)
class Pipeline:
    """What the desk asks of the rest of SyncHealth; handed in at the start, since sinks know neither rules nor sources.

    freshness: raises SyncHealthError where it cannot be read. checks: may take a minute, and never raises.
    timeline: changes and events of a finding's objects; present: what both directories say of whoever goes
    by a name, raises InvalidRecordError for one that is none. Both read Kafka for seconds, and raise SyncHealthError.
    cycles: tenant -> its synchronisation, as far as it is known; raises SyncHealthError.
    """

    freshness: Callable[[], Freshness]
    checks: Callable[[], Iterable[Checked]] = tuple
    timeline: Callable[[Finding], Timeline] = lambda _: Timeline(entries=[])
    present: Callable[[str], list[Presence]] = lambda _: []
    cycles: Callable[[], Mapping[str, LastSync]] = dict


@dataclass(frozen=True, slots=True)
class SourceLine:
    """One source, as the head of a page names it. fault: None where it follows the other side."""

    name: str
    ago: str
    fault: str | None


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What stands on every page: how fresh each source is, and why "nothing found" says nothing (`faults`)."""

    sources: Sequence[SourceLine] = ()
    workers: str = ""
    faults: Sequence[str] = ()


def known(fresh: Freshness | None, unread: str, failing: Sequence[str], at_ms: int) -> Knowledge:
    """The words for `fresh` as it is at `at_ms`. None: it was never read, and `unread` says why not.

    failing: what open findings say of views that cannot be evaluated.
    """
    if fresh is None:
        return Knowledge(faults=[unread or "how fresh the sources are is being read", *failing])
    faults, silent_ms, workers = [], at_ms - fresh.at_ms, fresh.lag_text()
    if silent_ms > _OLD_MS:
        workers = "how far the workers are is not known"
        why = f": {unread}" if unread else ""
        faults.append(f"how fresh the sources are was last read {age(silent_ms / 1000)} ago{why}")
    fresh = replace(fresh, at_ms=at_ms, failing=tuple(failing))
    sources = [SourceLine(each.name, fresh.ago(each), each.fault(at_ms)) for each in fresh.sources]
    return Knowledge(sources, workers, [*faults, *fresh.faults])


class PipelineWatch:
    """Looks at the pipeline again and again, in two threads of its own."""

    def __init__(self, pipeline: Pipeline, check_every_s: float) -> None:
        self._pipeline = pipeline
        self._check_every_s = check_every_s
        self._stop = threading.Event()
        self._turns = threading.BoundedSemaphore(_AT_ONCE)
        self._fresh: Freshness | None = None
        self._unread = ""
        self.checked: Sequence[Checked] = ()
        self.checked_ms: int | None = None
        self.cycles: Mapping[str, LastSync] = {}

    def start(self) -> None:
        """Look from now on."""
        looks = [(self.look, _FRESHNESS_EVERY_S), (self.check, self._check_every_s)]
        for look, every_s in looks:
            threading.Thread(target=self._repeat, args=[look, every_s], daemon=True).start()

    def timeline(self, finding: Finding) -> Timeline:
        """What directories and logs say of it. Raises RetriableError where too many ask, or Kafka cannot be read."""
        return self._in_turn(lambda: self._pipeline.timeline(finding))

    def present(self, name: str) -> list[Presence]:
        """Whoever goes by a name, in both directories. Raises as `timeline`, and InvalidRecordError for no name."""
        return self._in_turn(lambda: self._pipeline.present(name))

    def _in_turn(self, ask: Callable[[], T]) -> T:
        """Each of these questions reads Kafka for seconds: a few at a time, so that the pipeline does not feel them."""
        if not self._turns.acquire(timeout=_PATIENCE_S):
            raise RetriableError("too many people ask what Kafka holds: try again in a moment")
        try:
            return ask()
        finally:
            self._turns.release()

    def close(self) -> None:
        """Look no more; a look that has begun ends with the process."""
        self._stop.set()

    def knowledge(self, failing: Sequence[str] = ()) -> Knowledge:
        """What is known now."""
        return known(self._fresh, self._unread, failing, now_ms())

    def _repeat(self, look: Callable[[], None], every_s: float) -> None:
        while not self._stop.is_set():
            look()
            self._stop.wait(every_s)

    def look(self) -> None:
        """One look at how fresh the sources are."""
        try:
            self._fresh, self._unread = self._pipeline.freshness(), ""
            self.cycles = self._pipeline.cycles()
        except SyncHealthError as error:
            self._unread = str(error)
        except Exception as error:  # noqa: BLE001 - a thread that ended would say nothing more
            self._unread = f"a look went wrong ({type(error).__name__})"
            _log.error("freshness cannot be read", exc_info=error)

    def check(self) -> None:
        """One look at everything that `synchealth check` looks at."""
        try:
            self.checked = list(self._pipeline.checks())
        except Exception as error:  # noqa: BLE001 - as above
            what = f"it went wrong ({type(error).__name__})"
            self.checked = [Checked("check", "fault", what, "see the log of the desk")]
            _log.error("the checks went wrong", exc_info=error)
        self.checked_ms = now_ms()
