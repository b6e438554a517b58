"""Every SQL statement of the dashboards, run by a real PostgreSQL over a story, as one who may only read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, text

from grafana.checker import panels, statements
from sinks.history import queries
from sinks.history.database import open_database
from sinks.history.queries import FindingsQuery
from sinks.history.sink import HistorySink
from sinks.sink import Meta
from streams.contracts.topics import FINDINGS
from streams.runtime.clock import now_ms
from streams.runtime.topic_reader import ReaderProgress
from tests.support.dashboards import filled_in, pages
from tests.support.postgresql import postgresql
from tests.support.story_records import story_records

PAGE = pages()["names.json"]
PANELS = {panel["title"]: panel for panel in panels(PAGE)}
# As README tells it: names, and neither the documents nor what people search by.
GRANTS = ("CREATE ROLE grafana", "GRANT SELECT ON episode, involved TO grafana")
_DAYS = 86_400_000


@pytest.fixture(scope="module")
def history() -> Iterator[Connection]:
    """A connection to the story's history that may do no more than Grafana's."""
    now = now_ms()
    with postgresql() as url:
        engine = open_database(url, Path())
        sink = HistorySink(engine)
        for at, record in enumerate(story_records(now)):
            sink.add(record, Meta(FINDINGS.name, 0, at, now, live=True))
        sink.flush(ReaderProgress(caught_up=True, in_contact=True, behind=0))
        with engine.begin() as connection:
            for grant in GRANTS:
                connection.execute(text(grant))
        with engine.connect() as connection:
            connection.execute(text("SET ROLE grafana"))
            yield connection
        engine.dispose()


@pytest.fixture(scope="module")
def values(history: Connection) -> dict[str, str]:
    """What stands for each variable: all its values, as Grafana quotes those of one with many."""
    found = {"$__from": str(now_ms() - 90 * _DAYS), "$__to": str(now_ms())}
    for variable in PAGE["templating"]["list"]:
        if variable["type"] == "query":
            chosen = [row[0] for row in history.execute(text(variable["query"]))]
            assert chosen, variable["name"]
            found[f"${variable['name']}"] = ",".join(f"'{value}'" for value in chosen)
    return found


def rows_of(history: Connection, statement: str, values: dict[str, str]) -> list[dict[str, Any]]:
    asked = filled_in(statement, values)
    assert "$" not in asked, asked
    return [dict(row) for row in history.exec_driver_sql(asked).mappings()]


@pytest.mark.parametrize("title", PANELS)
def test_every_panel_shows_something_and_its_links_find_their_columns(
    history: Connection, values: dict[str, str], title: str
) -> None:
    panel = PANELS[title]
    (statement,) = statements(panel)
    rows = rows_of(history, statement, values)
    assert rows
    assert any(value is not None for row in rows for value in row.values())
    links = json.dumps(panel["fieldConfig"]["defaults"]["links"])
    assert set(re.findall(r"\$\{__data\.fields\.(\w+)", links)) <= rows[0].keys()
    headings = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
    if panel["targets"][0]["format"] == "time_series":
        assert list(rows[0]) == ["time", "metric", "value"]
        assert [row["time"] for row in rows] == sorted(row["time"] for row in rows)
    else:
        assert headings <= rows[0].keys()


def test_the_figures_are_those_of_the_history(history: Connection, values: dict[str, str]) -> None:
    def shown(title: str) -> list[dict[str, Any]]:
        return rows_of(history, statements(PANELS[title])[0], values)

    history.execute(text("RESET ROLE"))
    open_now = queries.count(history, FindingsQuery(state=("open",)))
    standing_now = queries.count(history, FindingsQuery(state=("open", "suppressed")))
    weeks = queries.weeks(history, FindingsQuery())
    repeated = queries.repeated(history, FindingsQuery(), limit=500)
    history.execute(text("SET ROLE grafana"))

    assert shown("Open") == [{"findings": open_now}]
    assert len(shown("Open findings")) == open_now > 5
    told = {(int(row["time"].timestamp() * 1000), row["metric"]): row["value"] for row in shown("Opened per week")}
    assert told == {(monday, family): number for monday, family, number in weeks}
    assert {row["finding"]: row["episodes"] for row in shown("Repeat offenders")} == {
        row["finding"]: row["episodes"] for row in repeated
    }
    assert sum(row["critical and high"] + row["medium and low"] for row in shown("Open by age")) == open_now
    latest = max(row["time"] for row in shown("Standing"))
    assert sum(row["value"] for row in shown("Standing") if row["time"] == latest) == standing_now


def test_what_marks_the_graphs_is_asked_of_the_history_too(history: Connection, values: dict[str, str]) -> None:
    for mark in PAGE["annotations"]["list"]:
        rows = rows_of(history, mark["rawQuery"], values)
        assert list(rows[0]) == ["time", "timeend", "title", "text", "tags"]
