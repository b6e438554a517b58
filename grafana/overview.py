"""Dashboard "SyncHealth: overview": what is wrong now, whether that can be believed, and how it was a week ago."""

from __future__ import annotations

from typing import Any

from grafana import links, queries
from grafana.pages import FINDINGS, Row, datasource, page, variable
from grafana.panels import (
    CHANGE_COLOURS,
    SEVERITY_COLOURS,
    bars,
    buckets,
    coloured,
    in_words,
    introduction,
    lines,
    listing,
    number,
    stacked,
    thresholds,
)
from grafana.recorded import SILENT_S

UID = "synchealth-overview"
TABLE = {
    "severity": "Severity",
    "detection": "detection",
    "family": "family",
    "forest": "Forest",
    "tenant": "Tenant",
    "Value #A": "Open",
    "Value #B": "Oldest",
}
"""Columns of a table of open findings by detection; links need two of them by their names."""
ANSWERS = {"1": "answers", "0": "silent: blind"}
_DAY = 86400
_INTRODUCTION = """\
**What is wrong between Active Directory and Entra ID, and whether that can be believed.** A click on any figure leads
to its findings by name on the [desk](${desk}) and to what to do about them. *No data* is no all-clear: while a source
is silent, or the exporter still reads, what is not shown is not known."""


def build() -> Any:
    """The dashboard's model."""
    labels = ("tenant", "forest", "family", "severity")
    return page(
        "overview",
        UID,
        "What is wrong between Active Directory and Entra ID now, how fresh that is, and how it was a week ago.",
        (
            Row("Now", [introduction(_INTRODUCTION), *_now()]),
            Row("Can it be believed?", _freshness()),
            Row("Against last week", _last_week()),
            Row("What is open", _open()),
            Row("How fast it is seen and repaired", _speed(), folded=True),
        ),
        variables=[datasource("datasource", "prometheus"), *map(variable, labels)],
        shown=(FINDINGS,),
    )


def _now() -> list[Any]:
    return [
        number(
            "Open findings",
            "Everything that is wrong between the directories at this moment.",
            "short",
            (queries.OPEN, "open"),
            links=links.EVERYTHING,
            steps=thresholds((None, "green"), (1, "orange")),
        ),
        coloured(
            number(
                "Open by severity",
                "Critical pages, high alerts, medium is work for today, low for this week.",
                "short",
                (queries.OPEN_BY_SEVERITY, "{{severity}}"),
                links=links.BY_SEVERITY,
                width=8,
            ),
            SEVERITY_COLOURS,
        ),
        number(
            "Oldest open finding",
            "How long the longest-standing finding has been open.",
            "s",
            (queries.OLDEST_AGE, "oldest"),
            links=links.EVERYTHING,
            steps=thresholds((None, "green"), (_DAY, "orange"), (7 * _DAY, "red")),
            no_value="nothing open",
        ),
        number(
            "Suppressed",
            "Findings explained away by an open cause, such as a tenant whose synchronisation has stopped.",
            "short",
            (queries.SUPPRESSED, "suppressed"),
            links=links.SUPPRESSED,
        ),
        in_words(
            number(
                "Findings are",
                "Whether an exporter has read all findings and follows them; while it still reads, nothing here is "
                "complete.",
                "short",
                (queries.READY, "exporter"),
                links=links.of_alerts("SyncHealthExporterDown", "SyncHealthExporterNotReady"),
                steps=thresholds((None, "red"), (1, "green")),
            ),
            {"1": "up to date", "0": "still read"},
        ),
        number(
            "Unattended",
            "Open findings that nobody has acknowledged, owns or has accepted: what alerts are about.",
            "short",
            (queries.UNATTENDED, "unattended"),
            links=links.UNATTENDED,
            steps=thresholds((None, "green"), (1, "orange")),
            width=8,
        ),
        number(
            "Oldest unattended",
            "For how long the finding that has waited longest for somebody has waited.",
            "s",
            (queries.UNATTENDED_AGE, "oldest"),
            links=links.UNATTENDED,
            steps=thresholds((None, "green"), (_DAY, "orange"), (7 * _DAY, "red")),
            width=8,
            no_value="somebody looks after everything",
        ),
        number(
            "Accepted",
            "Open findings that somebody has accepted until a date.",
            "short",
            (queries.ACCEPTED, "accepted"),
            links=links.ACCEPTED,
            width=8,
        ),
    ]


