"""Dashboard "SyncHealth: synchronisation": does it run, how late is it, and what will the next export do?"""

from __future__ import annotations

from typing import Any

from grafana import links, queries
from grafana.pages import RUNS, Row, page
from grafana.panels import BAD, WELL, Query, buckets, lines, number, stacked, thresholds

UID = "synchealth-sync"
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
# Two and six of Entra Connect's half hours: only a colour, engine.sync_stopped learns each tenant's own cycle.
_LATE_S, _STOPPED_S = 3600, 3 * 3600


def build() -> Any:
    """The dashboard's model."""
    return page(
        "synchronisation",
        UID,
        "Whether synchronisation runs, how late each change is, and what the next export will do.",
        (Row("Now", _now()), Row("Flow", _flow()), Row("Engine and servers", _engine())),
        shown=(RUNS,),
    )


def _now() -> list[Any]:
    steps = [
        number(
            title,
            f"Open findings: {', '.join(names)}.",
            "short",
            (queries.open_of(*names), "open"),
            links=links.of_detections(*names),
            steps=BAD if title in _PAGES else WELL,
        )
        for title, names in NOW.items()
    ]
    ages = number(
        "Since the last synchronisation",
        "Per tenant: how long ago directory synchronisation reached it, as of the latest reading of the tenant.",
        "s",
        (queries.SYNC_AGE, "{{tenant}}"),
        links=links.of_detections("engine.sync_stopped"),
        steps=thresholds((None, "green"), (_LATE_S, "orange"), (_STOPPED_S, "red")),
        width=12,
        no_value="never",
    )
    passwords = number(
        "Since the last password synchronisation",
        "Per tenant: how long ago a password reached it. Old is normal where nobody changes one.",
        "s",
        (queries.PASSWORD_SYNC_AGE, "{{tenant}}"),
        links=links.of_detections("engine.password_hash_sync_stopped"),
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
            links=links.of_detections("flow.export_overdue"),
            no_value="nothing arrived yet",
        ),
        buckets(
            "From AD to the cloud, distribution",
            "How many changes arrived with which latency in each step.",
            "s",
            queries.heatmap(queries.DURATIONS["flow"]),
            links=links.of_detections("flow.export_overdue"),
        ),
        stacked(
            "Objects by where they stand",
            "synced; missing: in scope and not in the cloud; leaving: the next export deletes them; outside the scope.",
            "short",
            (queries.OBJECTS_BY_STATE, "{{state}}"),
            links=links.of_detections("flow.missing_in_cloud", "flow.orphaned_in_cloud"),
            no_value="nothing read yet",
        ),
        lines(
            "From AD to the cloud, by forest",
            "The slowest five percent of each forest: one that stands out has a slow connector or domain controller.",
            "s",
            (queries.wait(queries.DURATIONS["flow"], 0.95, "forest"), "p95 {{forest}}"),
            links=(
                links.findings("Flow findings of this forest", family="flow", forest="${__field.labels.forest}"),
                links.runbook("flow.export_overdue"),
            ),
            no_value="nothing arrived yet",
        ),
        lines(
            "Open flow findings",
            "By detection, the ten with most.",
            "short",
            (queries.family_by("detection", "flow"), "{{detection}}"),
            links=links.BY_DETECTION,
            no_value="nothing open",
        ),
        lines(
            "Differing properties",
            "Objects of which a property has differed from AD since we first looked, the ten with most: very "
            "many of one property are a rule of the organisation.",
            "short",
            (queries.DIFFERENCES, "{{property}}"),
            links=links.of_detections("flow.attribute_drift", "flow.attribute_flows_otherwise"),
            no_value="nothing differs",
        ),
        lines(
            "Errors by type",
            "What the export meets: open conflicts by detection, the ten with most.",
            "short",
            (queries.family_by("detection", "conflict"), "{{detection}}"),
            links=links.BY_DETECTION,
            no_value="nothing open",
        ),
        lines(
            "Age of the oldest flow finding",
            "Per detection: how long the finding that has stood longest has been open.",
            "s",
            (queries.family_age("flow"), "{{detection}}"),
            links=links.BY_DETECTION,
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
            links=links.of_detections("engine.sync_stopped", "engine.long_cycle"),
            no_value="never synchronised",
        ),
        lines(
            "Age of the oldest engine finding",
            "Per detection: how long the finding that has stood longest has been open.",
            "s",
            (queries.family_age("engine"), "{{detection}}"),
            links=links.BY_DETECTION,
            no_value="nothing open",
        ),
        lines(
            "Open engine findings",
            "By detection, the ten with most; the desk names servers, jobs and connectors.",
            "short",
            (queries.family_by("detection", "engine"), "{{detection}}"),
            links=links.BY_DETECTION,
            no_value="nothing open",
        ),
        lines(
            "What the next export will delete",
            "Deleted in AD or out of the scope, and still in the cloud. 500 stop an export by default: the line.",
            "short",
            (queries.leaving("leaving_deleted"), "deleted"),
            (queries.leaving("leaving_scope"), "out of scope"),
            links=(
                links.NEXT_EXPORT,
                *links.of_detections("engine.mass_deletion_forecast", "engine.deletion_threshold_reached"),
            ),
            limit=500,
        ),
        lines(
            "Events read from logs",
            "Audits, provisioning rows and Windows events per second; a line that ends is a log nobody reads.",
            "cps",
            (queries.EVENTS_READ, "{{source}} {{log}}"),
            links=links.of_alerts("SyncHealthSourceSilent"),
            no_value="no log is read",
        ),
        lines(
            "Suppressed by a cause",
            "Findings that an open cause explains away, the ten detections with most; they open by themselves if they "
            "outlive it.",
            "short",
            (queries.SUPPRESSED_BY_DETECTION, "{{detection}}"),
            links=links.SUPPRESSED_BY_DETECTION,
            no_value="nothing suppressed",
        ),
    ]


def _percentiles(metric: str, label: str) -> tuple[Query, ...]:
    return tuple(
        (queries.wait(metric, quantile, label), f"{name} {{{{{label}}}}}")
        for quantile, name in ((0.5, "p50"), (0.95, "p95"))
    )
