"""How fast faults are seen."""

from __future__ import annotations

from typing import Any

from grafana import queries
from grafana.panels import buckets, lines


def panels() -> list[Any]:
    """Percentiles and the whole distribution."""
    return [
        lines(
            "Detection latency",
            "From the change in a directory (or its first reading) to the publishing of the finding it opened.",
            "s",
            (queries.detection_latency(0.5), "p50"),
            (queries.detection_latency(0.95), "p95"),
            (queries.detection_latency(0.99), "p99"),
            no_value="no detection yet",
        ),
        buckets(
            "Detection latency, distribution",
            "How many findings opened with which latency in each step.",
            "s",
            queries.LATENCY_HEATMAP,
        ),
    ]
