"""The report of a week: what opened, what was repaired, what grows and what runs out, beside the week before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from jinja2 import Environment, StrictUndefined
from sqlalchemy import Engine

from sinks.desk.answers import EpisodeSummary
from sinks.desk.tables import EPISODES, Row, episode_rows, workbook
from sinks.desk.trends import WEEK_MS
from sinks.history import queries
from sinks.history.database import errors
from sinks.history.queries import FindingsQuery
from streams.contracts.finding import FindingState
from streams.contracts.times import rfc3339
from streams.runtime.printable import printable

MOST_LISTED = 20
_MOST_ROWS = 5_000
COLUMNS = (
    "detection", "title", "opened", "opened_before", "resolved", "resolved_before", "standing", "standing_before",
)  # fmt: skip


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One detection. …_before: in the week before, or at its end; standing: explained by a cause or not."""

    detection: str
    title: str
    opened: int = 0
    opened_before: int = 0
    resolved: int = 0
    resolved_before: int = 0
    standing: int = 0
    standing_before: int = 0

    @property
    def growth(self) -> int:
        """By how many more stand."""
        return self.standing - self.standing_before


@dataclass(frozen=True, slots=True)
class Weekly:
    """The week from `monday_ms` on. newest: the loudest that opened in it and stand; runs_out: what stands of that.

    note: why the numbers may not be all; "" where nothing is known to be missing.
    """

    monday_ms: int
    installation: str
    desk: str
    lines: list[Line]
    newest: list[EpisodeSummary]
    opened: list[EpisodeSummary]
    runs_out: list[EpisodeSummary]
    note: str = ""

    @property
    def week(self) -> str:
        """Its Monday."""
        return rfc3339(self.monday_ms)[:10]

    @property
    def total(self) -> Line:
        """All together."""
        sums = {name: sum(getattr(each, name) for each in self.lines) for name in COLUMNS[2:]}
        return Line(detection="", title="All", **sums)

    @property
    def growing(self) -> list[Line]:
        """Of which more stand than a week before, the most first."""
        return sorted((each for each in self.lines if each.growth > 0), key=lambda each: -each.growth)[:MOST_LISTED]

    @property
    def repaired(self) -> list[Line]:
        """Of which any were resolved, the most first."""
        return sorted((each for each in self.lines if each.resolved), key=lambda each: -each.resolved)[:MOST_LISTED]

    @property
    def subject(self) -> str:
        """One line."""
        total = self.total
        numbers = f"{total.opened:,} opened, {total.resolved:,} resolved, {total.standing:,} stand ({total.growth:+,})"
        return f"[SyncHealth] {self.installation}, week of {self.week}: {numbers}"

    def html(self) -> str:
        """The report as a page; whatever comes from a directory is escaped."""
        return _PAGE.render(report=self)

    def xlsx(self) -> bytes:
        """The numbers, and what opened, on a sheet each."""
        numbers: list[Row] = [[getattr(each, name) for name in COLUMNS] for each in (self.total, *self.lines)]
        return workbook({"Week": (COLUMNS, numbers), "Opened": (EPISODES, episode_rows(self.opened))})

    def plain(self) -> str:
        """The report as text."""
        total = self.total
        parts = [
            f"Week of {self.week}, and the week before",
            *([self.note] if self.note else []),
            f"opened {total.opened:,} ({total.opened_before:,})",
            f"resolved {total.resolved:,} ({total.resolved_before:,})",
            f"stand {total.standing:,} ({total.standing_before:,})",
            *_listed("Grows", [f"{each.growth:+,} to {each.standing:,}: {each.title}" for each in self.growing]),
            *_listed("Repaired", [f"{each.resolved:,}: {each.title}" for each in self.repaired]),
            *_listed("Opened, and stands", [f"{each.severity}: {each.title}: {each.name}" for each in self.newest]),
            *_listed("Runs out", [each.summary for each in self.runs_out]),
        ]
        return "\n".join(map(printable, parts))


