"""What stands right now, in figures."""

from __future__ import annotations

from typing import Any

from grafana import queries
from grafana.panels import SEVERITY_COLOURS, coloured, in_words, number, thresholds


def panels() -> list[Any]:
    """Open findings, how long they stand, how fast they were seen, and whether the figures can be believed."""
    return [
        number(
            "Open findings",
            "Everything that is wrong between the directories at this moment. `synchealth findings` lists it.",
            "short",
            (queries.OPEN, "open"),
            steps=thresholds((None, "green"), (1, "orange")),
        ),
        coloured(
            number(
                "Open by severity",
                "Critical pages, high alerts, medium is work for today, low for this week.",
                "short",
                (queries.OPEN_BY_SEVERITY, "{{severity}}"),
                width=6,
            ),
            SEVERITY_COLOURS,
        ),
        number(
            "Oldest open finding",
            "How long the longest-standing finding has been open.",
            "s",
            (queries.OLDEST_AGE, "oldest"),
            steps=thresholds((None, "green"), (86400, "orange"), (7 * 86400, "red")),
            no_value="nothing open",
        ),
        number(
            "Suppressed",
            "Findings explained away by an open cause, such as a tenant whose synchronisation has stopped.",
            "short",
            (queries.SUPPRESSED, "suppressed"),
            width=3,
        ),
        number(
            "Detection latency, p99",
            "From a change in a directory to the publishing of the finding it opened, over the time shown.",
            "s",
            (queries.detection_latency(0.99, "$__range"), "p99"),
            steps=thresholds((None, "green"), (5, "orange"), (60, "red")),
            no_value="no detection yet",
        ),
        in_words(
            number(
                "Exporter",
                "Whether it has read all findings and follows them; while it still reads, nothing here is complete.",
                "short",
                (queries.READY, "following"),
                width=3,
                steps=thresholds((None, "red"), (1, "green")),
            ),
            {"1": "follows", "0": "still reading"},
        ),
    ]
