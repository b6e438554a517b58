"""Dashboard "SyncHealth: capacity and trends": what grows, what runs out, and how the year went."""

from __future__ import annotations

from typing import Any

from grafana import links, queries
from grafana.overview import TABLE
from grafana.pages import ALERTS, Row, page
from grafana.panels import SEVERITY_COLOURS, bars, coloured, introduction, lines, listing, number, stacked, thresholds

UID = "synchealth-trends"
_DAY = 86400
_QUOTA = links.of_detections("capacity.directory_quota")
_INTRODUCTION = """\
Trends come from recording rules (`recording.yaml`): they reach back as far as Prometheus keeps them. What was open by
name, OU or week, however long ago, is on *SyncHealth: findings by name* where the history is in PostgreSQL, and on the
[desk](${desk}/trends)."""


def build() -> Any:
    """The dashboard's model."""
    return page(
        "capacity and trends",
        UID,
        "How near limits are and when they are reached, and how findings, flow and rollout went over months.",
        (Row("Limits", [*_limits()]), Row("Trends", [introduction(_INTRODUCTION), *_trends()])),
        since="now-90d",
        refresh="15m",
        marks=(ALERTS,),
    )


def _limits() -> list[Any]:
    return [
        number(
            "Quota used",
            "The share of the tenant's directory quota that its objects use.",
            "percentunit",
            (queries.QUOTA_SHARE, "{{tenant}}"),
            links=_QUOTA,
            steps=thresholds((None, "green"), (0.8, "orange"), (0.9, "red")),
            width=6,
            no_value="not told by Graph",
        ),
        number(
            "Quota lasts for",
            "Until the quota is used up, as the last week's growth goes on; no figure before two days of history, nor "
            "where nothing grows.",
            "s",
            (queries.QUOTA_LASTS, "{{tenant}}"),
            links=_QUOTA,
            steps=thresholds((None, "red"), (30 * _DAY, "orange"), (180 * _DAY, "green")),
            width=6,
            no_value="no growth, or too little history",
        ),
        listing(
            "Open capacity findings",
            "By detection, tenant and forest.",
            (queries.family_table("capacity"), ""),
            (queries.family_oldest_table("capacity"), ""),
            links=links.ROW_OF_DETECTION,
            columns={name: column for name, column in TABLE.items() if name != "family"},
            units={"Oldest": "s"},
            width=12,
            height=8,
            no_value="nothing open",
        ),
        lines(
            "Directory quota",
            "Objects that count against the tenant's quota, and the quota.",
            "short",
            (queries.TREND_QUOTA_USED, "used {{tenant}}"),
            (queries.TREND_QUOTA, "quota {{tenant}}"),
            links=_QUOTA,
            no_value="not told by Graph",
        ),
        lines(
            "Directory quota in 30 days",
            "Where the last week's growth leads, as a share of the quota; before two days of history what is used now.",
            "percentunit",
            (queries.QUOTA_FORECAST, "{{tenant}}"),
            links=_QUOTA,
            limit=0.9,
            no_value="not told by Graph",
        ),
        lines(
            "Synchronised objects",
            "By kind; LocalDB of a Connect server ends at about 100,000: the line.",
            "short",
            (queries.TREND_OBJECTS, "{{kind}}"),
            links=links.of_detections("capacity.sql_express_limit", "capacity.write_rate_limit"),
            limit=100_000,
            no_value="none",
        ),
        lines(
            "Seen, by day",
            "The share of the day before in which every source answered and an exporter followed.",
            "percentunit",
            (queries.TREND_SEEING, "seen"),
            links=links.of_alerts("SyncHealthSourceSilent", "SyncHealthExporterNotReady"),
        ),
    ]


def _trends() -> list[Any]:
    return [
        stacked(
            "Open by family",
            "All open findings.",
            "short",
            (queries.TREND_BY_FAMILY, "{{family}}"),
            links=links.BY_FAMILY,
            no_value="nothing open",
        ),
        coloured(
            stacked(
                "Open by severity",
                "All open findings.",
                "short",
                (queries.TREND_BY_SEVERITY, "{{severity}}"),
                links=links.BY_SEVERITY,
            ),
            SEVERITY_COLOURS,
        ),
        bars(
            "Opened, by day",
            "Findings that opened within the day before each point. Tenant and forest do not apply here; what opened "
            "while no exporter followed is in the history only.",
            "short",
            (queries.transitions_of_day("opened"), "{{family}}"),
            links=links.BY_FAMILY,
            no_value="nothing opened",
        ),
        bars(
            "Resolved, by day",
            "Findings that were resolved within the day before each point. Tenant and forest do not apply here.",
            "short",
            (queries.transitions_of_day("resolved"), "{{family}}"),
            links=links.BY_FAMILY,
            no_value="nothing resolved",
        ),
        stacked(
            "Open by forest",
            "All open findings, the ten forests with most.",
            "short",
            (queries.TREND_BY_FOREST, "{{forest}}"),
            links=(links.findings("Findings of this forest", forest="${__field.labels.forest}"), links.CATALOGUE),
            no_value="nothing open",
        ),
        lines(
            "From AD to the cloud, p95",
            "How long the slowest five percent of a day's changes took until the cloud showed them, the slowest tenant "
            "of each forest.",
            "s",
            (queries.TREND_FLOW, "{{forest}}"),
            links=links.of_detections("flow.export_overdue"),
            no_value="nothing arrived yet",
        ),
        lines(
            "Joined computers",
            "The share of the computers that ought to join and have: a rollout that goes well ends at 100 %.",
            "percentunit",
            (queries.TREND_JOINED, "joined"),
            links=links.of_family("hybrid_join"),
            no_value="no computer",
        ),
    ]
