"""The logs of Entra are followed: late rows, disorder, many pages, restarts, and where we may not read them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from producers.graph.logs import AUDITS
from producers.graph.mapping.audits import audit_event
from producers.source import Batch
from streams.contracts.events import Event, Log, Result
from tests.support.graph_lab import TENANT, GraphLab, Saved, drain

SAMPLES = Path(__file__).parents[1] / "entra" / "samples"


def _row(minutes_ago: float = 1.0, sample: str = "directoryaudit_sspr_reset_writeback_failure", **more: Any) -> dict:
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago)
    row = json.loads((SAMPLES / f"{sample}.json").read_text())
    return {**row, "id": None, "activityDateTime": at.isoformat().replace("+00:00", "0Z"), **more}


def _add(lab: GraphLab, row: dict, log: str = "directoryAudits", delay_s: float = 0.0) -> str:
    kept = {name: value for name, value in row.items() if not (name == "id" and value is None)}
    return lab.tenant.append_log(log, kept, delay_s=delay_s)  # type: ignore[arg-type]


def _events(batches: Iterable[Batch]) -> list[Event]:
    return [event for batch in batches for event in batch.events]


def _ids(batches: Iterable[Batch]) -> list[str]:
    return sorted(event.id for event in _events(batches))


def test_rows_become_events_and_what_is_of_no_interest_does_not(lab: GraphLab) -> None:
    reset = _add(lab, _row())
    _add(lab, _row(activityDisplayName="Update user", loggedByService="Core Directory"))
    made = _add(lab, json.loads((SAMPLES / "provisioning_failure.json").read_text()) | {
        "id": "p1", "activityDateTime": _row()["activityDateTime"]}, "provisioning")  # fmt: skip
    with lab.source() as source:
        found = {event.id: event for event in _events(drain(source))}
    assert set(found) == {reset, made}
    assert found[reset].log is Log.AUDIT and found[reset].reason == "OnPremisesConnectivityError"
    assert found[reset].result is Result.FAILURE and found[reset].details["agent"] == "connect"
    assert found[made].details["job_kind"] == "AAD2ADGroupProvisioning" and found[made].tenant == TENANT


def test_late_rows_and_rows_out_of_order_are_found_and_each_is_told_once(lab: GraphLab) -> None:
    first = _add(lab, _row(1))
    with lab.source() as source:
        assert _ids(drain(source)) == [first]
        older = _add(lab, _row(20))  # it happened before the newest row, and shows up now
        lab.later(31)
        assert _ids(drain(source)) == [older]
        lab.later(31)
        assert _ids(drain(source)) == []
        ancient = _add(lab, _row(45))
        lab.later(31)
        assert ancient not in _ids(drain(source)), "beyond the overlap"


def test_many_pages_are_read_whole(lab: GraphLab) -> None:
    wanted = sorted(_add(lab, _row(number / 200)) for number in range(2500))
    with lab.source() as source:
        assert _ids(drain(source)) == wanted


def test_a_restart_goes_on_and_tells_nothing_twice_that_was_saved(lab: GraphLab) -> None:
    _add(lab, _row(2))
    saved = Saved()
    with lab.source() as source:
        for batch in drain(source):
            saved.save(batch.checkpoints)
    fresh = _add(lab, _row(1))
    with lab.source(saved.parts()) as source:
        assert _ids(drain(source)) == [fresh]


def test_a_row_that_is_none_is_refused_and_the_others_are_read(lab: GraphLab) -> None:
    good = _add(lab, _row())
    _add(lab, _row(resultReason=["not", "a", "text"]))
    with lab.source() as source:
        batches = drain(source)
    assert _ids(batches) == [good]
    assert [letter.reason for batch in batches for letter in batch.rejected] == ["wrong_type"]


def test_without_the_right_everything_else_is_read(lab: GraphLab) -> None:
    lab.app.roles = lab.app.roles - {"AuditLog.Read.All"}
    _add(lab, _row())
    with lab.source() as source:
        batches = drain(source)
        assert _events(batches) == []
        assert any(batch.facts for batch in batches)
        assert {turn.task.name: turn.failures for turn in source._turns}["directoryAudits"] == 0
        refusals = {task.name: task.refusal for turn in source._turns if hasattr(task := turn.task, "refusal")}
        lab.later(101)
        (state,) = [state for batch in drain(source) for state in batch.tenants]
    assert str(refusals["directoryAudits"]).startswith("403 ")
    assert {"directoryAudits", "provisioning"} <= state.refused.keys()


def test_every_sample_is_read(lab: GraphLab) -> None:
    for path in sorted(SAMPLES.glob("directoryaudit_*.json")):
        event = audit_event(json.loads(path.read_text()), TENANT, 1)
        assert event is not None, path.name
        assert event.name == event.name.lower() and event.ts_ms > 0
    assert AUDITS.permission == "AuditLog.Read.All"


def test_rows_that_cannot_be_read_are_refused_once_and_do_not_hold_the_position(lab: GraphLab) -> None:
    """A page of nothing else came back with every round, a hundred dead letters each, for ever."""
    for number in range(5):
        _add(lab, _row(40 - number, id=number))
    saved = Saved()
    with lab.source() as source:
        batches = drain(source)
        assert len([letter for batch in batches for letter in batch.rejected]) == 5
        for batch in batches:
            saved.save(batch.checkpoints)
        lab.later(31)
        assert not [letter for batch in drain(source) for letter in batch.rejected]
    [position] = [part.position for part in saved.parts() if part.part == "directoryAudits"]
    assert position["newest_ms"] > 0, "their times can be read"
    with lab.source(saved.parts()) as source:
        assert not [letter for batch in drain(source) for letter in batch.rejected], "nor after a restart"
