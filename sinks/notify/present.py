"""The current findings that channels are compared with, their routes, and how fresh they are."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from threading import Lock

from sinks.actions.fold import Attended, Attention
from sinks.actions.known import KnownActions
from sinks.freshness import Freshness
from sinks.history.episodes import packed, unpacked
from sinks.notify.decision import FindingStatus
from sinks.notify.routes import Routes, Way
from sinks.notify.wording import LONGEST_TITLE, shortened
from sinks.sink import Meta
from streams.contracts.actions import Accept, Action
from streams.contracts.codec import encode
from streams.contracts.entries import ActionTombstone, Entry, Tombstone
from streams.contracts.finding import Finding, FindingState
from streams.contracts.times import parse_rfc3339, rfc3339
from streams.contracts.topics import ACTIONS, FINDINGS, Topic
from streams.runtime.topic_reader import ReaderProgress

DAY_MS = 86_400_000
_KNOWN_FOR_MS = 90_000
"""A look at freshness is no longer believed after that."""


@dataclass(frozen=True, slots=True)
class Sight:
    """How much is known. unknown: why freshness itself is not; fresh: None then.

    patience_ms: how long rules wait for synchronisation before they report what may be on its way.
    """

    fresh: Freshness | None = None
    unknown: str = "how fresh everything is has not been looked at yet"

    @property
    def seen_ms(self) -> int:
        """As of when."""
        return self.fresh.at_ms if self.fresh is not None else 0

    def blind(self, finding: Finding | None, now_ms: int) -> str | None:
        """Why it is not known how things stand with what a finding is about (None: with anything); None: it is."""
        fresh = self.fresh
        if fresh is None or now_ms - fresh.at_ms > _KNOWN_FOR_MS:
            return self.unknown if fresh is None else "how fresh everything is cannot be read"
        if not fresh.sources:
            return "no source has ever been read"
        for source in fresh.sources:
            if _concerns(source.name, finding) and (fault := source.fault(fresh.at_ms)):
                return fault
        return next(iter(fresh.lag_faults()), None)

    def before(self, finding: Finding) -> str:
        """Why a finding goes into a summary: it stood when the directories that it is about were first read whole.

        "" where it opened under our eyes. As `synchealth report --first-reading` counts.
        """
        if self.fresh is None:
            return FIRST
        whole_ms = {each.name: each.last_contact.whole_ms if each.last_contact else 0 for each in self.fresh.sources}
        about = [ms for name, ms in whole_ms.items() if name[:9] != "eventlog/" and _concerns(name, finding)]
        if not about or not all(about):
            return FIRST
        ended_ms, opened_ms = max(about), _ms(finding.opened_at)
        since = finding.evidence.get("since")
        since_ms = _ms(since) if isinstance(since, str) else opened_ms
        first = opened_ms <= ended_ms or (opened_ms <= ended_ms + DAY_MS and since_ms <= ended_ms)
        return FIRST if first else ""


FIRST = "stood when the directories were first read"


def _concerns(source: str, finding: Finding | None) -> bool:
    """Whether a finding is about what a source reads; a finding without a forest is about all of them."""
    kind, _, name = source.partition("/")
    if finding is None or kind == "eventlog":
        return True
    return name == finding.tenant if kind == "entra" else finding.forest in (None, name)


def _ms(text: str) -> int:
    try:
        return parse_rfc3339(text)
    except (ValueError, OverflowError):
        return 0


@dataclass(slots=True)
class _Known:
    """A finding, compressed: there may be a hundred thousand."""

    body: bytes
    state: FindingState
    opened_ms: int
    updated_ms: int
    ways: Mapping[str, Way]


@dataclass(frozen=True, slots=True)
class DigestEntry:
    """What a digest counts. finding: unpacked where it is asked for."""

    id: str
    state: FindingState
    opened_ms: int
    updated_ms: int


class CurrentFindings:
    """A sink that keeps every finding in memory, and which of them each channel has not compared yet. Thread-safe."""

    topics: tuple[Topic, ...] = (FINDINGS, ACTIONS)

    def __init__(self, routes: Routes, channels: Collection[str]) -> None:
        self._routes = routes
        self._actions = KnownActions()
        self._ends: list[tuple[int, str]] = []  # when an acceptance runs out, and of which finding
        self._lock = Lock()
        self._known: dict[str, _Known] = {}
        self._fresh_ids: dict[str, set[str]] = {name: set() for name in channels}
        self._position = ReaderProgress(caught_up=False, in_contact=False, behind=0)
        self._sight = Sight()

    @property
    def position(self) -> ReaderProgress:
        """How far the findings have been read."""
        return self._position

    @property
    def sight(self) -> Sight:
        """How much is known now; also settable, by whoever looks."""
        return self._sight

    @sight.setter
    def sight(self, sight: Sight) -> None:
        self._sight = sight

    def add(self, entry: Entry, meta: Meta) -> None:
        """Take one entry in."""
        if isinstance(entry, Action | ActionTombstone):
            with self._lock:
                self._stir(self._actions.take(entry, meta.ts_ms))
                if isinstance(entry, Action) and isinstance(entry.what, Accept):
                    heapq.heappush(self._ends, (entry.what.until_ms, entry.finding))
        elif isinstance(entry, Tombstone):
            with self._lock:
                self._known.pop(entry.finding_id, None)
                self._stir(entry.finding_id)
        elif isinstance(entry, Finding):
            known = _Known(
                packed(entry), entry.state, _ms(entry.opened_at), _ms(entry.updated_at), self._routes.ways(entry)
            )
            with self._lock:
                self._known[entry.id] = known
                self._stir(entry.id)

    def flush(self, position: ReaderProgress) -> None:
        """Note how far the reader is."""
        self._position = position

    def close(self) -> None:
        """Nothing to release."""

    def stirred(self, channel: str, now_ms: int) -> set[str]:
        """The ids of findings that changed since the channel asked last, or the actions on which did."""
        with self._lock:
            while self._ends and self._ends[0][0] <= now_ms:
                self._stir(heapq.heappop(self._ends)[1])
            found, self._fresh_ids[channel] = self._fresh_ids[channel], set()
        return found

    def standing(self, finding: str, channel: str, now_ms: int) -> tuple[FindingStatus, Finding] | None:
        """How a finding stands for a channel, and its record; None where it is forgotten."""
        with self._lock:
            known = self._known.get(finding)
            if known is None:
                return None
            record = unpacked(known.body)
            attended = self._actions.attended(finding, _ms(record.stands_since), now_ms=now_ms)
        way = known.ways.get(channel)
        standing = FindingStatus(
            record.state, record.severity, known.opened_ms, known.updated_ms, _content(record), way,
            handled=_handled(attended), before=self._sight.before(record), cause=record.cause or "",
        )  # fmt: skip
        return standing, record

    def episode(self, finding: str) -> int | None:
        """When the standing of a finding began that people act on (ms); None where it is over or forgotten."""
        with self._lock:
            known = self._known.get(finding)
        if known is None or known.state is FindingState.RESOLVED:
            return None
        return _ms(unpacked(known.body).stands_since)

    def has_action(self, finding: str, action: str) -> bool:
        """Whether an action is known already."""
        with self._lock:
            return any(each.id == action for each in self._actions.of(finding))

    def counted(self, channel: str) -> Sequence[DigestEntry]:
        """Every finding that some route sends to a channel."""
        with self._lock:
            return [
                DigestEntry(name, known.state, known.opened_ms, known.updated_ms)
                for name, known in self._known.items()
                if channel in known.ways
            ]

    def ids(self) -> set[str]:
        """Every finding that is not forgotten."""
        with self._lock:
            return set(self._known)

    def _stir(self, finding: str) -> None:
        for each in self._fresh_ids.values():
            each.add(finding)


def _handled(attended: Attended) -> str:
    """Who looks after a finding, in words; "": nobody."""
    who = shortened(attended.owner or attended.by or "", LONGEST_TITLE)
    match attended.attention:
        case Attention.UNATTENDED:
            return ""
        case Attention.ACCEPTED:
            reason = shortened(attended.reason, LONGEST_TITLE)
            return f"Accepted by {who} until {rfc3339(attended.until_ms or 0)}: {reason}"
        case Attention.ASSIGNED:
            return f"Assigned to {who}"
    return f"Acknowledged by {who}"


def _content(finding: Finding) -> str:
    """A digest of a finding's summary and the objects that take part with their roles."""
    content = encode([finding.summary, [[each.side, each.id, each.role] for each in finding.counterparts]])
    return hashlib.blake2b(content, digest_size=8).hexdigest()
