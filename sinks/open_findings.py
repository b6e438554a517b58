"""Counts over findings and what people do with them, kept incrementally: open, unattended, since when. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from sinks.actions.fold import Attended, Attention
from sinks.actions.known import KnownActions
from sinks.labels import FindingLabels, LabelValues
from streams.contracts.actions import Action
from streams.contracts.entries import ActionTombstone
from streams.contracts.finding import Finding, FindingState

Since = tuple[int, str]


class Transition(StrEnum):
    """What a record changed, compared with the one before it under the same id."""

    OPENED = "opened"
    UPDATED = "updated"
    SUPPRESSED = "suppressed"
    RESOLVED = "resolved"


@dataclass(slots=True)
class Series:
    """The counts under one combination of labels.

    accepted, unattended: of the open ones; the others are acknowledged or somebody's.
    oldest:     a heap of (opened_ms, finding id) of the open ones, cleaned lazily.
    needing:    a heap of (since when, finding id) of the unattended ones, cleaned lazily.
    waiting:    the same of those that have not been so until their alert is due.
    alerted_ms: since when the newest was unattended that stayed so until its alert was due, whether or not it still
                is; it never falls, so that the end of one finding does not make another look new.
    """

    labels: FindingLabels
    open: int = 0
    suppressed: int = 0
    accepted: int = 0
    unattended: int = 0
    oldest: list[Since] = field(default_factory=list)
    needing: list[Since] = field(default_factory=list)
    waiting: list[Since] = field(default_factory=list)
    alerted_ms: int | None = None


@dataclass(slots=True)
class _Held:
    """What is remembered of a finding that is open or suppressed; resolved ones are forgotten.

    stands_ms: when its episode began. needs_ms: since when it is unattended, and open; None where it is not.
    until_ms:  when its acceptance ends.
    """

    series: Series
    state: FindingState
    revision: int
    opened_ms: int
    stands_ms: int
    attention: Attention = Attention.UNATTENDED
    needs_ms: int | None = None
    until_ms: int | None = None


class OpenFindings:
    """The open and suppressed findings, as the topic's last record of each says, and who looks after them.

    The last record in the log wins, whatever its revision: that is what compaction keeps, so every
    replica that reads the topics arrives at the same counts, in whatever order it reads the two.
    """

    def __init__(self, values: LabelValues) -> None:
        self._values = values
        self._held: dict[str, _Held] = {}
        self._series: dict[FindingLabels, Series] = {labels: Series(labels) for labels in values.at_start()}
        self._known = KnownActions()
        self._ends: list[Since] = []
        self._blind = False

    def __len__(self) -> int:
        return len(self._held)

    def series(self) -> Iterator[Series]:
        """Every series seen so far, the zero ones too."""
        return iter(self._series.values())

    def apply(
        self, finding: Finding, opened_ms: int, resolved_ms: int | None = None, stands_ms: int | None = None
    ) -> Transition | None:
        """Take a finding's latest record; None where it changed nothing (a replay, an unknown one's end).

        stands_ms: when its episode began; None: when it opened.
        """
        series = self._of(self._values.of(finding))
        stands_ms = opened_ms if stands_ms is None else stands_ms
        if finding.state is FindingState.RESOLVED:
            if resolved_ms is not None:
                ended = self._attended(finding.id, stands_ms, resolved_ms=resolved_ms)
                since_ms = max(opened_ms, ended.since_ms)
                if ended.attention is Attention.UNATTENDED and self._is_due(series, since_ms, resolved_ms):
                    series.alerted_ms = max(series.alerted_ms or 0, since_ms)
            return Transition.RESOLVED if self.forget(finding.id) else None
        before = self._held.get(finding.id)
        if before is not None:
            if before.revision == finding.revision and before.state is finding.state and before.series is series:
                return None
            self._count(before, -1)
        held = _Held(series, finding.state, finding.revision, opened_ms, stands_ms)
        self._held[finding.id] = held
        self._look_at(finding.id, held, before)
        if finding.state is FindingState.OPEN:
            heapq.heappush(series.oldest, (opened_ms, finding.id))
            if len(series.oldest) > 2 * series.open + 64:
                series.oldest = sorted({entry for entry in series.oldest if self._stands(series, *entry)})
        if before is not None and before.state is finding.state:
            return Transition.UPDATED
        return Transition.OPENED if finding.state is FindingState.OPEN else Transition.SUPPRESSED

    def forget(self, finding_id: str) -> bool:
        """Take a tombstone or a resolution; whether the finding stood until now."""
        held = self._held.pop(finding_id, None)
        if held is not None:
            self._count(held, -1)
        return held is not None

    def act(self, entry: Action | ActionTombstone, arrived_ms: int) -> None:
        """Take what somebody did. arrived_ms: the record's timestamp."""
        self._look_again(self._known.take(entry, arrived_ms))

    def go_blind(self, blind: bool) -> None:
        """Whether it is unknown what people do: then all that is open counts as unattended."""
        if blind is not self._blind:
            self._blind = blind
            for finding_id in self._held:
                self._look_again(finding_id)

    def advance(self, now_ms: float) -> None:
        """Let the acceptances end whose date has come."""
        while self._ends and self._ends[0][0] <= now_ms:
            until_ms, finding_id = heapq.heappop(self._ends)
            held = self._held.get(finding_id)
            if held is not None and held.until_ms == until_ms:
                self._look_again(finding_id, now_ms=int(now_ms))

    def oldest_open_ms(self, series: Series) -> int | None:
        """When the longest-standing open finding of a series opened; None where none is open."""
        while series.oldest and not self._stands(series, *series.oldest[0]):
            heapq.heappop(series.oldest)
        return series.oldest[0][0] if series.oldest else None

    def oldest_unattended_ms(self, series: Series) -> int | None:
        """Since when the longest-unattended open finding of a series is so; None where none is."""
        while series.needing and not self._needs(series, *series.needing[0]):
            heapq.heappop(series.needing)
        return series.needing[0][0] if series.needing else None

    def newest_alerted_ms(self, series: Series, now_ms: float) -> int | None:
        """Since when the newest finding of a series was unattended that stayed so until its alert was due."""
        while series.waiting and self._is_due(series, series.waiting[0][0], now_ms):
            since_ms, finding_id = heapq.heappop(series.waiting)
            if self._needs(series, since_ms, finding_id):
                series.alerted_ms = max(series.alerted_ms or 0, since_ms)
        return series.alerted_ms

    def _attended(self, finding_id: str, stands_ms: int, **at: int | None) -> Attended:
        if self._blind:
            return Attended(Attention.UNATTENDED, stands_ms)
        return self._known.attended(finding_id, stands_ms, **at)

    def _look_again(self, finding_id: str, now_ms: int | None = None) -> None:
        held = self._held.get(finding_id)
        if held is not None:
            self._count(held, -1)
            self._look_at(finding_id, held, held, now_ms)

    def _look_at(self, finding_id: str, held: _Held, before: _Held | None, now_ms: int | None = None) -> None:
        """Count a finding, as people look after it; `before`: as it was counted until now."""
        was = (before.series, before.needs_ms) if before is not None else None
        was_until_ms = before.until_ms if before is not None else None
        attended = self._attended(finding_id, held.stands_ms, now_ms=now_ms)
        held.attention, held.until_ms = attended.attention, attended.until_ms
        needed = held.state is FindingState.OPEN and attended.attention is Attention.UNATTENDED
        held.needs_ms = max(held.opened_ms, attended.since_ms) if needed else None
        self._count(held, +1)
        series = held.series
        if held.until_ms is not None and held.until_ms != was_until_ms:
            heapq.heappush(self._ends, (held.until_ms, finding_id))
        if held.needs_ms is not None and was != (series, held.needs_ms):
            heapq.heappush(series.needing, (held.needs_ms, finding_id))
            heapq.heappush(series.waiting, (held.needs_ms, finding_id))
            if len(series.needing) > 2 * series.unattended + 64:
                series.needing = sorted({entry for entry in series.needing if self._needs(series, *entry)})

    def _is_due(self, series: Series, since_ms: int, at_ms: float) -> bool:
        known = self._values.detections.get(series.labels.detection)
        if known is None or known.alert_after_s is None:
            return False
        return since_ms + known.alert_after_s * 1000 <= at_ms

    def _of(self, labels: FindingLabels) -> Series:
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = Series(labels)
        return series

    @staticmethod
    def _count(held: _Held, by: int) -> None:
        if held.state is not FindingState.OPEN:
            held.series.suppressed += by
            return
        held.series.open += by
        if held.attention is Attention.ACCEPTED:
            held.series.accepted += by
        elif held.attention is Attention.UNATTENDED:
            held.series.unattended += by

    def _stands(self, series: Series, opened_ms: int, finding_id: str) -> bool:
        held = self._held.get(finding_id)
        return (
            held is not None
            and held.series is series
            and held.state is FindingState.OPEN
            and held.opened_ms == opened_ms
        )

    def _needs(self, series: Series, since_ms: int, finding_id: str) -> bool:
        held = self._held.get(finding_id)
        return held is not None and held.series is series and held.needs_ms == since_ms
