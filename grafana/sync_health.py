"""Dashboard "SyncHealth: synchronisation, engine and capacity"."""

from __future__ import annotations

from typing import Any

from grafana import queries
from grafana.pages import page
from grafana.panels import Query, buckets, lines, number, stacked, thresholds

UID = "synchealth-sync"
_WELL = thresholds((None, "green"), (1, "orange"))
_BAD = thresholds((None, "green"), (1, "red"))
# Panel -> detections, in the order in which they matter at night.
NOW = {
    "Engine down": ("engine.sync_stopped", "engine.password_hash_sync_stopped"),
    "Exports held back": ("engine.deletion_threshold_reached", "engine.cloud_sync_job_quarantined"),
    "Deletions ahead": ("engine.mass_deletion_forecast", "engine.scope_shrink"),
    "Run errors": ("engine.export_run_errors", "engine.cloud_sync_job_failing", "engine.password_hash_sync_failed"),
    "Late exports": ("flow.export_overdue", "flow.missing_in_cloud"),
    "Drift": ("flow.attribute_drift", "flow.silent_drop", "flow.orphaned_in_cloud"),
}
_PAGES = ("Engine down", "Exports held back", "Deletions ahead")


def build() -> Any:
    """The dashboard's model."""
    return page(
        "SyncHealth: synchronisation, engine and capacity",
        UID,
        "Whether synchronisation runs, how late each change is, what the next export will do, and how near limits are.",
        (("Now", _now()), ("Flow", _flow()), ("Engine and servers", _engine()), ("Capacity", _capacity())),
    )


def _now() -> list[Any]:
    steps = [
        number(
            title,
            f"Open findings: {', '.join(names)}.",
            "short",
            (queries.open_of(*names), ""),
            steps=_BAD if title in _PAGES else _WELL,
        )
        for title, names in NOW.items()
    ]
    ages = number(
        "Since the last synchronisation",
        "Per tenant: how long ago directory synchronisation reached it, as of the latest reading of the tenant.",
        "s",
        (queries.SYNC_AGE, "{{tenant}}"),
        width=12,
        no_value="never",
    )
    passwords = number(
        "Since the last password synchronisation",
        "Per tenant: how long ago a password reached it. Old is normal where nobody changes one.",
        "s",
        (queries.PASSWORD_SYNC_AGE, "{{tenant}}"),
        width=12,
        no_value="never",
    )
    return [*steps, ages, passwords]


def _flow() -> list[Any]:
    return [
        lines(
            "From AD to the cloud",
            "How long changes take until the cloud shows them, by kind of object: median and the slowest five percent.",
            "s",
            *_percentiles(queries.DURATIONS["flow"], "kind"),
            no_value="nothing arrived yet",
        ),
        buckets(
            "From AD to the cloud, distribution",
            "How many changes arrived with which latency in each step.",
            "s",
            queries.heatmap(queries.DURATIONS["flow"]),
        ),
        stacked(
            "Objects by where they stand",
            "synced; missing: in scope and not in the cloud; leaving: the next export deletes them; outside the scope.",
            "short",
            (queries.OBJECTS_BY_STATE, "{{state}}"),
        ),
        lines(
            "Open flow findings",
            "By detection; `synchealth findings --family flow` names the objects.",
            "short",
            (queries.family_by_detection("flow"), "{{detection}}"),
            no_value="nothing open",
        ),
        lines(
            "From AD to the cloud, by forest",
            "The slowest five percent of each forest: one that stands out has a slow connector or domain controller.",
            "s",
            (queries.wait(queries.DURATIONS["flow"], 0.95, "forest"), "p95 {{forest}}"),
            no_value="nothing arrived yet",
        ),
        lines(
            "Errors by type",
            "What the export meets: open conflicts by detection; `synchealth findings --family conflict` names them.",
            "short",
            (queries.family_by_detection("conflict"), "{{detection}}"),
            no_value="nothing open",
        ),
    ]


def _engine() -> list[Any]:
    return [
        lines(
            "Cycles in an hour",
            "How often the last synchronisation of each tenant has moved on within the hour before: two by default.",
            "short",
            (queries.CYCLES, "{{tenant}}"),
            no_value="never synchronised",
        ),
        lines(
            "Age of the oldest engine finding",
            "Per detection: how long the finding that has stood longest has been open.",
            "s",
            (queries.family_age("engine"), "{{detection}}"),
            no_value="nothing open",
        ),
        lines(
            "Open engine findings",
            "By detection; `synchealth findings --family engine` names servers, jobs and connectors.",
            "short",
            (queries.family_by_detection("engine"), "{{detection}}"),
            no_value="nothing open",
        ),
        lines(
            "What the next export will delete",
            "Deleted in AD or out of the scope, and still in the cloud; 500 stop an export by default.",
            "short",
            (queries.leaving("leaving_deleted"), "deleted"),
            (queries.leaving("leaving_scope"), "out of scope"),
        ),
        lines(
            "Events read from logs",
            "Audits, provisioning rows and Windows events per second; a line that ends is a log nobody reads.",
            "cps",
            (queries.EVENTS_READ, "{{source}} {{log}}"),
            no_value="no log is read",
        ),
        lines(
            "Suppressed by a cause",
            "Findings that an open cause explains away; they open by themselves if they outlive it.",
            "short",
            (queries.SUPPRESSED_BY_DETECTION, "{{detection}}"),
            no_value="nothing suppressed",
        ),
    ]


def _capacity() -> list[Any]:
    return [
        lines(
            "Directory quota",
            "Objects that count against the tenant's quota, and the quota.",
            "short",
            (queries.QUOTA_USED, "used {{tenant}}"),
            (queries.QUOTA, "quota {{tenant}}"),
            no_value="not told by Graph",
        ),
        lines(
            "Directory quota in 30 days",
            "Where the last week's growth leads, as a share of the quota.",
            "percentunit",
            (queries.QUOTA_FORECAST, "{{tenant}}"),
            no_value="not told by Graph",
        ),
        lines(
            "Synchronised objects",
            "By kind; LocalDB of a Connect server ends at about 100,000.",
            "short",
            (queries.SYNCED_BY_KIND, "{{kind}}"),
            no_value="none",
        ),
        lines(
            "Open capacity findings",
            "By detection.",
            "short",
            (queries.family_by_detection("capacity"), "{{detection}}"),
            no_value="nothing open",
        ),
    ]


def _percentiles(metric: str, label: str) -> tuple[Query, ...]:
    return tuple(
        (queries.wait(metric, quantile, label), f"{name} {{{{{label}}}}}")
        for quantile, name in ((0.5, "p50"), (0.95, "p95"))
    )
