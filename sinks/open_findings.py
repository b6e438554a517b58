"""Counts over the findings topic, kept incrementally: what is open, since when, and what just changed. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from sinks.labels import FindingLabels, LabelValues
from streams.contracts.finding import Finding, FindingState


class Transition(StrEnum):
    """What a record changed, compared with the one before it under the same id."""

    OPENED = "opened"
    UPDATED = "updated"
    SUPPRESSED = "suppressed"
    RESOLVED = "resolved"


@dataclass(slots=True)
class Series:
    """The counts under one combination of labels.

    oldest:     a heap of (opened_ms, finding id), cleaned lazily.
    waiting:    the same of those that have not stood until their alert is due.
    alerted_ms: when the newest opened that has, whether or not it still stands; it never falls, so that the end of
                one finding does not make another look new.
    """

    labels: FindingLabels
    open: int = 0
    suppressed: int = 0
    oldest: list[tuple[int, str]] = field(default_factory=list)
    waiting: list[tuple[int, str]] = field(default_factory=list)
    alerted_ms: int | None = None


@dataclass(slots=True)
class _Held:
    """What is remembered of a finding that is open or suppressed; resolved ones are forgotten."""

    series: Series
    state: FindingState
    revision: int
    opened_ms: int


class OpenFindings:
    """The open and suppressed findings, as the topic's last record of each says.

    The last record in the log wins, whatever its revision: that is what compaction keeps, so every
    replica that reads the topic arrives at the same counts.
    """

    def __init__(self, values: LabelValues) -> None:
        self._values = values
        self._held: dict[str, _Held] = {}
        self._series: dict[FindingLabels, Series] = {labels: Series(labels) for labels in values.at_start()}

    def __len__(self) -> int:
        return len(self._held)

    def series(self) -> Iterator[Series]:
        """Every series seen so far, the zero ones too."""
        return iter(self._series.values())

    def apply(self, finding: Finding, opened_ms: int, resolved_ms: int | None = None) -> Transition | None:
        """Take a finding's latest record; None where it changed nothing (a replay, an unknown one's end)."""
        series = self._of(self._values.of(finding))
        if finding.state is FindingState.RESOLVED:
            if resolved_ms is not None and self._is_due(series, opened_ms, resolved_ms):
                series.alerted_ms = max(series.alerted_ms or 0, opened_ms)
            return Transition.RESOLVED if self.forget(finding.id) else None
        before = self._held.get(finding.id)
        if before is not None:
            if before.revision == finding.revision and before.state is finding.state and before.series is series:
                return None
            self._count(before, -1)
        held = _Held(series, finding.state, finding.revision, opened_ms)
        self._held[finding.id] = held
        self._count(held, +1)
        if finding.state is FindingState.OPEN:
            heapq.heappush(series.oldest, (opened_ms, finding.id))
            if len(series.oldest) > 2 * series.open + 64:
                self._clean(series)
            if (
                before is None
                or before.series is not series
                or (before.state, before.opened_ms) != (held.state, opened_ms)
            ):
                heapq.heappush(series.waiting, (opened_ms, finding.id))
        if before is not None and before.state is finding.state:
            return Transition.UPDATED
        return Transition.OPENED if finding.state is FindingState.OPEN else Transition.SUPPRESSED

    def forget(self, finding_id: str) -> bool:
        """Take a tombstone or a resolution; whether the finding stood until now."""
        held = self._held.pop(finding_id, None)
        if held is not None:
            self._count(held, -1)
        return held is not None

    def oldest_open_ms(self, series: Series) -> int | None:
        """When the longest-standing open finding of a series opened; None where none is open."""
        while series.oldest and not self._stands(series, *series.oldest[0]):
            heapq.heappop(series.oldest)
        return series.oldest[0][0] if series.oldest else None

    def newest_alerted_ms(self, series: Series, now_ms: float) -> int | None:
        """When the newest finding of a series opened that has stood until its alert was due; None where none has."""
        while series.waiting and self._is_due(series, series.waiting[0][0], now_ms):
            opened_ms, finding_id = heapq.heappop(series.waiting)
            if self._stands(series, opened_ms, finding_id):
                series.alerted_ms = max(series.alerted_ms or 0, opened_ms)
        return series.alerted_ms

    def _is_due(self, series: Series, opened_ms: int, at_ms: float) -> bool:
        known = self._values.detections.get(series.labels.detection)
        if known is None or known.alert_after_s is None:
            return False
        return opened_ms + known.alert_after_s * 1000 <= at_ms

    def _of(self, labels: FindingLabels) -> Series:
        series = self._series.get(labels)
        if series is None:
            series = self._series[labels] = Series(labels)
        return series

    @staticmethod
    def _count(held: _Held, by: int) -> None:
        if held.state is FindingState.OPEN:
            held.series.open += by
        else:
            held.series.suppressed += by

    def _stands(self, series: Series, opened_ms: int, finding_id: str) -> bool:
        held = self._held.get(finding_id)
        return (
            held is not None
            and held.series is series
            and held.state is FindingState.OPEN
            and held.opened_ms == opened_ms
        )

    def _clean(self, series: Series) -> None:
        series.oldest = sorted({entry for entry in series.oldest if self._stands(series, *entry)})
