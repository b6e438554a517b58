"""A dashboard of rows, with the variables tenant and forest."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from grafana.overview import variable


def page(
    title: str, uid: str, description: str, rows: Iterable[tuple[str, Iterable[Any]]], *, since: str = "now-24h"
) -> Any:
    """The dashboard's model; `rows`: heading and panels of each; `since`: where the time shown begins."""
    built = (
        dashboard.Dashboard(title)
        .uid(uid)
        .description(description)
        .tags(["synchealth"])
        .refresh("30s")
        .time(since, "now")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for label in ("tenant", "forest"):
        built = built.with_variable(variable(label))
    ids = count(1)  # stable ids: links to a panel survive
    for heading, panels in rows:
        built = built.with_row(dashboard.Row(heading).id(next(ids)))
        for panel in panels:
            built = built.with_panel(panel.id(next(ids)))
    return built.build()
