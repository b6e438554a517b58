"""What a look at a view starts from, and what follows: findings, contributions, causes, durations, faults."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from streams.contracts.finding import Finding
from streams.contracts.views import CauseUpdate, Contribution
from streams.detections.detection import Context
from streams.measures.family import DurationSample


class Look(NamedTuple):
    """The circumstances of one look at a view.

    context:     what is known of its tenant. now_ms: the time of the partition.
    observed_ms: when the change that led to this look happened; `now_ms` if none did.
    """

    context: Context
    now_ms: int
    observed_ms: int


class Outcome(msgspec.Struct, frozen=True):
    """What one look at a view, or all looks of one record, led to.

    findings:  id -> finding, or None to forget it (a tombstone).
    causes:    for every partition of the views topic.
    durations: waits that are over.
    evaluated: how many views were looked at.
    """

    findings: dict[str, Finding | None] = {}
    contributions: list[Contribution] = []
    causes: list[CauseUpdate] = []
    faults: list[RuleFault] = []
    durations: list[DurationSample] = []
    evaluated: int = 0

    @classmethod
    def of(cls, looks: Iterable[Outcome]) -> Outcome:
        """All of these as one, in their order; of a finding that is in several, the last."""
        findings: dict[str, Finding | None] = {}
        contributions: list[Contribution] = []
        causes: list[CauseUpdate] = []
        faults: list[RuleFault] = []
        durations: list[DurationSample] = []
        evaluated = 0
        for look in looks:
            findings |= look.findings
            contributions += look.contributions
            causes += look.causes
            faults += look.faults
            durations += look.durations
            evaluated += look.evaluated
        return cls(findings, contributions, causes, faults, durations, evaluated)


QUIET = Outcome(evaluated=1)
"""Of a look at which there was nothing to judge."""


class RuleFault(msgspec.Struct, frozen=True):
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
