"""What one record led to: findings, words to other views, causes, faults."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.contracts.finding import Finding
from streams.contracts.views import CauseUpdate, Contribution
from streams.measures.family import DurationSample


@dataclass(slots=True)
class Outcome:
    """What one record led to.

    findings: id -> finding, or None to forget it (a tombstone).
    causes:   for every partition of the views topic.
    durations: waits that are over.
    """

    findings: dict[str, Finding | None] = field(default_factory=dict)
    contributions: list[Contribution] = field(default_factory=list)
    causes: list[CauseUpdate] = field(default_factory=list)
    faults: list[RuleFault] = field(default_factory=list)
    durations: list[DurationSample] = field(default_factory=list)
    evaluated: int = 0


@dataclass(frozen=True, slots=True)
class RuleFault:
    """What raised while one view was looked at. Its findings stay as they were; it is looked at again before long.

    detection: the rule; "view" where the view as a whole cannot be judged or stored; "statistics" where only what is
               counted and measured of it fails.
    reason:    a short stable word: "rule_failed", "view_failed", or that of the record that was refused.
    items:     the contributions that came with this look, and whether they were refused (`lost`): the row could not
               even be stored with them. Otherwise they stand in the row and count at the next look.
    """

    detection: str
    view: str
    error: str
    reason: str = "rule_failed"
    items: tuple[Contribution, ...] = ()
    lost: bool = False
