"""What explains what away: tenant-wide causes of the family engine, and what they must never hide."""

from __future__ import annotations

from streams.contracts import view_keys
from streams.contracts.codec import convert
from streams.contracts.contributors import ContributorKind
from streams.contracts.events import Event
from streams.contracts.facts import Fact, ObjectKind, Operation, TenantState
from streams.contracts.finding import FindingState, Severity
from streams.contracts.times import parse_rfc3339, rfc3339
from streams.contracts.views import Contribution
from tests.support.cases import START_MS, counted, guid_of, sid_of
from tests.support.pipeline import AD, TENANT, Pipeline
from tests.support.words import body_of

HOURS_MS = 3 * 3_600_000


def _tenant(now_ms: int = START_MS, **more: object) -> TenantState:
    organization = {"displayName": "Contoso", "onPremisesSyncEnabled": True, "readDateTime": rfc3339(now_ms)}
    filled = {"tenant": TENANT, "seq": now_ms, "ts_ms": now_ms, "organization": organization, "collected": True}
    return convert({**filled, **more, "type": "tenant"}, TenantState)


def _someone_is_missing() -> Pipeline:
    """Ann is in scope since the beginning, and the cloud does not know her; three hours later."""
    pipeline = Pipeline()
    attributes = {"sAMAccountName": "ann", "distinguishedName": "CN=ann,DC=corp", "objectSid": sid_of("ann")}
    ann = Fact(
        op=Operation.CREATED, object_id=guid_of("ann"), seq=1, ts_ms=START_MS, kind=ObjectKind.USER, full=True,
        attributes=attributes,
    )  # fmt: skip
    pipeline.feed(AD, [ann])
    pipeline.tell(_tenant())
    pipeline.tick(START_MS + HOURS_MS)
    assert _states(pipeline)["flow.missing_in_cloud"] is FindingState.OPEN
    return pipeline


def _states(pipeline: Pipeline) -> dict[str, FindingState]:
    return {finding.detection: finding.state for finding in pipeline.findings.values()}


def _count(pipeline: Pipeline, now_ms: int, **states: int) -> None:
    body = {f"objects/corp/user/{state}": number for state, number in states.items()}
    view = view_keys.tenant(TENANT)
    name = ContributorKind.COUNTS.named(9)
    told = Contribution(view=view, contributor=name, seq=now_ms, changed_ms=now_ms, body=body_of(counted(body)))
    pipeline.contribute([told], now_ms=now_ms)
    pipeline.tick(now_ms)


def test_a_bulk_change_explains_missing_objects_and_not_a_mass_deletion() -> None:
    pipeline, now_ms = _someone_is_missing(), START_MS + HOURS_MS
    _count(pipeline, now_ms + 1000, missing=400, leaving_deleted=600)
    states = _states(pipeline)
    assert states["engine.bulk_change"] is FindingState.OPEN
    assert states["flow.missing_in_cloud"] is FindingState.SUPPRESSED
    assert states["engine.mass_deletion_forecast"] is FindingState.OPEN
    _count(pipeline, now_ms + 2000, synced=1000)
    states = _states(pipeline)
    assert states["engine.bulk_change"] is FindingState.RESOLVED
    assert states["flow.missing_in_cloud"] is FindingState.OPEN, "it outlives what explained it"


def test_a_change_of_verified_domains_explains_for_two_cycles() -> None:
    pipeline, now_ms = _someone_is_missing(), START_MS + HOURS_MS
    said = {"id": "e1", "log": "audit", "name": "remove verified domain", "tenant": TENANT, "result": "success"}
    details = {"category": "DirectoryManagement", "target_name": "contoso.com"}
    pipeline.log([convert({**said, "ts_ms": now_ms, "seen_ms": now_ms, "details": details}, Event)], now_ms=now_ms)
    pipeline.tick(now_ms)
    assert _states(pipeline)["flow.missing_in_cloud"] is FindingState.SUPPRESSED
    pipeline.tick(now_ms + 3_600_000)
    states = _states(pipeline)
    assert states["engine.verified_domain_change"] is FindingState.RESOLVED
    assert states["flow.missing_in_cloud"] is FindingState.OPEN


def test_an_old_version_becomes_critical_by_the_passing_of_time() -> None:
    pipeline = Pipeline()
    pipeline.tell(_tenant(synchronization={"client_version": "2.5.3.0"}))
    assert [finding.severity for finding in pipeline.open().values()] == [Severity.HIGH]
    pipeline.tick(parse_rfc3339("2026-09-30T00:00:00Z"))
    assert [finding.severity for finding in pipeline.open().values()] == [Severity.CRITICAL]


def test_a_refusal_is_told_even_where_the_organization_itself_is_refused() -> None:
    pipeline = Pipeline()
    pipeline.tell(_tenant(organization=None, refused={"organization": "Authorization_RequestDenied"}))
    ((_, finding),) = pipeline.open().items()
    assert finding.detection == "engine.source_refused"
    assert finding.evidence["permissions"] == ["Organization.Read.All"]
