"""Dashboard "SyncHealth: hybrid join": where computers stop on their way to a registered device."""

from __future__ import annotations

from itertools import count
from typing import Any

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as model

from grafana import queries
from grafana.overview import variable
from grafana.panels import bars, coloured, lines, number, stacked, thresholds

UID = "synchealth-hybrid-join"
# In the order in which a computer meets them.
STEPS = {
    "Cannot start": ("scp_missing", "scp_wrong_tenant", "certificate_missing"),
    "Certificate refused": ("certificate_invalid", "certificate_overflow"),
    "Not synchronised": ("not_synced", "deleted_only_in_cloud"),
    "Not registered": ("pending_stuck", "re_pended"),
    "States differ": ("enabled_state_mismatch",),
    "Left behind or twice": ("orphaned_cloud_device", "stale", "dual_state", "duplicate_device"),
}
_EVERY = tuple(name for names in STEPS.values() for name in names)
_WELL = thresholds((None, "green"), (1, "orange"))


def build() -> Any:
    """The dashboard's model."""
    page = (
        dashboard.Dashboard("SyncHealth: hybrid join")
        .uid(UID)
        .description("Gaps on the way from a computer in Active Directory to a registered device in Entra ID.")
        .tags(["synchealth"])
        .refresh("30s")
        .time("now-7d", "now")
        .timezone("browser")
        .tooltip(model.DashboardCursorSync.CROSSHAIR)
        .with_variable(dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus"))
    )
    for label in ("tenant", "forest"):
        page = page.with_variable(variable(label))
    ids = count(1)  # stable ids: links to a panel survive
    for title, panels in (("Now", _now()), ("Over time", _over_time())):
        page = page.with_row(dashboard.Row(title).id(next(ids)))
        for panel in panels:
            page = page.with_panel(panel.id(next(ids)))
    return page.build()


def _now() -> list[Any]:
    return [
        number(step, f"Open findings: {', '.join(names)}.", "short", (queries.join_gaps(*names), ""), steps=_WELL)
        for step, names in STEPS.items()
    ]


def _over_time() -> list[Any]:
    return [
        stacked(
            "Gaps by step",
            "Computers and devices with an open finding; a rollout that goes well moves them down the list to nothing.",
            "short",
            *((queries.join_gaps(*names), step) for step, names in STEPS.items()),
        ),
        coloured(
            bars(
                "Gaps opened and closed",
                "How many findings opened and were resolved in each step. Tenant and forest do not apply here.",
                "short",
                (queries.join_transitions("opened"), "opened"),
                (queries.join_transitions("resolved"), "resolved"),
            ),
            {"opened": "red", "resolved": "green"},
        ),
        lines(
            "Gaps by kind",
            "Open findings per detection; `synchealth findings --family hybrid_join --group-by ou` names the units.",
            "short",
            *((queries.join_gaps(name), name) for name in _EVERY),
        ),
        lines(
            "Age of the oldest gap",
            "Per step: how long the finding that has stood longest has been open.",
            "s",
            *((queries.join_gap_age(*names), step) for step, names in STEPS.items()),
        ),
    ]