def weekly(
    engine: Engine,
    monday_ms: int,
    *,
    titles: Mapping[str, str],
    runs_out: Collection[str],
    installation: str,
    desk: str,
    note: str = "",
) -> Weekly:
    """The report from a history. titles: of each detection; runs_out: those that tell of a limit or an expiry.

    Raises RetriableError where the database is away.
    """
    before, until = monday_ms - WEEK_MS, monday_ms + WEEK_MS
    counted: dict[str, dict[str, int]] = {}

    def count(detection: str | None, name: str, number: int) -> None:
        counted.setdefault(detection or "", {})[name] = number

    with errors(), engine.connect() as connection:
        for name, of in (("opened", "opened_ms"), ("resolved", "resolved_ms")):
            for monday, detection, number in queries.weeks(connection, FindingsQuery(), of=of, by="detection"):
                if monday in (monday_ms, before):
                    count(detection, name if monday == monday_ms else f"{name}_before", number)
        for name, at_ms in (("standing", until - 1), ("standing_before", monday_ms - 1)):
            for detection, number in queries.standing(connection, FindingsQuery(), at_ms, "detection"):
                count(detection, name, number)
        within = FindingsQuery(opened_from_ms=monday_ms, opened_until_ms=until)
        opened = _episodes(connection, within, titles)
        expiring = FindingsQuery(state=(FindingState.OPEN.value,), detection=tuple(runs_out))
        running_out = _episodes(connection, expiring, titles)[:MOST_LISTED] if runs_out else []
    lines = [
        Line(detection=detection, title=titles.get(detection, detection), **numbers)
        for detection, numbers in counted.items()
    ]
    stand = [each for each in opened if each.state is FindingState.OPEN]
    return Weekly(
        monday_ms, installation, desk, sorted(lines, key=lambda each: (-each.standing, each.detection)),
        sorted(stand, key=lambda each: (each.severity.rank, each.opened_at))[:MOST_LISTED], opened, running_out, note,
    )  # fmt: skip


def _episodes(connection: Any, question: FindingsQuery, titles: Mapping[str, str]) -> list[EpisodeSummary]:
    found: list[EpisodeSummary] = []
    cursor = None
    while len(found) < _MOST_ROWS:
        page = queries.page(connection, question, cursor=cursor, limit=queries.MOST)
        found += [EpisodeSummary.of(row, titles.get(row["detection"], row["detection"])) for row in page.episodes]
        cursor = page.cursor
        if cursor is None:
            break
    return found


def _listed(head: str, lines: list[str]) -> list[str]:
    return ["", head, *(f"  {line}" for line in lines)] if lines else []


_ENVIRONMENT = Environment(
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=lambda value: printable(value) if type(value) is str else value,  # not what is markup already
)
_PAGE = _ENVIRONMENT.from_string("""\
<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ report.subject }}</title>
<style>body{font-family:sans-serif;max-width:60em} table{border-collapse:collapse} td,th{padding:.2em .8em;text-align:right}
td:first-child,th:first-child{text-align:left}</style></head><body>
<h1>Week of {{ report.week }}: {{ report.installation }}</h1>
{% if report.note %}<p><strong>{{ report.note }}</strong></p>{% endif %}
{% macro row(line) %}
<tr><td>{{ line.title }}</td><td>{{ line.opened }} ({{ line.opened_before }})</td>
<td>{{ line.resolved }} ({{ line.resolved_before }})</td><td>{{ line.standing }} ({{ line.standing_before }})</td></tr>
{% endmacro %}
<table><caption>In brackets: the week before</caption>
<thead><tr><th scope="col">What</th><th scope="col">Opened</th><th scope="col">Resolved</th><th scope="col">Stand</th></tr></thead>
<tbody>{{ row(report.total) }}{% for line in report.lines %}{{ row(line) }}{% endfor %}</tbody></table>
{% macro listed(head, lines) %}{% if lines %}<h2>{{ head }}</h2><ul>{% for each in lines %}
<li>{{ caller(each) }}</li>{% endfor %}</ul>{% endif %}{% endmacro %}
{% call(each) listed("Grows", report.growing) %}{{ "%+d" | format(each.growth) }} to {{ each.standing }}: {{ each.title }}{% endcall %}
{% call(each) listed("Repaired", report.repaired) %}{{ each.resolved }}: {{ each.title }}{% endcall %}
{% call(each) listed("Opened, and stands", report.newest) %}{{ each.severity.value }}: {{ each.title }}:
{% if report.desk %}<a href="{{ report.desk }}/f/{{ each.finding }}">{{ each.name }}</a>{% else %}{{ each.name }} ({{ each.finding }}){% endif %}{% endcall %}
{% call(each) listed("Runs out", report.runs_out) %}{{ each.summary }}{% endcall %}
</body></html>
""")  # noqa: E501 - a page
