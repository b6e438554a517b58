"""One line of the check: what was looked at, how it is, what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Mark(StrEnum):
    """GAP: it works without, and something stays unseen."""

    GOOD = "ok"
    GAP = "gap"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Line:
    """`area` is kafka, a forest's or a tenant's name; `advice` is there for everything but GOOD."""

    area: str
    mark: Mark
    what: str
    advice: str = ""


def good(area: str, what: str) -> Line:
    return Line(area, Mark.GOOD, what)


def gap(area: str, what: str, advice: str) -> Line:
    return Line(area, Mark.GAP, what, advice)


def fault(area: str, what: str, advice: str = "") -> Line:
    return Line(area, Mark.FAULT, what, advice)


SKEW_LIMIT_S = 60.0


def skew(area: str, who: str, theirs_s: float, ours_s: float) -> Line:
    """How far two clocks are apart; latencies and "since" are wrong by as much, and tokens fail at minutes."""
    apart = theirs_s - ours_s
    if abs(apart) <= SKEW_LIMIT_S:
        return good(area, f"the clock of {who} agrees to {abs(apart):.0f} s")
    return fault(
        area,
        f"the clock of {who} is {abs(apart):.0f} s {'ahead of' if apart > 0 else 'behind'} this machine's",
        "synchronise both with one time source (chrony, w32time)",
    )
