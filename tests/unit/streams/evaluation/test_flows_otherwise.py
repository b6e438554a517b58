"""An organisation that fills a property by a rule of its own has one finding, not one for each object."""

from __future__ import annotations

from typing import Any

import pytest

from streams.contracts.facts import Domain, Fact, ObjectKind, Operation, TenantState
from streams.contracts.flows import READ_BY, VERSION
from streams.contracts.identity import immutable_id_of_guid
from streams.detections.flow.attribute_flows_otherwise import FEWEST
from streams.detections.registry import all_detections
from streams.directory.fold import fold
from streams.directory.state import ObjectState, new_state
from streams.evaluation.knowledge import TenantOptions
from streams.evaluation.oracle import OracleObject, expected_findings
from tests.support.cases import AD2, START_MS, guid_of, sid_of
from tests.support.pipeline import AD, ENTRA, TENANT, Pipeline

OTHERWISE, DRIFT, DROPPED = "flow.attribute_flows_otherwise", "flow.attribute_drift", "flow.silent_drop"
DAY_MS = 86_400_000


class Organisation:
    """Users of whom the cloud shows another department than AD has; `exported`: after we first looked; and some who
    `agree`. `elsewhere`: of another forest, (users, who agree)."""

    def __init__(
        self, users: int, *, exported: bool = False, agree: int = 0, elsewhere: tuple[int, int] = (0, 0), **options: Any
    ) -> None:
        self.pipeline = Pipeline(**options)
        self.states: dict[tuple[str, str], ObjectState] = {}
        self.tenant = TenantState(
            tenant=TENANT, seq=1, ts_ms=START_MS, features={}, collected=True,
            domains=[Domain("contoso.onmicrosoft.com", is_initial=True), Domain("contoso.com")],
            organization={"displayName": "Contoso", "onPremisesSyncEnabled": True},
        )  # fmt: skip
        self.pipeline.tell(self.tenant)
        self._seq = START_MS << 12
        written = {"onPremisesLastSyncDateTime": "2026-09-21T15:00:00Z"} if exported else {}
        people = [("u", "ad", number, number < users) for number in range(users + agree)]
        people += [("v", "ad2", number, number < elsewhere[0]) for number in range(sum(elsewhere))]
        for letter, side, number, differs in people:
            name = f"{letter}{number}"
            self.tell(side, name, department="Sales", extensionAttribute3="4711", sAMAccountName=name,
                      userPrincipalName=f"{name}@contoso.com", objectSid=sid_of(name),
                      distinguishedName=f"CN={name},OU=People,DC=corp,DC=local")  # fmt: skip
            self.tell("entra", name, department="4711" if differs else "Sales",
                      userPrincipalName=f"{name}@contoso.com", extensionAttribute3="4711", onPremisesSyncEnabled=True,
                      onPremisesImmutableId=immutable_id_of_guid(guid_of(name)),
                      onPremisesSecurityIdentifier=sid_of(name), **written)  # fmt: skip

    def tell(self, side: str, name: str, *, whole: bool = True, **attributes: Any) -> None:
        origin = {"ad": AD, "ad2": AD2, "entra": ENTRA}[side]
        self._seq += 1 << 12
        read_by = {READ_BY: VERSION} if whole else {}
        fact = Fact(
            op=Operation.READ if whole else Operation.UPDATED, seq=self._seq, ts_ms=START_MS, kind=ObjectKind.USER,
            object_id=guid_of(f"cloud-{name}" if side == "entra" else name), full=whole,
            attributes=attributes | read_by,
        )  # fmt: skip
        known = self.states.get((side, name)) or new_state(origin, fact.object_id)
        self.states[side, name] = fold(known, fact)
        self.pipeline.feed(origin, [fact], now_ms=START_MS)

    def open(self, after_ms: int) -> dict[str, int]:
        """Detection -> how many are open so long after the beginning; the oracle says the same."""
        now_ms = START_MS + after_ms
        self.pipeline.tick(now_ms)
        found: dict[str, int] = {}
        for finding in self.pipeline.open().values():
            found[finding.detection] = found.get(finding.detection, 0) + 1
        if not self.pipeline.options.tenants:
            objects = [OracleObject(state) for state in self.states.values()]
            expected = expected_findings(objects, {TENANT: self.tenant}, {}, all_detections(), now_ms=now_ms)
            assert sorted(self.pipeline.open()) == sorted(expected)
        return {name: number for name, number in found.items() if name.startswith("flow.")}


