"""Error codes of hybrid join: what becomes of an error, and how its code is spelt. Pure.

The codes themselves are data with their sources: streams/reference_data/join_errors.toml and join_answers.toml.
"""

from __future__ import annotations

import re

from streams.reference_data.join_errors import ANSWERS, TABLE, Course, JoinError

__all__ = ["JOIN_ERRORS", "Course", "JoinError", "code_of", "course_of", "join_error", "symbol_of"]

JOIN_ERRORS = {error.code: error for error in TABLE.rows}

_HEXADECIMAL = re.compile(r"0x[0-9a-f]{1,8}|[0-9a-f]{8}")


def code_of(text: str | int | None) -> int | None:
    """The 32 bits behind a code as logs and tools write it: 0x801C03F2, 801c03f2, -2145647630, 2149319666."""
    code = str(text).strip().lower() if text is not None else ""
    if _HEXADECIMAL.fullmatch(code):
        return int(code, 16)
    try:
        number = int(code)
    except ValueError:
        return None
    return number % (1 << 32) if -(1 << 31) <= number < 1 << 32 else None


def join_error(text: str | int | None) -> JoinError | None:
    """What a code means; None for one that the table lacks."""
    code = code_of(text)
    return JOIN_ERRORS.get(code) if code is not None else None


def course_of(client_error: str | None, server_error: str | None = None) -> Course:
    """What becomes of it. The service's own words, where they are known, say more than the client's code."""
    answer = (server_error or "").lower()
    answered = next((row.course for row in ANSWERS.rows if row.text in answer), None)
    known = join_error(client_error)
    return answered or (known.course if known is not None else Course.PASSING)


def symbol_of(client_error: str | None) -> str:
    """The symbol as a label of a metric: one of the table's, or "other"."""
    known = join_error(client_error)
    return known.symbol if known is not None else "other"
