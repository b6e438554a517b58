"""The pipeline itself: is it running, and does it keep up?"""

from __future__ import annotations

from typing import Any

from grafana import queries
from grafana.panels import bars, lines


def panels() -> list[Any]:
    """Processes, lag, throughput, dead letters, memory."""
    return [
        lines(
            "Processes",
            "Processes that answer Prometheus, per job.",
            "short",
            (queries.WORKERS_UP, "{{job}}"),
            width=6,
        ),
        lines(
            "Behind, in time",
            "How late the slowest partition is correlated.",
            "s",
            (queries.WORKER_CLOCK_LAG, "slowest partition"),
            width=6,
        ),
        lines(
            "Behind, in records",
            "Records waiting per topic of the workers, and records an exporter has not read.",
            "short",
            (queries.WORKER_LAG, "{{topic}}"),
            (queries.EXPORTER_BEHIND, "exporter {{instance}}"),
            width=6,
        ),
        lines(
            "Partitions owned",
            "Partitions with a recovered owner; below the topic's number something is being moved or recovered.",
            "short",
            (queries.WORKER_PARTITIONS, "{{topic}}"),
            width=6,
        ),
        lines(
            "Throughput",
            "Contributions taken in and views judged per second.",
            "ops",
            (queries.WORKER_CONTRIBUTIONS, "contributions"),
            (queries.WORKER_EVALUATIONS, "views judged"),
            width=6,
        ),
        lines(
            "Time per batch, p95",
            "Time to work off one batch, acknowledged writes included.",
            "s",
            (queries.WORKER_BATCH, "{{topic}}"),
            width=6,
        ),
        lines(
            "Views to evaluate again",
            "What is left of a re-evaluation.",
            "short",
            (queries.WORKER_BACKLOG, "views"),
            width=6,
        ),
        lines(
            "Memory",
            "Resident memory of each process.",
            "bytes",
            (queries.MEMORY, "{{job}} {{instance}}"),
            width=6,
        ),
        bars(
            "Dead letters",
            "Records that could not be used within the time shown, by reason; see `synchealth deadletters list`.",
            "short",
            (queries.DEAD_LETTERS, "{{reason}}"),
            width=24,
        ),
    ]
