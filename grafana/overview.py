"""Dashboard "SyncHealth: overview and conflicts"."""

from __future__ import annotations

from itertools import count
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from grafana.panels import DATASOURCE
from grafana.rows import findings, latency, now, sources, workers

UID = "synchealth-overview"
ROWS = (
    ("Now", now.panels),
    ("Findings", findings.panels),
    ("Detection latency", latency.panels),
    ("Sources", sources.panels),
    ("Pipeline", workers.panels),
)


def build() -> Any:
    """The dashboard's model."""
    page = (
        dashboard.Dashboard("SyncHealth: overview and conflicts")
        .uid(UID)
        .description("What is wrong between Active Directory and Entra ID, and whether SyncHealth itself is well.")
        .tags(["synchealth"])
        .refresh("10s")
        .time("now-6h", "now")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
        .annotation(_alerts())
    )
    for label in ("tenant", "forest", "family"):
        page = page.with_variable(variable(label))
    ids = count(1)  # stable ids: links to a panel survive
    for title, panels in ROWS:
        page = page.with_row(dashboard.Row(title).id(next(ids)))
        for panel in panels():
            page = page.with_panel(panel.id(next(ids)))
    return page.build()


def variable(label: str) -> Any:
    """A choice among the values of one label of the findings."""
    return (
        dashboard.QueryVariable(label)
        .label(label.capitalize())
        .query(f"label_values(synchealth_findings_open, {label})")
        .datasource(DATASOURCE)
        .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(model.VariableSort.ALPHABETICAL_ASC)
        .multi(True)
        .include_all(True)
        .all_value(".*")
        .current(model.VariableOption(selected=True, text="All", value="$__all"))
    )


def _alerts() -> Any:
    return (
        dashboard.AnnotationQuery()
        .name("Alerts")
        .datasource(DATASOURCE)
        .enable(True)
        .icon_color("red")
        .expr('ALERTS{alertname=~"SyncHealth.*", alertstate="firing"}')
    )
