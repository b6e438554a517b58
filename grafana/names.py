"""Dashboard "SyncHealth: findings by name": rows of the history, where that is in PostgreSQL."""

from __future__ import annotations

from typing import Any

from grafana import history, links
from grafana.pages import Mark, Row, datasource, history_variable, page
from grafana.panels import (
    HISTORY,
    SEVERITY_COLOURS,
    Sql,
    bars,
    coloured,
    introduction,
    lines,
    listing,
    number,
    stacked,
    thresholds,
)

UID = "synchealth-names"
_DAY = 86400
_AGES = thresholds((None, "green"), (_DAY, "orange"), (7 * _DAY, "red"))
_INTRODUCTION = """\
**Who and since when**, from the history of findings in PostgreSQL (`[history] url`). A row leads to its finding, or to
everything about its object, on the [desk](${desk}). Whoever may see this page sees names: give it its own folder and
permissions."""
_MARKS = (Mark("Critical and high findings", Sql(history.MARKS), "orange"),)


def build() -> Any:
    """The dashboard's model."""
    columns = ("family", "severity", "tenant", "forest")
    return page(
        "findings by name",
        UID,
        "What is open, what comes back, and whom it concerns, by name; and trends over years. Needs PostgreSQL.",
        (
            Row("Now", [introduction(_INTRODUCTION), *_now()]),
            Row("Findings", _findings()),
            Row("Whom it concerns", _concerned()),
            Row("Trends", _trends()),
        ),
        since="now-90d",
        refresh="5m",
        variables=[
            datasource("history", str(HISTORY.type_val)),
            *(history_variable(column, history.choices(column)) for column in columns),
        ],
        marks=_MARKS,
    )


def _now() -> list[Any]:
    return [
        number(
            "Open",
            "Findings that stand now.",
            "short",
            Sql(history.count_of("open")),
            links=links.EVERYTHING,
            steps=thresholds((None, "green"), (1, "orange")),
        ),
        number(
            "Suppressed",
            "Findings explained away by an open cause now.",
            "short",
            Sql(history.count_of("suppressed")),
            links=links.SUPPRESSED,
        ),
        number(
            "Opened",
            "Findings that opened within the time shown, whether they stand or not.",
            "short",
            Sql(history.count_within("opened_ms")),
            links=links.EVERYTHING,
        ),
        number(
            "Resolved",
            "Findings that were resolved within the time shown.",
            "short",
            Sql(history.count_within("resolved_ms")),
            links=(links.findings("Resolved findings", state="resolved"), links.CATALOGUE),
        ),
        number(
            "Repaired after, half of them",
            "How long half of the findings resolved within the time shown had stood at most.",
            "s",
            Sql(history.repair_time(0.5)),
            links=links.EVERYTHING,
            no_value="nothing resolved",
        ),
        number(
            "Repaired after, 90 % of them",
            "How long nine of ten of the findings resolved within the time shown had stood at most.",
            "s",
            Sql(history.repair_time(0.9)),
            links=links.EVERYTHING,
            no_value="nothing resolved",
        ),
    ]


def _findings() -> list[Any]:
    return [
        listing(
            "Open findings",
            f"What stands now and who looks after it, the loudest and newest first, {history.MOST} at most.",
            Sql(history.OPEN),
            links=links.ROW_OF_FINDING,
            units={"age": "s"},
            limits={"age": _AGES},
            height=12,
            no_value="nothing open",
        ),
        listing(
            "Repeat offenders",
            "Findings that opened more than once: repaired, and back.",
            Sql(history.REPEATED),
            links=links.ROW_OF_FINDING,
            width=12,
            no_value="nothing came back",
        ),
        listing(
            "Resolved lately",
            "What was resolved within the time shown, the latest first.",
            Sql(history.RESOLVED),
            links=links.ROW_OF_FINDING,
            units={"stood": "s"},
            width=12,
            no_value="nothing resolved",
        ),
    ]


def _concerned() -> list[Any]:
    return [
        listing(
            "Objects",
            "Objects that take part in what is open or opened within the time shown, those with most open findings "
            "first; the name is that of one of the findings.",
            Sql(history.OBJECTS),
            links=links.ROW_OF_OBJECT,
            width=12,
            no_value="nothing open",
        ),
        listing(
            "Organisational units",
            "Open now, and opened and resolved within the time shown, by the unit of the object.",
            Sql(history.UNITS),
            links=links.ROW_OF_UNIT,
            units={"oldest": "s"},
            limits={"oldest": _AGES},
            width=12,
            no_value="nothing in any unit",
        ),
        listing(
            "Open by age",
            "For how long what is open has stood.",
            Sql(history.AGES),
            links=links.EVERYTHING,
            height=7,
        ),
    ]


def _trends() -> list[Any]:
    return [
        bars(
            "Opened per week",
            "Findings that opened, by the Monday of their week (UTC) and by family.",
            "short",
            Sql(history.by_week("opened_ms"), over_time=True),
            links=links.EVERYTHING,
            no_value="nothing opened",
        ),
        bars(
            "Resolved per week",
            "Findings that were resolved, by the Monday of their week (UTC) and by family.",
            "short",
            Sql(history.by_week("resolved_ms"), over_time=True),
            links=links.EVERYTHING,
            no_value="nothing resolved",
        ),
        coloured(
            stacked(
                "Standing",
                "Findings that were open or suppressed at each time, by severity.",
                "short",
                Sql(history.STANDING, over_time=True),
                links=links.EVERYTHING,
                no_value="nothing stood",
            ),
            SEVERITY_COLOURS,
        ),
        lines(
            "Time to repair",
            "Of the findings resolved in each week: how long half, and nine of ten of them had stood.",
            "s",
            Sql(history.REPAIR, over_time=True),
            links=links.EVERYTHING,
            no_value="nothing resolved",
        ),
    ]
