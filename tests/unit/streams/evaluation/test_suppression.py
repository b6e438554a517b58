"""One cause, one finding: what a stopped synchronisation explains is counted under it and opens if it outlives it."""

from __future__ import annotations

import uuid
from collections import Counter

import pytest

from streams.contracts.facts import Fact, ObjectKind, Operation, TenantState
from streams.contracts.finding import FindingState
from streams.contracts.identity import immutable_id_of_guid
from streams.contracts.times import rfc3339
from streams.directory.scope import Scope
from tests.support.cases import START_MS, guid_of
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

HOUR_MS = 3_600_000


def _tenant(now_ms: int, synced_ms: int) -> TenantState:
    organization = {
        "onPremisesSyncEnabled": True,
        "readDateTime": rfc3339(now_ms),
        "onPremisesLastSyncDateTime": rfc3339(synced_ms),
    }
    return TenantState(tenant=TENANT, seq=now_ms, ts_ms=now_ms, organization=organization, collected=True, features={})


def _user(number: int) -> Fact:
    return Fact(
        op=Operation.CREATED, object_id=str(uuid.UUID(int=number + 1)), seq=(START_MS << 12) + number, ts_ms=START_MS,
        kind=ObjectKind.USER, full=True,
        attributes={"sAMAccountName": f"u{number}", "distinguishedName": f"CN=u{number},OU=People,DC=corp"},
    )  # fmt: skip


@pytest.mark.parametrize("pending", [1_000, pytest.param(10_000, marks=pytest.mark.soak)])
def test_a_stopped_sync_with_thousands_of_pending_changes_is_one_finding(pending: int) -> None:
    pipeline = Pipeline()
    pipeline.tell(_tenant(START_MS, START_MS))
    for start in range(0, pending, 500):
        pipeline.feed(AD, [_user(number) for number in range(start, start + 500)])
    pipeline.tell(_tenant(START_MS + 2 * HOUR_MS, START_MS))
    pipeline.tick(START_MS + 3 * HOUR_MS)
    relevant = [each for each in pipeline.findings.values() if each.family in ("engine", "flow")]
    states = Counter((each.detection, each.state) for each in relevant)
    opened = [each for each in relevant if each.state is FindingState.OPEN]
    assert [each.detection for each in opened] == ["engine.sync_stopped"], states
    assert states["flow.missing_in_cloud", FindingState.SUPPRESSED] == pending
    suppressed = [each for each in relevant if each.state is FindingState.SUPPRESSED]
    assert {each.cause for each in suppressed} == {opened[0].id}

    pipeline.tell(_tenant(START_MS + 4 * HOUR_MS, START_MS + 4 * HOUR_MS))
    pipeline.tick(START_MS + 4 * HOUR_MS + 1)
    # They outlive it, and are one change in bulk now; a few that outlive that as well: test_causes.py.
    bulk = next(each for each in pipeline.open().values() if each.detection == "engine.bulk_change")
    outlived = Counter(each.cause for each in pipeline.findings.values() if each.detection == "flow.missing_in_cloud")
    assert outlived == {bulk.id: pending}


def test_what_a_cause_explained_does_not_open_with_its_end_while_its_own_patience_lasts_anew() -> None:
    """It left the scope long ago and is deleted just before the export goes on: two cycles, as the oracle has it."""
    user = {
        "sAMAccountName": "ada", "distinguishedName": "CN=ada,OU=People,DC=corp", "userPrincipalName": "ada@contoso.com"
    }  # fmt: skip
    here = Fact(
        op=Operation.READ, object_id=guid_of("ada"), seq=1, ts_ms=START_MS, kind=ObjectKind.USER, full=True,
        attributes=user,
    )  # fmt: skip
    there = Fact(
        op=Operation.READ, object_id=guid_of("cloud"), seq=1, ts_ms=START_MS, kind=ObjectKind.USER, full=True,
        attributes={
            "onPremisesSyncEnabled": True, "onPremisesImmutableId": immutable_id_of_guid(guid_of("ada")),
            "userPrincipalName": "ada@contoso.com",
        },
    )  # fmt: skip
    left = {"distinguishedName": "CN=ada,OU=Out,DC=corp"}
    pipeline = Pipeline({"corp": Scope(exclude_ous=["OU=Out,DC=corp"])})

    def state() -> FindingState | None:
        found = [each for each in pipeline.findings.values() if each.detection == "flow.orphaned_in_cloud"]
        return found[0].state if found else None

    pipeline.tell(_tenant(START_MS, START_MS))
    pipeline.feed(AD, [here])
    pipeline.feed(ENTRA, [there])
    pipeline.feed(AD, [_fact(Operation.UPDATED, START_MS + 1, left)])
    pipeline.tell(_tenant(START_MS + 2 * HOUR_MS, START_MS))
    assert state() is FindingState.SUPPRESSED
    deleted_ms = START_MS + 3 * HOUR_MS
    pipeline.feed(AD, [_fact(Operation.DELETED, deleted_ms, {})])
    pipeline.tell(_tenant(deleted_ms + 1, deleted_ms + 1))
    assert not any(each.detection == "engine.sync_stopped" for each in pipeline.open().values())
    assert state() is FindingState.SUPPRESSED, "it stays what it was: no resolution, no page"
    pipeline.tick(deleted_ms + HOUR_MS - 1)
    assert state() is FindingState.SUPPRESSED
    pipeline.tick(deleted_ms + HOUR_MS)
    assert state() is FindingState.OPEN


def _fact(op: Operation, ts_ms: int, attributes: dict[str, str]) -> Fact:
    return Fact(op=op, object_id=guid_of("ada"), seq=ts_ms << 12, ts_ms=ts_ms, attributes=attributes)
