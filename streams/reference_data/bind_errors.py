"""Why Active Directory refuses a bind, and what to do about it. Pure."""

from __future__ import annotations

from streams.reference_data.table import Row, load


class BindError(Row, frozen=True, kw_only=True):
    """One sub-code, in lower-case hexadecimal as it is logged. locked: waiting helps, other attempts harm."""

    code: str
    action: str
    locked: bool = False


TABLE = load("bind_errors", BindError)
BY_CODE = {row.code: row for row in TABLE.rows}
WRONG_PASSWORD = BY_CODE["52e"]
