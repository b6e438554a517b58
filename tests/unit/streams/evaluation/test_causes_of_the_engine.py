"""A long cycle and a held-back export explain what they delay; what outlives them opens, and a stopped engine shows."""

from __future__ import annotations

from collections import Counter

import pytest

from streams.contracts.codec import convert
from streams.contracts.events import Event
from streams.contracts.facts import Fact, ObjectKind, Operation, TenantState
from streams.contracts.finding import Finding, FindingState
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.times import rfc3339
from streams.detections.registry import all_detections
from streams.directory.scope import Scope
from tests.support.cases import START_MS, guid_of
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

MINUTE_MS = 60_000
HELD_BACK = 600
AAD = "contoso.onmicrosoft.com - AAD"


def at(minute: float) -> int:
    return START_MS + int(minute * MINUTE_MS)


def reading(minute: float, synced: float = 0) -> TenantState:
    organization = {
        "onPremisesSyncEnabled": True,
        "readDateTime": rfc3339(at(minute)),
        "onPremisesLastSyncDateTime": rfc3339(at(synced)),
    }
    seq = at(minute)
    return TenantState(tenant=TENANT, seq=seq, ts_ms=seq, organization=organization, collected=True, features={})


def someone(number: int, minute: float) -> Fact:
    attributes = {"sAMAccountName": f"u{number}", "distinguishedName": f"CN=u{number},OU=People,DC=corp"}
    return Fact(
        op=Operation.CREATED, object_id=guid_of(f"u{number}"), seq=(at(minute) << 12) + number, ts_ms=at(minute),
        kind=ObjectKind.USER, full=True, attributes=attributes,
    )  # fmt: skip


def in_the_cloud(number: int, minute: float) -> Fact:
    anchor = immutable_id_of_guid(guid_of(f"u{number}"))
    attributes = {"displayName": f"u{number}", "onPremisesImmutableId": anchor, "onPremisesSyncEnabled": True}
    return Fact(
        op=Operation.CREATED, object_id=guid_of(f"c{number}"), seq=(at(minute) << 12) + number, ts_ms=at(minute),
        kind=ObjectKind.USER, full=True, attributes=attributes,
    )  # fmt: skip


def deleted(name: str, minute: float) -> Fact:
    return Fact(op=Operation.DELETED, object_id=guid_of(name), seq=at(minute) << 12, ts_ms=at(minute))


def log(pipeline: Pipeline, minute: float, **said: object) -> None:
    filled = {"id": f"e{minute}-{len(pipeline.published)}", "tenant": TENANT, "ts_ms": at(minute), **said}
    pipeline.log([convert({**filled, "seen_ms": at(minute)}, Event)], now_ms=at(minute))


def writes(pipeline: Pipeline, minute: float) -> None:
    details = {"category": "UserManagement", "sync_server": "aadc01"}
    log(pipeline, minute, log="audit", name="update user", details=details)


def relevant(pipeline: Pipeline) -> dict[str, Finding]:
    families = ("engine", "flow")
    return {each.detection: each for each in pipeline.findings.values() if each.family in families}


def test_a_long_cycle_explains_what_is_late_until_it_ends_and_the_rest_opens() -> None:
    pipeline = Pipeline()
    pipeline.tell(reading(0))
    pipeline.feed(AD, [someone(1, 1), someone(2, 1)])
    writes(pipeline, 44)
    pipeline.tell(reading(46))
    writes(pipeline, 60)
    pipeline.tick(at(62))
    found = relevant(pipeline)
    assert found["engine.long_cycle"].state is FindingState.OPEN
    assert found["flow.missing_in_cloud"].state is FindingState.SUPPRESSED
    writes(pipeline, 85)
    pipeline.tell(reading(95))
    found = relevant(pipeline)
    assert found["engine.sync_stopped"].state is FindingState.SUPPRESSED
    causes = {each.cause for each in pipeline.findings.values() if each.state is FindingState.SUPPRESSED}
    assert causes == {found["engine.long_cycle"].id}

    # It ends: one of the two arrived with it, the other one did not.
    pipeline.feed(ENTRA, [in_the_cloud(1, 100)], now_ms=at(100))
    pipeline.tell(reading(101, synced=100))
    states = Counter((each.detection, each.state) for each in pipeline.findings.values() if each.family == "flow")
    assert states == {
        ("flow.missing_in_cloud", FindingState.RESOLVED): 1,
        ("flow.missing_in_cloud", FindingState.OPEN): 1,
    }
    assert relevant(pipeline)["engine.sync_stopped"].state is FindingState.RESOLVED


def cycle(pipeline: Pipeline, minute: int, word: str) -> None:
    details = {"cycle": word, "cycle_kind": "delta"}
    log(pipeline, minute, log="windows", name="directory synchronization/904", server="aadc01", details=details)


