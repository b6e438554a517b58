"""How faults are written: JSON lines, IdFix's CSV columns, or a table for people. Each row as it comes."""

from __future__ import annotations

import csv
import shutil
from typing import Any, TextIO

from streams.contracts.codec import dump_document
from streams.hygiene.faults import Breach, ErrorName, Fault
from streams.runtime.printable import printable, printable_json
from streams.runtime.spreadsheet import as_it_is, cell

CSV_COLUMNS = (
    "DISTINGUISHEDNAME", "COMMONNAME", "OBJECTCLASS", "ATTRIBUTE", "ERROR", "VALUE", "UPDATE", "PROPOSEDACTION",
    "ACTION",
)  # fmt: skip
"""The columns of IdFix's own export, which its import reads back. ACTION is the operator's to fill."""


class JsonLinesWriter:
    """One JSON object per faulty value."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def write(self, fault: Fault) -> None:
        """Write one line."""
        self._out.write(printable_json(dump_document(_entry(fault)).decode()) + "\n")

    def close(self) -> None:
        """Nothing comes last."""


class CsvWriter:
    """IdFix's spreadsheet: ERROR joins the names with a comma, as IdFix does. What it would run is quoted."""

    _cell = staticmethod(cell)

    def __init__(self, out: TextIO) -> None:
        self._writer = csv.writer(out)
        self._writer.writerow(CSV_COLUMNS)

    def write(self, fault: Fault) -> None:
        """Write one row."""
        row = (
            fault.dn,
            fault.common_name,
            fault.object_class,
            fault.attribute,
            ", ".join(error for breach in fault.breaches for error in breach.errors),
            fault.value,
            fault.proposed_value,
            str(fault.proposed_action),
            "",
        )
        self._writer.writerow([self._cell(value) for value in row])

    def close(self) -> None:
        """Nothing comes last."""


class RawCsvWriter(CsvWriter):
    """The same with every value as it is: for IdFix's import, and for scripts."""

    _cell = staticmethod(as_it_is)


class TableWriter:
    """Three lines per faulty value: the object, the value and what is wrong, the proposal.

    What could move the cursor or hide in print is written as an escape.
    """

    def __init__(self, out: TextIO, width: int | None = None) -> None:
        self._out = out
        self._width = width or (shutil.get_terminal_size().columns if out.isatty() else 0)
        self._dn: str | None = None

    def write(self, fault: Fault) -> None:
        """Write one fault; the object's name once for all of its faults."""
        if fault.dn != self._dn:
            self._dn = fault.dn
            self._line(printable(fault.dn))
        nothing = "(absent)" if ErrorName.BLANK in fault.errors else "(all values)"
        self._line(f"  {printable(fault.attribute)}: {nothing if fault.value is None else printable(fault.value)}")
        for breach in fault.breaches:
            self._line(f"    {printable(breach.describe())}")
        for forecast in dict.fromkeys(breach.forecast for breach in fault.breaches if breach.forecast):
            self._line(f"    forecast: {printable(forecast)}")
        if fault.proposed_value is not None and fault.proposed_value != fault.value:
            held = f"   (held by {'; '.join(fault.proposed_value_holders)})" if fault.proposed_value_holders else ""
            self._line(f"    proposed: {printable(fault.proposed_value + held)}")

    def close(self) -> None:
        """Nothing comes last."""

    def _line(self, text: str) -> None:
        cut = text[: self._width - 1] + "…" if self._width and len(text) > self._width else text
        self._out.write(cut + "\n")


def _entry(fault: Fault) -> dict[str, Any]:
    return {
        "dn": fault.dn,
        "attribute": fault.attribute,
        "value": fault.value,
        "errors": fault.errors,
        "proposed_value": fault.proposed_value,
        "profile": fault.profile,
        "proposed_action": fault.proposed_action,
        "proposed_value_holders": fault.proposed_value_holders,
        "holders": fault.holders,
        "details": [_detail(breach) for breach in fault.breaches],
    }


def _detail(breach: Breach) -> dict[str, Any]:
    detail = {
        "rule": breach.rule,
        "errors": breach.errors,
        "effect": breach.effect,
        "character": breach.character,
        "position": breach.position,
        "length": breach.length,
        "limit": breach.limit,
        "forecast": breach.forecast,
    }
    return {name: value for name, value in detail.items() if value is not None}
