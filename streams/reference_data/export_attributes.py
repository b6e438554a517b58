"""How an export error spells the attribute that it refuses. Pure."""

from __future__ import annotations

from streams.reference_data.table import Row, load


class Spelling(Row, frozen=True, kw_only=True):
    """said: as the error spells it, in lower case; attribute: as Active Directory does."""

    said: str
    attribute: str


TABLE = load("export_attributes", Spelling)
IN_AD = {row.said: row.attribute for row in TABLE.rows}
