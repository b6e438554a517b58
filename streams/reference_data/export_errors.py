"""Names of errors with which Entra ID refuses an object at an export, and what to do about each. Pure."""

from __future__ import annotations

from streams.reference_data.table import Row, load


class ExportError(Row, frozen=True, kw_only=True):
    """One name, as the event spells it.

    advice:   a sentence for the desk.
    conflict: it is about who holds a value or an identity, and not about what the object's own values are like.
    """

    code: str
    advice: str
    conflict: bool = False


TABLE = load("export_errors", ExportError)
ADVICE = {row.code: row.advice for row in TABLE.rows}
CONFLICTS = frozenset(row.code for row in TABLE.rows if row.conflict)
