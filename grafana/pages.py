"""A dashboard: rows of panels under variables, with links to its neighbours and marks of what happened."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import count
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from grafana.links import DESK, DESK_URL
from grafana.panels import DATASOURCE, HISTORY, Sql

TAG = "synchealth"


@dataclass(frozen=True, slots=True)
class Row:
    """A heading and its panels; a folded one asks its queries when it is opened."""

    title: str
    panels: Iterable[Any]
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """Events drawn over graphs. at: PromQL; its values are times in milliseconds where `dated`, else it marks whenever
    there is a value. Or rows of the history: time, timeEnd, title, text.

    Source: https://grafana.com/docs/grafana/latest/datasources/prometheus/annotations/ and …/postgres/annotations/
    """

    name: str
    at: str | Sql
    colour: str
    title: str = ""
    tags: str = ""
    dated: bool = True
    shown: bool = False

    def build(self) -> dict[str, object]:
        """As the JSON of a dashboard has it."""
        mark: dict[str, object] = {"name": self.name, "enable": self.shown, "iconColor": self.colour}
        if isinstance(self.at, Sql):
            return mark | {"datasource": HISTORY, "rawQuery": self.at.statement, "target": self.at.build()}
        return mark | {
            "datasource": DATASOURCE,
            "expr": self.at,
            "step": "1m",
            "tagKeys": self.tags,
            "titleFormat": self.title,
            "useValueForTime": self.dated,
        }


ALERTS = Mark(
    "Alerts", 'ALERTS{alertname=~"SyncHealth.*", alertname!="SyncHealthWatchdog", alertstate="firing"}', "red",
    title="{{alertname}}", tags="severity,forest", dated=False, shown=True,
)  # fmt: skip
FINDINGS = Mark(
    "Critical and high findings",
    "max by (detection, severity, tenant, forest) (synchealth_findings_newest_alerted_timestamp_seconds"
    '{severity=~"critical|high"}) * 1000',
    "orange", title="{{detection}}", tags="severity,forest",
)  # fmt: skip
RUNS = Mark(
    "Synchronisation runs", "max by (tenant) (synchealth_tenant_last_sync_timestamp_seconds) * 1000", "blue",
    title="Synchronised", tags="tenant",
)  # fmt: skip
STARTS = Mark(
    "Starts of SyncHealth", 'process_start_time_seconds{job=~"synchealth-.+"} * 1000', "purple",
    title="{{job}} started", tags="instance",
)  # fmt: skip
MARKS = (ALERTS, FINDINGS, RUNS, STARTS)


def page(
    title: str,
    uid: str,
    description: str,
    rows: Iterable[Row],
    *,
    since: str = "now-24h",
    refresh: str = "1m",
    variables: Iterable[Any] | None = None,
    marks: Iterable[Mark] = MARKS,
    shown: Iterable[Mark] = (),
) -> Any:
    """The dashboard's model.

    since:     where the time shown begins.
    variables: instead of tenant and forest.
    marks:     what may be drawn over graphs; `shown`: those that are, besides alerts, without being asked for.
    """
    built = (
        dashboard.Dashboard(f"SyncHealth: {title}")
        .uid(uid)
        .description(description)
        .tags([TAG])
        .refresh(refresh)
        .time(since, "now")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(_desk())
    )
    given = [datasource("datasource", "prometheus"), variable("tenant"), variable("forest")]
    for each in given if variables is None else variables:
        built = built.with_variable(each)
    shown = tuple(shown)
    for mark in marks:
        on = mark.build() | ({"enable": True} if mark in shown else {})
        built = built.annotation(_Built(on))
    # Neighbours keep the time and what was chosen: https://grafana.com/docs/grafana/latest/dashboards/build-dashboards/
    # manage-dashboard-links/
    neighbours = dashboard.DashboardLink("Dashboards").type(model.DashboardLinkType.DASHBOARDS).tags([TAG])
    built = built.link(neighbours.as_dropdown(True).include_vars(True).keep_time(True))
    built = built.link(dashboard.DashboardLink("Desk").type(model.DashboardLinkType.LINK).url(DESK).target_blank(True))
    ids = count(1)  # stable ids: links to a panel survive
    for row in rows:
        heading = dashboard.Row(row.title).id(next(ids)).collapsed(row.folded)
        panels = [panel.id(next(ids)) for panel in row.panels]
        if row.folded:
            for panel in panels:
                heading = heading.with_panel(panel)
            built = built.with_row(heading.collapsed(True))
            continue
        built = built.with_row(heading)
        for panel in panels:
            built = built.with_panel(panel)
    return built.build()


@dataclass(frozen=True, slots=True)
class _Built:
    value: Any

    def build(self) -> Any:
        return self.value


def _desk() -> Any:
    """A constant, and none of the address bar's: a link to a dashboard cannot make its links lead elsewhere."""
    built = dashboard.ConstantVariable("desk").label("Desk").value(DESK_URL).build()
    built.skip_url_sync = True
    return _Built(built)


def datasource(name: str, kind: str) -> Any:
    """A choice among Grafana's data sources of one kind."""
    label = "Data source" if kind == "prometheus" else "History"
    return dashboard.DatasourceVariable(name).label(label).type(kind)


def variable(label: str) -> Any:
    """A choice among the values of one label of the findings."""
    query = dashboard.QueryVariable(label).query(f"label_values(synchealth_findings_open, {label})")
    return _choice(query.datasource(DATASOURCE), label).all_value(".*")


def history_variable(column: str, statement: str) -> Any:
    """A choice among the values that a query of the history gives; all of them are named in its place in SQL."""
    return _choice(dashboard.QueryVariable(column).query(statement).datasource(HISTORY), column)


def _choice(query: Any, label: str) -> Any:
    return (
        query.label(label.capitalize())
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .current(model.VariableOption(selected=True, text="All", value="$__all"))
    )
