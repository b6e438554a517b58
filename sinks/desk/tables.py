"""Tables that leave the desk for a spreadsheet: CSV, and XLSX whose cells are texts and numbers, never formulas."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import xlsxwriter

from sinks.desk.answers import EpisodeSummary
from sinks.desk.trends import Trends
from streams.runtime.printable import printable
from streams.runtime.spreadsheet import cell

MOST_ROWS = 20_000
_LONGEST = 32_767  # Microsoft, "Excel specifications and limits": characters in a cell
Row = Sequence[str | int | float | None]

EPISODES = (
    "finding", "state", "severity", "detection", "title", "family", "opened_at", "resolved_at", "forest", "tenant",
    "organisational_unit", "name", "summary", "cause",
)  # fmt: skip
WEEKS = ("value", "week", "opened", "resolved", "standing")


def episode_rows(episodes: Iterable[EpisodeSummary]) -> list[Row]:
    """The values for EPISODES."""
    return [
        (
            each.finding, each.state.value, each.severity.value, each.detection, each.title, each.family,
            each.opened_at, each.resolved_at, each.forest, each.tenant, each.unit, each.name, each.summary, each.cause,
        )
        for each in episodes
    ]  # fmt: skip


def week_rows(trends: Trends) -> list[Row]:
    """The values for WEEKS, all together first."""
    named = [("(all)", trends.weeks), *trends.values.items()]
    return [(value, each.monday, each.opened, each.resolved, each.standing) for value, weeks in named for each in weeks]


def as_csv(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    """With a header line; a text that a spreadsheet would run gets a quote before it."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(value) if isinstance(value, str) else value for value in row])
    return file.getvalue().encode("utf-8-sig")


def as_xlsx(columns: Sequence[str], rows: Iterable[Row]) -> bytes:
    """One sheet with a header line."""
    return workbook({"SyncHealth": (columns, rows)})


def workbook(sheets: Mapping[str, tuple[Sequence[str], Iterable[Row]]]) -> bytes:
    """Sheets with a header line each; texts are written as texts, so that nothing in them is run or followed."""
    file = io.BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        bold = book.add_format({"bold": True})
        for title, (columns, rows) in sheets.items():
            _fill(book.add_worksheet(title), columns, rows, bold)
    return file.getvalue()


def _fill(sheet: Any, columns: Sequence[str], rows: Iterable[Row], bold: Any) -> None:
    for column, name in enumerate(columns):
        sheet.write_string(0, column, name, bold)
    for number, row in enumerate(rows, start=1):
        for column, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(number, column, printable(value)[:_LONGEST])
            elif value is not None:
                sheet.write_number(number, column, value)
    sheet.freeze_panes(1, 0)
