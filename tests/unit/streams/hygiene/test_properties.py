"""Laws that hold for any text: cheap tests agree with the chains, repairs settle, positions and lengths are true."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.hygiene.check import check, survey
from streams.hygiene.domains import current_top_level_domains
from streams.hygiene.entra.sign_in import is_valid_sign_in_name
from streams.hygiene.faults import Breach, ErrorName, Fault
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import Chain, Profile, Rule, check_value
from streams.hygiene.text import longer_than, utf16_cut, utf16_length, utf16_position
from tests.support.hygiene_subjects import DEDICATED, ENTRA, IDFIX, TENANT, scanned, thing

PROFILES = pytest.mark.parametrize("profile", [ENTRA, IDFIX, DEDICATED], ids=["entra", "idfix", "dedicated"])

_PIECES = st.sampled_from(
    [
        *(
            "smtp:",
            "SMTP:",
            "sip:",
            "x500:",
            "X400:",
            "x.500",
            "@",
            ".",
            "..",
            ":",
            "-",
            "a",
            "Jane",
            "contoso",
            ".com",
        ),
        *(".local", "@contoso.com", "@m\u00fcnchen.de", "xn--p1ai", " ", "\t", "\n", "\x85", "\u2003", "'", '"', "&"),
        *("$", "(", ")", ";", ",", "[", "]", "\\", "/", "\u00fc", "\u00e9", "e\u0301", "\u00df", "\u5f20"),
        *("\U0001f600", "\u200b", "x" * 60),
    ]
)
values = st.lists(_PIECES, min_size=1, max_size=8).map("".join) | st.text(
    st.characters(codec="utf-8"), min_size=1, max_size=12
)
_several = st.lists(values, min_size=1, max_size=2)
_ATTRIBUTES = ("displayName", "mail", "mailNickname", "sAMAccountName", "targetAddress", "userPrincipalName")
attributes = st.dictionaries(st.sampled_from(_ATTRIBUTES), values.map(lambda value: [value]), max_size=3)
subjects = st.builds(
    lambda kind, values, proxies: DirectoryObject(
        "CN=Jane,DC=x", ("top", kind), {"cn": ["Jane"], "proxyAddresses": proxies, **values}
    ),
    st.sampled_from(["user", "group", "contact", "inetOrgPerson"]),
    attributes,
    _several,
)


def _breaches(chain: Chain, value: str, subject: DirectoryObject) -> tuple[Breach, ...]:
    return check_value(chain, value, subject, TENANT, None)


@PROFILES
@given(value=values)
@settings(max_examples=100, deadline=None)
def test_a_value_that_passes_the_cheap_test_passes_its_chain(profile: Profile, value: str) -> None:
    for chain in profile.chains:
        if value and chain.clean(value, TENANT):
            assert _breaches(chain, value, thing()) == ()


@PROFILES
@given(subject=subjects)
@settings(max_examples=60, deadline=None)
def test_an_object_that_the_survey_calls_clean_has_no_fault(profile: Profile, subject: DirectoryObject) -> None:
    if survey(subject, profile, TENANT)[1]:
        assert check(subject, profile, TENANT) == ()


@PROFILES
@given(subject=subjects)
@settings(max_examples=60, deadline=None)
def test_the_same_object_gives_the_same_faults_each_with_an_error_and_a_rule_of_the_book(
    profile: Profile, subject: DirectoryObject
) -> None:
    faults = check(subject, profile, TENANT)
    assert faults == check(subject, profile, TENANT)
    book = {rule.id: rule for rule in profile.catalogue}
    for fault in faults:
        for breach in fault.breaches:
            assert set(breach.errors) <= set(book[breach.rule].errors)
            assert book[breach.rule].attribute == fault.attribute


@PROFILES
@given(subject=subjects)
@settings(max_examples=60, deadline=None)
def test_each_rule_is_handed_what_the_rule_before_left(profile: Profile, subject: DirectoryObject) -> None:
    order = {rule.id: number for number, rule in enumerate(profile.catalogue)}
    for fault in check(subject, profile, TENANT):
        assert fault.breaches[0].judged == (fault.value or "")
        for before, after in pairwise(fault.breaches):
            assert order[before.rule] < order[after.rule]
            if isinstance(profile.catalogue[order[after.rule]], Rule):
                assert after.judged == (before.judged if before.repaired is None else before.repaired)


@PROFILES
@given(subject=subjects)
@settings(max_examples=100, deadline=None)
def test_the_character_and_length_at_fault_are_those_of_the_judged_value(
    profile: Profile, subject: DirectoryObject
) -> None:
    for fault in check(subject, profile, TENANT):
        for breach in fault.breaches:
            units = breach.judged.encode("utf-16-le")
            if breach.character is not None and breach.position is not None:
                assert units[2 * breach.position :].startswith(breach.character.encode("utf-16-le"))
            if breach.errors == (ErrorName.LENGTH,):
                assert breach.limit is not None and breach.length is not None
                assert breach.limit < breach.length <= len(units) // 2


def _again(fault: Fault, subject: DirectoryObject, profile: Profile) -> list[Fault]:
    """The faults of the same attribute once the proposal has been taken."""
    taken = {**subject.attributes, fault.attribute: [fault.proposed_value or ""]}
    again = check(DirectoryObject(subject.dn, subject.object_classes, taken), profile, TENANT)
    return [other for other in again if other.attribute == fault.attribute]


@given(subject=subjects)
@settings(max_examples=100, deadline=None)
def test_a_proposal_of_entra_is_accepted_by_every_rule_that_a_value_alone_can_break(subject: DirectoryObject) -> None:
    tolerated = {ErrorName.ADDRESS_MISMATCH, ErrorName.UNVERIFIED_DOMAIN, ErrorName.TOP_LEVEL_DOMAIN}
    for fault in check(subject, ENTRA, TENANT):
        if fault.proposed_value is not None and ErrorName.TOO_MANY_VALUES not in fault.errors:
            left = {error for other in _again(fault, subject, ENTRA) for error in other.errors}
            assert left <= tolerated & set(fault.errors) | {ErrorName.ADDRESS_MISMATCH}


@given(subject=subjects)
@settings(max_examples=100, deadline=None)
def test_the_repair_of_one_idfix_rule_satisfies_that_rule_or_is_its_own_repair(subject: DirectoryObject) -> None:
    """Mail format alone may give up: `Format` says that its repair did not help, and it then changes nothing more."""
    for profile in (IDFIX, DEDICATED):
        rules = {rule.id: rule for rule in profile.catalogue if isinstance(rule, Rule)}
        for fault in check(subject, profile, TENANT):
            for breach in fault.breaches:
                if breach.repaired is None:
                    continue
                again = rules[breach.rule].check(breach.repaired, subject, TENANT)
                assert again is None or breach.rule.endswith("-RFC") or breach.repaired == subject.common_name


@given(value=values, limit=st.integers(0, 20))
def test_cutting_keeps_to_the_limit_and_splits_nothing(value: str, limit: int) -> None:
    cut = utf16_cut(value, limit)
    assert value.startswith(cut)
    assert utf16_length(cut) == len(cut.encode("utf-16-le")) // 2 <= limit or cut == value
    assert longer_than(value, limit) == (len(value.encode("utf-16-le")) // 2 > limit)
    assert utf16_length(value) - utf16_length(cut) <= 1 or len(cut.encode("utf-16-le")) // 2 >= limit - 1
    assert utf16_position(value, len(value)) == utf16_length(value)


_shared = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "mail": st.sampled_from(["a@contoso.com", "A@contoso.com", "b@contoso.com"]),
            "userPrincipalName": st.sampled_from(["a@contoso.com", "b@contoso.com", "c'@contoso.com"]),
            "proxyAddresses": st.sampled_from(["smtp:a@contoso.com", "smtp:b@contoso.com", "sip:c@contoso.com"]),
            "mailNickname": st.sampled_from(["a", "b"]),
        },
    ),
    max_size=6,
)


@given(people=_shared, seed=st.integers())
@settings(max_examples=60, deadline=None)
def test_duplicates_of_entra_do_not_depend_on_the_order_and_are_mutual(
    people: list[dict[str, object]], seed: int
) -> None:
    things = [thing(name=f"P{number}", **person) for number, person in enumerate(people)]  # type: ignore[arg-type]
    shuffled = things[:]
    random.Random(seed).shuffle(shuffled)

    def found(order: list[DirectoryObject]) -> set[tuple[str, str, str, frozenset[str]]]:
        return {
            (fault.dn, fault.attribute, str(fault.value), frozenset(fault.holders))
            for _, _, fault in scanned(ENTRA, *order)
            if fault.holders
        }

    assert found(things) == found(shuffled)
    named = {(dn, holder) for dn, _, _, holders in found(things) for holder in holders}
    assert named == {(holder, dn) for dn, holder in named}


@given(people=_shared)
@settings(max_examples=60, deadline=None)
def test_idfix_lets_exactly_the_first_holder_of_each_value_pass(people: list[dict[str, object]]) -> None:
    things = [thing(name=f"P{number}", **person) for number, person in enumerate(people)]  # type: ignore[arg-type]
    seen: set[tuple[str, str]] = set()
    expected: list[tuple[str, str]] = []
    for subject in things:
        for attribute in ("mail", "mailNickname", "proxyAddresses", "userPrincipalName"):
            for value in subject.attributes.get(attribute, ()):
                repaired = value.replace("'", "") if attribute == "userPrincipalName" else value
                if (attribute, repaired.lower()) in seen:
                    expected.append((subject.dn, attribute))
                seen.add((attribute, repaired.lower()))
    late = [
        (fault.dn, fault.attribute)
        for _, _, fault in scanned(IDFIX, *things)
        if "Duplicate" in fault.errors and (fault.dn, fault.attribute) in expected
    ]
    assert set(late) == set(expected)


def test_the_bundled_top_level_domains_are_a_labels_and_today_s() -> None:
    known = current_top_level_domains()
    assert {"com", "app", "swiss", "gmbh", "xn--p1ai"} <= known
    assert not {"local", "internal", "corp", "lan", "\u0440\u0444"} & known
    assert all(name.isascii() for name in known)


@given(value=values)
@settings(max_examples=200, deadline=None)
def test_a_name_is_valid_exactly_if_no_rule_of_form_objects_to_it(value: str) -> None:
    found = check(thing(userPrincipalName=value), ENTRA, TENANT)
    of_form = {ErrorName.FORMAT, ErrorName.CHARACTER, ErrorName.LOCAL_PART, ErrorName.DOMAIN_PART, ErrorName.LENGTH}
    objections = [error for fault in found for error in fault.errors if error in of_form]
    assert is_valid_sign_in_name(value, TENANT) == (not objections)
