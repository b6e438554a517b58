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
    """One code. `action` is a sentence for the desk; `symbol` is Microsoft's name, or the code where there is none.

    words: what an English Windows writes in place of the number, without its full stop; None: it writes the number.
    """

    code: int
    symbol: str
    phase: str
    meaning: str
    action: str
    course: Course = Course.LASTING
    words: str | None = None


TABLE = load("join_errors", JoinError)


class JoinAnswer(Row, frozen=True, kw_only=True):
    """What becomes of an error, by a part of the service's answer, in lower case."""

    text: str
    course: Course


ANSWERS = load("join_answers", JoinAnswer)
