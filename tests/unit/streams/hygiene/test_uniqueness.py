"""The index of holders: compact, exact through confirmation, bounded in what it names."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contracts.errors import FatalError
from streams.hygiene.rules import Claim
from streams.hygiene.scan import Scan
from streams.hygiene.tenant import TenantContext
from streams.hygiene.uniqueness import MOST_NAMED, ClaimIndex, Holdings
from tests.support.hygiene_subjects import ENTRA, scanned, thing

_claims = st.lists(
    st.lists(st.tuples(st.sampled_from(["mail", "mailNickname"]), st.sampled_from("abcdef")), max_size=3), max_size=30
)


def _filled(objects: list[list[Claim]]) -> tuple[ClaimIndex, Holdings]:
    index = ClaimIndex()
    for number, claims in enumerate(objects):
        index.add(number, claims)
    index.close()
    return index, Holdings(index, lambda number: (f"CN={number}", frozenset(objects[number])))


@given(_claims)
@settings(max_examples=100, deadline=None)
def test_it_names_exactly_the_holders_in_order(objects: list[list[Claim]]) -> None:
    _, holdings = _filled(objects)
    for claim in {claim for claims in objects for claim in claims}:
        holders = [(number, f"CN={number}") for number, claims in enumerate(objects) if claim in claims]
        assert list(holdings.holders(claim)) == holders
    assert holdings.holders(("mail", "nobody's")) == ()


@given(_claims)
@settings(max_examples=100, deadline=None)
def test_contested_objects_are_those_whose_claim_stands_twice(objects: list[list[Claim]]) -> None:
    index, _ = _filled(objects)
    standing = [claim for claims in objects for claim in claims]
    expected = {n for n, claims in enumerate(objects) if any(standing.count(claim) > 1 for claim in claims)}
    assert set(index.contested_ordinals()) == expected


def test_a_chance_meeting_of_hashes_is_not_a_holder() -> None:
    index = ClaimIndex()
    index.add(0, [("mail", "a")])
    index.add(1, [("mail", "a")])
    index.close()
    holdings = Holdings(index, lambda number: (f"CN={number}", frozenset({("mail", "a" if number else "other")})))
    assert holdings.holders(("mail", "a")) == ((1, "CN=1"),)


def test_it_takes_eight_bytes_per_claim() -> None:
    index, _ = _filled([[("mail", str(number)), ("mailNickname", str(number))] for number in range(1000)])
    assert index.size_bytes == 16_000


def test_one_more_object_than_it_can_number_is_refused_with_advice() -> None:
    with pytest.raises(FatalError, match="one base at a time"):
        ClaimIndex().add(1 << 28, [("mail", "a")])


def test_asking_before_the_end_of_the_first_pass_is_a_mistake() -> None:
    with pytest.raises(RuntimeError):
        list(ClaimIndex().ordinals_of(("mail", "a")))
    with pytest.raises(RuntimeError):
        Scan(ENTRA, TenantContext(), lambda _: thing()).suspects()


def test_a_value_that_everybody_holds_is_a_fault_of_everybody_and_names_a_bounded_number() -> None:
    reads = 0
    things = [thing(name=f"P{number}", mail="all@contoso.com") for number in range(300)]

    def read(number: int) -> object:
        nonlocal reads
        reads += 1
        return things[number]

    scan = Scan(ENTRA, TenantContext(), read)  # type: ignore[arg-type]
    for subject in things:
        scan.enroll(subject)
    scan.close()
    faults = [fault for number in scan.suspects() for fault in scan.check(number, things[number])]
    assert len(faults) == 300
    assert {len(fault.holders) for fault in faults} == {MOST_NAMED}
    assert reads <= MOST_NAMED + 1


def test_two_proposals_that_would_clash_with_each_other_are_named() -> None:
    one, two = thing(name="One", mailNickname=".a"), thing(name="Two", mailNickname="..a")
    rows = [(name, fault.proposed_value, fault.proposed_value_holders) for name, _, fault in scanned(ENTRA, one, two)]
    assert rows == [("One", "a", ()), ("Two", "a", (one.dn,))]


def test_a_proposal_that_the_object_itself_holds_elsewhere_is_no_clash() -> None:
    subject = thing(proxyAddresses=["smtp:j;ane@contoso.com", "SMTP:jane@contoso.com"])
    ((_, _, fault),) = scanned(ENTRA, subject)
    assert (fault.proposed_value, fault.proposed_value_holders) == ("smtp:jane@contoso.com", ())
