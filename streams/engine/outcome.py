"""What one record led to: findings, words to other views, causes, faults."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.contracts.finding import Finding
from streams.contracts.views import CauseUpdate, Contribution
from streams.engine.waiting import Measure


@dataclass(slots=True)
class Outcome:
    """What one record led to.

    findings: id -> finding, or None to forget it (a tombstone).
    causes:   for every partition of the views topic.
    measures: waits that are over.
    """

    findings: dict[str, Finding | None] = field(default_factory=dict)
    contributions: list[Contribution] = field(default_factory=list)
    causes: list[CauseUpdate] = field(default_factory=list)
    faults: list[RuleFault] = field(default_factory=list)
    measures: list[Measure] = field(default_factory=list)
    evaluated: int = 0


@dataclass(frozen=True, slots=True)
class RuleFault:
    """A rule that raised, or a view ("view") that cannot be built: findings stay as they were."""

    detection: str
    view: str
    error: str
