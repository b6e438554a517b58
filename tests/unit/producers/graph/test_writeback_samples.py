"""The reference samples of self-service password reset, through the mapping into the rules: what each makes open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from producers.graph.mapping.audits import audit_event
from streams.contracts.events import Event
from streams.contracts.facts import Fact, ObjectKind, Operation
from streams.contracts.finding import Severity
from streams.contracts.identity import immutable_id_of_guid
from tests.support.cases import guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

SAMPLES = Path(__file__).parents[3] / "integration" / "entra" / "samples"
ROWS = {path.stem.removeprefix("directoryaudit_"): path for path in SAMPLES.glob("directoryaudit_sspr_*.json")}
PATIENCE_MS = 600_000
FAILED, DISABLED = "writeback.password_writeback_failed", "writeback.password_writeback_disabled"
OPENS = {
    "sspr_admin_reset_success": {"writeback.password_writeback_unconfirmed"},
    "sspr_disable_writeback": {DISABLED},
    "sspr_flow_progress_failure": {FAILED},
    "sspr_reset_writeback_failure": {FAILED},
}


def event_of(name: str) -> Event:
    event = audit_event(json.loads(ROWS[name].read_text()), TENANT, 0)
    assert event is not None
    return event


def told(*names: str, later_ms: int = PATIENCE_MS) -> Pipeline:
    """A synchronised user whose password is old, and what these rows tell of it."""
    events = [event_of(name) for name in names]
    began_ms = min(event.ts_ms for event in events)
    pipeline = Pipeline()
    anchor = immutable_id_of_guid(guid_of("amira"))
    user = next((event.entra_id for event in events if event.entra_id), guid_of("amira-c"))
    ours: dict[str, Any] = {"sAMAccountName": "amira", "objectSid": sid_of("amira"),
                            "distinguishedName": "CN=amira,DC=corp",
                            "pwdLastSet": (began_ms - 864_000_000 + 11_644_473_600_000) * 10_000}  # fmt: skip
    theirs = {"onPremisesSyncEnabled": True, "onPremisesImmutableId": anchor,
              "onPremisesSecurityIdentifier": sid_of("amira")}  # fmt: skip
    for origin, object_id, attributes in ((AD, guid_of("amira"), ours), (ENTRA, user, theirs)):
        pipeline.feed(origin, [Fact(op=Operation.READ, object_id=object_id, seq=1, ts_ms=began_ms, full=True,
                                    kind=ObjectKind.USER, attributes=attributes)])  # fmt: skip
    for event in events:
        pipeline.log([event], now_ms=event.ts_ms)
    pipeline.tick(max(event.ts_ms for event in events) + later_ms)
    return pipeline


def opened(pipeline: Pipeline) -> set[str]:
    return {finding.detection for finding in pipeline.open().values() if finding.family == "writeback"}


def test_every_sample_is_tried() -> None:
    assert set(ROWS) == set(OPENS)


@pytest.mark.parametrize("name", sorted(OPENS))
def test_what_a_row_alone_makes_open(name: str) -> None:
    assert opened(told(name)) == OPENS[name]


def test_the_rows_of_one_flow_are_one_failure_and_its_class_is_read_from_either() -> None:
    both = told("sspr_flow_progress_failure", "sspr_reset_writeback_failure")
    alone = told("sspr_flow_progress_failure")
    for pipeline, steps in ((both, 2), (alone, 1)):
        (finding,) = [each for each in pipeline.open().values() if each.detection == FAILED]
        assert (finding.evidence["class"], finding.severity) == ("connectivity", Severity.HIGH)
        assert len(finding.evidence["steps"]) == steps
    assert finding.evidence["correlation_id"] == event_of("sspr_reset_writeback_failure").correlation_id


def test_who_switched_writeback_off_is_named() -> None:
    (finding,) = [each for each in told("sspr_disable_writeback").open().values() if each.detection == DISABLED]
    assert finding.evidence["by"].startswith("ConnectSyncProvisioning_AADC01")


def test_a_success_that_is_young_is_quiet() -> None:
    assert opened(told("sspr_admin_reset_success", later_ms=PATIENCE_MS - 1000)) == set()