@pytest.mark.parametrize("exported", [False, True])
def test_many_are_one_finding_whether_exported_since_or_not(exported: bool) -> None:
    assert Organisation(FEWEST, exported=exported).open(DAY_MS) == {OTHERWISE: 1}


@pytest.mark.parametrize(("exported", "each"), [(False, DRIFT), (True, DROPPED)])
def test_few_are_told_one_by_one(exported: bool, each: str) -> None:
    assert Organisation(FEWEST - 1, exported=exported, agree=FEWEST).open(DAY_MS) == {each: FEWEST - 1}


@pytest.mark.parametrize(
    ("here", "elsewhere", "found"),
    [
        ((FEWEST, 0), (3, 40), {OTHERWISE: 1, DRIFT: 3}),  # a rule of this forest explains nothing in the other
        ((FEWEST, 0), (FEWEST, 0), {OTHERWISE: 1}),
        ((FEWEST - 9, 40), (FEWEST - 9, 40), {OTHERWISE: 1}),  # so many of both, and of neither: a rule of both
        ((9, 40), (9, 40), {DRIFT: 18}),
    ],
)
def test_a_rule_is_of_a_forest(here: tuple[int, int], elsewhere: tuple[int, int], found: dict[str, int]) -> None:
    world = Organisation(here[0], agree=here[1], elsewhere=elsewhere)
    assert world.open(DAY_MS) == found


def test_one_that_is_mended_brings_the_others_back() -> None:
    world = Organisation(FEWEST, agree=FEWEST)
    assert world.open(DAY_MS) == {OTHERWISE: 1}
    world.tell("entra", "u0", whole=False, department="Sales")
    assert world.open(2 * DAY_MS) == {DRIFT: FEWEST - 1}


@pytest.mark.parametrize(("attribute", "found"), [("extensionAttribute3", {}), ("", {}), ("title", {})])
def test_a_flow_of_the_settings_is_what_is_compared(attribute: str, found: dict[str, int]) -> None:
    """AD has no title here: a property that such an attribute fills is not compared either."""
    assert Organisation(3, tenants={TENANT: TenantOptions(flows={"department": attribute})}).open(DAY_MS) == found


def test_after_a_flow_of_the_settings_an_object_that_differs_is_told_again() -> None:
    world = Organisation(FEWEST, tenants={TENANT: TenantOptions(flows={"department": "extensionAttribute3"})})
    world.tell("entra", "u3", whole=False, department="4712")
    assert world.open(DAY_MS) == {DRIFT: 1}


def test_what_is_asked_for_the_first_time_has_not_changed_before_our_eyes() -> None:
    """A new version reads more attributes: every object shows values that were there long ago."""
    known = new_state(AD, guid_of("ann"))
    old = Fact(op=Operation.READ, object_id=guid_of("ann"), seq=1, ts_ms=1, full=True, attributes={"mail": "a@x.com"})
    new = Fact(op=Operation.READ, object_id=guid_of("ann"), seq=2, ts_ms=2, full=True,
               attributes={"mail": "b@x.com", "department": "Sales", READ_BY: VERSION})  # fmt: skip
    later = Fact(op=Operation.UPDATED, object_id=guid_of("ann"), seq=3, ts_ms=3, attributes={"department": "Legal"})
    read = fold(fold(known, old), new)
    assert read.changed == {"mail": 2}
    assert fold(read, later).changed == {"mail": 2, "department": 3}


def test_what_a_full_reading_no_longer_shows_was_lost_before_our_eyes() -> None:
    old = Fact(op=Operation.READ, object_id=guid_of("ann"), seq=1, ts_ms=1, full=True, attributes={"mail": "a@x.com"})
    new = Fact(op=Operation.READ, object_id=guid_of("ann"), seq=2, ts_ms=2, full=True, attributes={})
    assert fold(fold(new_state(AD, guid_of("ann")), old), new).changed == {"mail": 2}
