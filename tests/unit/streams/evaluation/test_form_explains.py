"""Values that Entra ID does not take for their form, and what differs by them: stream = oracle, in any order."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contracts.facts import Domain, Fact, ObjectKind, Operation, Origin, TenantState
from streams.contracts.finding import Finding, FindingState
from streams.contracts.flows import READ_BY, VERSION
from streams.contracts.identity import immutable_id_of_guid
from streams.detections.registry import all_detections
from streams.directory.fold import fold
from streams.directory.state import ObjectState, new_state
from streams.evaluation.oracle import OracleObject, expected_findings
from tests.support.cases import START_MS, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

DAY_MS = 86_400_000
LATE = ("flow.attribute_drift", "flow.export_overdue", "flow.silent_drop")
_TAKEN, _BLANK, _OWN = "smtp:taken@contoso.com", "smtp:a nn@contoso.com", "SMTP:ann@contoso.com"
POOLS: dict[str, tuple[Any, ...]] = {
    "proxyAddresses": ([_OWN], [_OWN, _BLANK], [_OWN, _BLANK, _TAKEN], [_OWN, "smtp:other@contoso.com", _BLANK]),
    "mail": ("ann@contoso.com", "a nn@contoso.com", None),
    "givenName": ("Ann", "x" * 65, None),
    "displayName": ("Ann", "  ", "x" * 300),
    "userPrincipalName": ("ann@contoso.com", "a nn@contoso.com"),
}
EXPORTS = (None, "2026-09-21T13:00:00Z", "2026-09-21T15:00:00Z")


def _facts(chance: random.Random) -> list[tuple[Origin, Fact]]:
    """Ann in both directories, twice each, and Bob, who has one of her addresses."""

    def read(origin: Origin, name: str, seq: int, said: dict[str, Any]) -> tuple[Origin, Fact]:
        said = {key: value for key, value in said.items() if value is not None}
        fact = Fact(op=Operation.READ, object_id=guid_of(name), seq=(START_MS << 12) + seq, ts_ms=START_MS + seq,
                    kind=ObjectKind.USER, full=True, attributes=said | {READ_BY: VERSION})  # fmt: skip
        return origin, fact

    facts = [read(AD, "bob", 0, {"userPrincipalName": "bob@contoso.com", "objectSid": sid_of("bob"),
                                 "sAMAccountName": "bob", "distinguishedName": "CN=bob,DC=corp",
                                 "proxyAddresses": chance.choice([[_TAKEN], None])})]  # fmt: skip
    for seq in range(chance.choice([1, 2])):
        for origin, name in ((AD, "ann"), (ENTRA, "ann-cloud")):
            said: dict[str, Any] = {attribute: chance.choice(pool) for attribute, pool in POOLS.items()}
            if origin is AD:
                said |= {"objectSid": sid_of("ann"), "sAMAccountName": "ann", "distinguishedName": "CN=ann,DC=corp"}
            else:
                said |= {"onPremisesSyncEnabled": True, "onPremisesImmutableId": immutable_id_of_guid(guid_of("ann")),
                         "onPremisesSecurityIdentifier": sid_of("ann"), "userPrincipalName": "ann@contoso.com",
                         "proxyAddresses": [_OWN], "onPremisesLastSyncDateTime": chance.choice(EXPORTS)}  # fmt: skip
            facts.append(read(origin, name, seq, said))
    return facts


def _both(seed: int) -> tuple[dict[str, Finding], dict[str, Finding]]:
    """What the stream and the oracle say of one world a day later, by the ids of findings that stand."""
    chance = random.Random(seed)
    facts = _facts(chance)
    states: dict[str, ObjectState] = {}
    for origin, fact in facts:
        states[fact.object_id] = fold(states.get(fact.object_id) or new_state(origin, fact.object_id), fact)
    chance.shuffle(facts)
    domains = [Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")]
    tenant = TenantState(tenant=TENANT, seq=1, ts_ms=START_MS, collected=True, domains=domains)
    pipeline = Pipeline()
    pipeline.tell(tenant)
    for origin, fact in facts:
        pipeline.feed(origin, [fact])
        if chance.random() < 0.1:
            pipeline.restart()
    now_ms = START_MS + DAY_MS
    pipeline.tick(now_ms)
    found = {key: each for key, each in pipeline.findings.items() if each.state is not FindingState.RESOLVED}
    objects = [OracleObject(state) for state in states.values()]
    expected = expected_findings(objects, {TENANT: tenant}, {}, all_detections(), now_ms=now_ms, explained=True)
    return found, expected


@settings(max_examples=150, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_stream_and_oracle_agree(seed: int) -> None:
    found, expected = _both(seed)
    assert {key: (each.detection, each.state, each.cause) for key, each in found.items()} == {
        key: (each.detection, each.state, each.cause) for key, each in expected.items()
    }
    for each in found.values():
        if each.state is FindingState.SUPPRESSED:
            cause = found[each.cause or ""]
            assert cause.state is FindingState.OPEN and cause.severity.rank <= each.severity.rank


def test_the_worlds_have_what_is_explained_and_what_is_not() -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for seed in range(80):
        _, expected = _both(seed)
        for each in expected.values():
            if each.detection in LATE:
                seen[each.state, expected[each.cause].detection if each.cause else ""] += 1
    assert {cause for _, cause in seen} >= {
        "", "hygiene.invalid_character", "hygiene.too_long", "conflict.duplicate_address",
    }  # fmt: skip
    assert min(seen.values()) >= 2, seen
