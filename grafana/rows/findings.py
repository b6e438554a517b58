"""Findings over time: open, opened, resolved, and how long they stand."""

from __future__ import annotations

from typing import Any

from grafana import queries
from grafana.panels import SEVERITY_COLOURS, bars, coloured, lines, listing, stacked


def panels() -> list[Any]:
    """By detection and severity."""
    return [
        stacked(
            "Open by detection",
            "Open findings per detection.",
            "short",
            (queries.OPEN_BY_DETECTION, "{{detection}}"),
        ),
        coloured(
            stacked(
                "Open over time by severity",
                "Open findings per severity.",
                "short",
                (queries.OPEN_BY_SEVERITY, "{{severity}}"),
            ),
            SEVERITY_COLOURS,
        ),
        coloured(
            bars(
                "Opened and resolved",
                "How many findings opened and were resolved in each step. Tenant and forest do not apply here.",
                "short",
                (queries.transitions("opened"), "opened"),
                (queries.transitions("resolved"), "resolved"),
            ),
            {"opened": "red", "resolved": "green"},
        ),
        lines(
            "Age of the oldest open finding",
            "Per detection: a line that climbs for days is a conflict that nobody looks after.",
            "s",
            (queries.OLDEST_AGE_BY_DETECTION, "{{detection}}"),
            width=6,
            no_value="nothing open",
        ),
        lines(
            "Time to resolution",
            "From opening to resolution of the findings resolved within the time shown.",
            "s",
            (queries.resolution_time(0.5), "p50"),
            (queries.resolution_time(0.9), "p90"),
            width=6,
            no_value="nothing resolved yet",
        ),
        listing(
            "What is open",
            "Counts per detection, tenant and forest; `synchealth findings --detection …` names the objects.",
            (queries.OPEN_TABLE, ""),
            (queries.OLDEST_TABLE, ""),
            columns={
                "severity": "Severity",
                "detection": "Detection",
                "family": "Family",
                "forest": "Forest",
                "tenant": "Tenant",
                "Value #A": "Open",
                "Value #B": "Oldest",
            },
            units={"Oldest": "s"},
        ),
    ]
