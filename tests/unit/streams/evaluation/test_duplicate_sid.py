"""SIDs that are given out twice: stream = oracle, and the refusal that follows is one incident with them."""

from __future__ import annotations

import random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contracts.facts import Fact, ObjectKind, Operation, Origin, TenantState
from streams.contracts.finding import FindingState
from streams.contracts.identity import immutable_id_of_guid
from streams.detections.registry import all_detections
from streams.directory.state import ObjectState
from streams.evaluation.oracle import OracleObject, expected_findings
from tests.support.cases import AD2, START_MS, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline
from tests.unit.streams.evaluation.test_one_incident import MISSING, REFUSED, Site, ad, cloud, refused

HOUR_MS = 3_600_000
TWICE, OTHER_ANCHOR = "conflict.duplicate_sid", "authority.source_anchor_changed"
OLD, NEW = "2020-01-01T00:00:00Z", "2026-09-20T00:00:00Z"
NAMES = ("a", "b", "c")


def _world(seed: int) -> dict[tuple[Origin, str], list[tuple[ObjectKind, dict[str, Any]]]]:
    """Object -> what it is, and what it becomes."""
    chance = random.Random(seed)
    world = {}
    for origin in (AD, AD2, ENTRA):
        for name in NAMES:
            if chance.random() < 0.7:
                kind = chance.choice([ObjectKind.USER, ObjectKind.USER, ObjectKind.GROUP])
                world[origin, name] = [(kind, _said(origin, name, kind, chance)) for _ in range(chance.choice([1, 2]))]
    return world


def _said(origin: Origin, name: str, kind: ObjectKind, chance: random.Random) -> dict[str, Any]:
    dn, sid = f"CN={chance.choice(NAMES)},DC=corp,DC=local", sid_of(chance.choice(NAMES[:2]))
    age = chance.choice([OLD, NEW])
    if origin.side == "ad":
        return {"objectSid": sid, "distinguishedName": dn, "sAMAccountName": name, "whenCreated": age,
                "userPrincipalName": f"{name}@contoso.com"}  # fmt: skip
    said = {"onPremisesSecurityIdentifier": sid, "onPremisesDistinguishedName": dn, "createdDateTime": age,
            "onPremisesSyncEnabled": True, "userPrincipalName": f"{name}@contoso.com"}  # fmt: skip
    anchor = immutable_id_of_guid(guid_of(chance.choice(NAMES)))
    return {**said, "onPremisesImmutableId": anchor} if kind is ObjectKind.USER else said


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_stream_and_oracle_agree(seed: int) -> None:
    world, chance = _world(seed), random.Random(seed + 1)
    facts, objects = [], []
    for (origin, name), words in world.items():
        of = f"cloud-{name}" if origin is ENTRA else name
        for number, (kind, said) in enumerate(words):
            seq, ts_ms = (START_MS << 12) + number, START_MS + number
            facts.append((origin, Fact(op=Operation.READ, object_id=guid_of(of), seq=seq, ts_ms=ts_ms, kind=kind,
                                       full=True, attributes=said)))  # fmt: skip
        kind, said = words[-1]
        objects.append(OracleObject(ObjectState(
            object_id=guid_of(of), side=origin.side, tenant=TENANT, forest=origin.forest, kind=kind, attributes=said,
            changed_ms=START_MS + len(words) - 1, first_ms=START_MS,
        )))  # fmt: skip
    chance.shuffle(facts)
    tenant = TenantState(tenant=TENANT, seq=1, ts_ms=START_MS, collected=True)
    pipeline = Pipeline()
    pipeline.tell(tenant)
    for origin, fact in facts:
        pipeline.feed(origin, [fact])
        if chance.random() < 0.1:
            pipeline.restart()
    pipeline.tick(START_MS + 24 * HOUR_MS)
    expected = expected_findings(
        objects, {TENANT: tenant}, {}, all_detections(), now_ms=START_MS + 24 * HOUR_MS, explained=True
    )
    found = {key: each for key, each in pipeline.findings.items() if each.state is not FindingState.RESOLVED}
    assert {(each.detection, each.state, each.cause) for each in found.values()} == {
        (each.detection, each.state, each.cause) for each in expected.values()
    }
    for key, each in expected.items():
        if each.detection in (TWICE, OTHER_ANCHOR):
            assert (found[key].evidence, found[key].subject) == (each.evidence, each.subject)


def test_the_refusal_and_the_missing_object_are_one_incident() -> None:
    site = Site()
    site.happen([
        ad("ann", userPrincipalName="ann@contoso.com", whenCreated=OLD),
        cloud("ann-c", of="ann", userPrincipalName="ann@contoso.com"),
        ad("bob", userPrincipalName="bob@contoso.com", whenCreated=NEW, objectSid="@sid:ann"),
        refused("bob", "AttributeValueMustBeUnique", f"OnPremiseSecurityIdentifier {sid_of('ann')}"),
    ])  # fmt: skip
    site.after(2 * HOUR_MS)
    assert site.told() == {TWICE}
    assert site.counted() == {REFUSED: TWICE, MISSING: TWICE}


def test_a_refusal_of_another_value_stays_an_incident_of_its_own() -> None:
    site = Site()
    site.happen([
        ad("ann", userPrincipalName="ann@contoso.com", whenCreated=OLD),
        cloud("ann-c", of="ann", userPrincipalName="ann@contoso.com"),
        ad("bob", userPrincipalName="bob@contoso.com", whenCreated=NEW, objectSid="@sid:ann"),
        refused("bob", "LargeObject"),
    ])  # fmt: skip
    assert site.told() == {TWICE, REFUSED}
