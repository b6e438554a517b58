"""Rows of a log that cannot be read: each is told once, whatever comes back with every round."""

from __future__ import annotations

from typing import Any

import pytest

from producers.graph.client import GraphClient
from producers.graph.logs import AUDITS, LogPace, LogTask
from producers.graph.mapping.sign_ins import SignInTask
from producers.graph.page import UnreadableItem
from streams.runtime.clock import HybridClock

PACE = LogPace(interval_s=30, overlap_s=900, lookback_s=86_400)
CLIENT: Any = object.__new__(GraphClient)
RESET = {"loggedByService": "Self-service Password Management", "category": "UserManagement", "result": "success"}
ROWS: list[Any] = [
    UnreadableItem(b'{"id": "a", "x": NaN}', "NaN"),
    UnreadableItem(b'{"id": "b", "x": NaN}', "NaN"),
    7,
    {**RESET, "id": 5},
    {**RESET, "id": "no time"},
    {**RESET, "id": "a time of no calendar", "activityDateTime": "2026-13-45T00:00:00Z"},
]


def tasks() -> list[LogTask]:
    return [
        LogTask(AUDITS, CLIENT, "t", "entra/t", HybridClock(), PACE),
        SignInTask(CLIENT, "t", "entra/t", HybridClock(), PACE),
    ]


@pytest.mark.parametrize("task", tasks(), ids=lambda task: task.name)
def test_each_is_told_once_by_what_it_holds_over_restarts_too(task: LogTask) -> None:
    first = task.apply({"value": ROWS})
    assert len(first.rejected) == len(ROWS)
    assert not task.apply({"value": ROWS}).rejected and not task.apply({"value": ROWS}).checkpoints
    assert len(task.apply({"value": [*ROWS, UnreadableItem(b'{"id": "c", "x": NaN}', "NaN")]}).rejected) == 1
    [saved] = first.checkpoints
    again = type(task)(*((AUDITS,) if type(task) is LogTask else ()), CLIENT, "t", "entra/t", HybridClock(), PACE)
    again.restore([saved])
    assert not again.apply({"value": ROWS}).rejected


def test_a_row_that_names_its_time_moves_the_position() -> None:
    rows = [{**RESET, "id": 5, "activityDateTime": "2026-01-01T00:00:00Z"}]
    [saved] = tasks()[0].apply({"value": rows}).checkpoints
    assert saved.position["newest_ms"] == 1_767_225_600_000