def _freshness() -> list[Any]:
    return [
        in_words(
            number(
                "Blind sources",
                "Directories, tenants and logs that have not answered for five minutes: nothing there is seen.",
                "short",
                (queries.BLIND, "blind"),
                links=links.of_alerts("SyncHealthSourceSilent", "SyncHealthProducersDown"),
                steps=thresholds((None, "green"), (1, "red")),
                width=6,
            ),
            {"0": "none: all answer"},
        ),
        number(
            "Seen, of the time shown",
            "The share of the time in which every source answered and an exporter followed; the rest was blind.",
            "percentunit",
            (queries.SEEING_SHARE, "seen"),
            links=links.of_alerts("SyncHealthSourceSilent", "SyncHealthExporterNotReady"),
            steps=thresholds((None, "red"), (0.99, "orange"), (0.999, "green")),
            width=6,
        ),
        listing(
            "Sources",
            "When each source last answered, with or without news, and when it last told a change.",
            (queries.SOURCE_ANSWERS, ""),
            (queries.SOURCE_CONTACT_AGE, ""),
            (queries.SOURCE_CHANGE_AGE, ""),
            links=links.of_alerts("SyncHealthSourceSilent"),
            columns={
                "source": "Source",
                "Value #A": "State",
                "Value #B": "Last contact",
                "Value #C": "Last change",
            },
            units={"Last contact": "s", "Last change": "s"},
            mappings={"State": ANSWERS},
            limits={
                "State": thresholds((None, "red"), (1, "green")),
                "Last contact": thresholds((None, "green"), (SILENT_S, "red")),
            },
            width=12,
            height=8,
        ),
        lines(
            "Since last contact",
            "How long ago each source last answered. Above the line it is blind, and alerts.",
            "s",
            (queries.SOURCE_CONTACT_AGE, "{{source}}"),
            links=links.of_alerts("SyncHealthSourceSilent"),
            limit=SILENT_S,
        ),
        lines(
            "Behind, in time",
            "How late the slowest partition is correlated: what a directory told is not yet a finding.",
            "s",
            (queries.WORKER_CLOCK_LAG, "slowest partition"),
            links=links.of_alerts("SyncHealthWorkersLag", "SyncHealthStreamsDown"),
            limit=60,
        ),
    ]


def _last_week() -> list[Any]:
    return [
        listing(
            "By family",
            "Open now and a week ago, and what opened and was resolved in between. Opened and resolved know neither "
            "tenant, forest nor severity; empty where there is no week of history.",
            (queries.OPEN_BY_FAMILY, ""),
            (queries.A_WEEK_AGO, ""),
            (queries.CHANGE, ""),
            (queries.transitions_of_week("opened"), ""),
            (queries.transitions_of_week("resolved"), ""),
            links=links.ROW_OF_FAMILY,
            columns={
                "family": "family",
                "Value #A": "Open now",
                "Value #B": "A week ago",
                "Value #C": "Change",
                "Value #D": "Opened, 7 days",
                "Value #E": "Resolved, 7 days",
            },
            limits={"Change": thresholds((None, "green"), (0, "text"), (1, "red"))},
            width=12,
        ),
        lines(
            "Open now and a week before",
            "All open findings, and how many there were at the same time a week earlier.",
            "short",
            (queries.OPEN_RECORDED, "now"),
            (queries.OPEN_A_WEEK_AGO, "a week before"),
            links=links.EVERYTHING,
            no_value="no week of history",
        ),
    ]


def _open() -> list[Any]:
    return [
        listing(
            "What is open",
            "By detection, severity, tenant and forest, at the end of the time shown; a click names the objects.",
            (queries.OPEN_TABLE, ""),
            (queries.OLDEST_TABLE, ""),
            (queries.UNATTENDED_TABLE, ""),
            links=links.ROW_OF_DETECTION,
            columns={**TABLE, "Value #C": "Unattended"},
            units={"Oldest": "s"},
            limits={"Oldest": thresholds((None, "green"), (_DAY, "orange"), (7 * _DAY, "red"))},
            no_value="nothing open",
        ),
        stacked(
            "Open by detection",
            "The ten detections with most open findings.",
            "short",
            (queries.OPEN_BY_DETECTION, "{{detection}}"),
            links=links.BY_DETECTION,
            no_value="nothing open",
        ),
        coloured(
            stacked(
                "Open over time by severity",
                "Open findings per severity.",
                "short",
                (queries.OPEN_BY_SEVERITY, "{{severity}}"),
                links=links.BY_SEVERITY,
            ),
            SEVERITY_COLOURS,
        ),
        coloured(
            bars(
                "Opened and resolved",
                "How many findings opened and were resolved in each step. Tenant, forest and severity do not apply.",
                "short",
                (queries.transitions("opened"), "opened"),
                (queries.transitions("resolved"), "resolved"),
                links=links.EVERYTHING,
            ),
            CHANGE_COLOURS,
        ),
        lines(
            "Age of the oldest open finding",
            "Per detection, the ten oldest: a line that climbs for days is a conflict that nobody looks after.",
            "s",
            (queries.OLDEST_AGE_BY_DETECTION, "{{detection}}"),
            links=links.BY_DETECTION,
            no_value="nothing open",
        ),
    ]


def _speed() -> list[Any]:
    percentiles = ((0.5, "p50"), (0.95, "p95"), (0.99, "p99"))
    return [
        lines(
            "Detection latency",
            "From the change in a directory (or its first reading) to the publishing of the finding it opened.",
            "s",
            *((queries.detection_latency(share), name) for share, name in percentiles),
            links=links.EVERYTHING,
            no_value="no detection yet",
        ),
        buckets(
            "Detection latency, distribution",
            "How many findings opened with which latency in each step.",
            "s",
            queries.LATENCY_HEATMAP,
            links=links.EVERYTHING,
        ),
        number(
            "Detection latency, p99",
            "From a change in a directory to the publishing of the finding it opened, over the time shown.",
            "s",
            (queries.detection_latency(0.99, "$__range"), "p99"),
            links=links.EVERYTHING,
            steps=thresholds((None, "green"), (5, "orange"), (60, "red")),
            width=6,
            no_value="no detection yet",
        ),
        number(
            "Time to resolution",
            "From opening to resolution of the findings resolved within the time shown: half, and 90 % of them.",
            "s",
            (queries.resolution_time(0.5), "half"),
            (queries.resolution_time(0.9), "90 %"),
            links=links.EVERYTHING,
            width=12,
            no_value="nothing resolved yet",
        ),
    ]
