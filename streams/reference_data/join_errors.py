"""Error codes of hybrid join: what the client's log means by them, and what to do. Pure."""

from __future__ import annotations

from enum import StrEnum

from streams.reference_data.table import Row, load


class Course(StrEnum):
    """What becomes of an error if nobody does anything."""

    LASTING = "lasting"  # stays until somebody repairs something
    PASSING = "passing"  # the network or the service of this hour; a day of it is no accident
    EXPECTED = "expected"  # belongs to a join that goes well: the next cycle ends it


class JoinError(Row, frozen=True, kw_only=True):
    """One code. `action` is a sentence for the desk; `symbol` is Microsoft's name, or the code where there is none."""

    code: int
    symbol: str
    phase: str
    meaning: str
    action: str
    course: Course = Course.LASTING


TABLE = load("join_errors", JoinError)
