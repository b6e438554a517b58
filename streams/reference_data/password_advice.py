"""What to do about a password that did not pass, by the class of its error or by what exactly it was. Pure."""

from __future__ import annotations

from typing import Literal

from streams.reference_data.table import Row, load

Operation = Literal["writeback", "hash"]


class Advice(Row, frozen=True, kw_only=True):
    """One sentence for the desk."""

    operation: Operation
    cause: str
    advice: str


TABLE = load("password_advice", Advice)


def advice_on(operation: Operation) -> dict[str, str]:
    """The advice on each cause of one operation."""
    return {row.cause: row.advice for row in TABLE.rows if row.operation == operation}