def test_an_engine_that_dies_in_a_long_cycle_is_found_and_nothing_opens_in_between() -> None:
    pipeline = Pipeline()
    pipeline.tell(reading(0))
    pipeline.feed(AD, [someone(number, 1) for number in range(50)])
    writes(pipeline, 44)
    pipeline.tell(reading(46))
    writes(pipeline, 70)
    pipeline.tell(reading(95))
    assert relevant(pipeline)["engine.sync_stopped"].state is FindingState.SUPPRESSED
    pipeline.tick(at(101))
    found = relevant(pipeline)
    assert found["engine.long_cycle"].state is FindingState.RESOLVED
    assert found["engine.sync_stopped"].state is FindingState.OPEN
    symptoms = [each for _, each in pipeline.published if each is not None and each.family == "flow"]
    assert {each.state for each in symptoms} == {FindingState.SUPPRESSED}
    now = [each for each in pipeline.findings.values() if each.family == "flow"]
    assert {each.cause for each in now} == {found["engine.sync_stopped"].id}


def test_deletions_that_are_held_back_are_one_finding() -> None:
    pipeline = Pipeline({"corp": Scope()})
    pipeline.tell(reading(0))
    pipeline.feed(AD, [someone(number, 1) for number in range(2 * HELD_BACK)])
    pipeline.feed(ENTRA, [in_the_cloud(number, 1) for number in range(2 * HELD_BACK)])
    pipeline.tick(at(2))
    pipeline.feed(AD, [deleted(f"u{number}", 3) for number in range(HELD_BACK)], now_ms=at(3))
    for minute in (30, 60, 90):
        details = {"pending_deletes": HELD_BACK, "threshold": 500}
        cycle(pipeline, minute - 2, "started")
        held = {"name": "directory synchronization/116", "server": "aadc01", "result": "failure", "details": details}
        log(pipeline, minute, log="windows", **held)
        cycle(pipeline, minute, "completed")
        pipeline.tell(reading(minute + 1, synced=minute))
    pipeline.tick(at(92))
    states = Counter((each.detection, each.state) for each in pipeline.findings.values())
    opened = [each for each in pipeline.open().values() if each.family in ("engine", "flow")]
    assert [each.detection for each in opened] == ["engine.deletion_threshold_reached"], states
    assert states["flow.orphaned_in_cloud", FindingState.SUPPRESSED] == HELD_BACK
    explained = {each.cause for each in pipeline.findings.values() if each.state is FindingState.SUPPRESSED}
    assert explained == {opened[0].id}

    # Somebody lifts the threshold, and one export later two of them are still there.
    pipeline.feed(ENTRA, [deleted(f"c{number}", 95) for number in range(2, HELD_BACK)], now_ms=at(95))
    cycle(pipeline, 94, "started")
    cycle(pipeline, 96, "completed")
    pipeline.tell(reading(97, synced=96))
    opened = [each for each in pipeline.open().values() if each.family in ("engine", "flow")]
    assert [each.detection for each in opened] == ["flow.orphaned_in_cloud"] * 2


@pytest.mark.slow
def test_a_forecast_explains_only_where_the_export_stops() -> None:
    """No log of the server is shipped: below the threshold an object that stays has no excuse."""
    for leaving, state in ((490, FindingState.OPEN), (510, FindingState.SUPPRESSED)):
        pipeline = Pipeline({"corp": Scope()})
        pipeline.tell(reading(0))
        # So many that it is no change in bulk.
        pipeline.feed(AD, [someone(number, 1) for number in range(12 * leaving)])
        pipeline.feed(ENTRA, [in_the_cloud(number, 1) for number in range(12 * leaving)])
        pipeline.feed(AD, [deleted(f"u{number}", 3) for number in range(leaving)], now_ms=at(3))
        for minute in (30, 60):
            pipeline.tell(reading(minute + 1, synced=minute))
        pipeline.tick(at(64))
        orphans = {each.state for each in pipeline.findings.values() if each.detection == "flow.orphaned_in_cloud"}
        assert orphans == {state}, leaving
        assert relevant(pipeline)["engine.mass_deletion_forecast"].state is FindingState.OPEN


def test_what_explains_a_cause_is_explained_by_nothing() -> None:
    """Causes pass on what explains them, one step far."""
    causes = {each.detection.id: each.detection for each in all_detections() if each.detection.tenant_wide}
    explained = {name for name, cause in causes.items() if cause.suppressed_by}
    assert {name for cause in causes.values() for name in cause.suppressed_by} & explained == set()
    named = {name for each in all_detections() for name in each.detection.suppressed_by}
    assert named <= causes.keys()
