"""Actions as the desk writes them, for tests of what reads them."""

from __future__ import annotations

from typing import Any

from streams.contracts.actions import Accept, Action, Deed
from tests.support.findings import START_MS, finding

MINUTE_MS = 60_000


def action(what: Deed, number: int = 1, *, minute: float = 1, opened_ms: int = START_MS, **changes: Any) -> Action:
    """Something that Ada did to finding `number`, so many minutes after its episode had opened."""
    fields: dict[str, Any] = {
        "id": f"{type(what).__name__.lower()}-{number}-{minute}", "finding": finding(number).id, "opened_ms": opened_ms,
        "at_ms": opened_ms + int(minute * MINUTE_MS), "who": "ada", "known_by": "word", "channel": "page",
        "address": "127.0.0.1", "what": what,
    }  # fmt: skip
    return Action(**fields | changes)


def accept(number: int = 1, *, until_minute: float, minute: float = 1, **changes: Any) -> Action:
    """Accepted until so many minutes after the opening."""
    until_ms = changes.get("opened_ms", START_MS) + int(until_minute * MINUTE_MS)
    return action(Accept(until_ms=until_ms, reason="merger"), number, minute=minute, **changes)
