"""The jobs of Cloud Sync as findings name them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from streams.contracts.times import parse_rfc3339

QUARANTINE = "quarantine"
_SAID = (
    "id",
    "kind",
    "code",
    "quarantine_reason",
    "quarantine_since",
    "quarantine_error",
    "failures",
    "last_success",
    "escrowed",
)


def is_quarantined(job: Mapping[str, Any]) -> bool:
    """Whether the service has put the job into quarantine."""
    return str(job.get("code") or "").lower() == QUARANTINE


def said_of(jobs: list[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What evidence holds of these jobs, by id."""
    return [
        {name: job[name] for name in _SAID if job.get(name) is not None}
        for job in sorted(jobs, key=lambda job: str(job.get("id")))
    ]


def time_of(job: Mapping[str, Any], name: str) -> int | None:
    """A time of the job in ms; None where it is unset or none."""
    value = job.get(name)
    try:
        return parse_rfc3339(value) if isinstance(value, str) else None
    except ValueError:
        return None
