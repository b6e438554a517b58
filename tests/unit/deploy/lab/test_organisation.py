"""The made-up organisation: the same for the same seed, as large as asked, and in order before any story begins."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.lab.directory.store import DirectoryStore
from deploy.lab.hybrid import build
from deploy.lab.organisation import Organisation, people, populate


def population(seed: int) -> list[tuple[str, list[str]]]:
    store = DirectoryStore("corp.contoso.local", seed=seed)
    populate(store, Organisation(120, seed=seed))
    return [(found.dn, found.all("proxyAddresses")) for found in store.objects()]


def test_the_same_seed_is_the_same_organisation() -> None:
    assert population(5) == population(5)
    assert population(5) != population(6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 3000), st.booleans())
def test_no_two_people_share_an_alias(seed: int, count: int, initials: bool) -> None:
    aliases = [person.alias for person in people(Organisation(count, seed=seed, initials=initials))]
    assert len(set(aliases)) == len(aliases) == count
    assert all(alias.isascii() for alias in aliases)


def test_two_forests_share_neither_addresses_nor_accounts_and_everything_is_in_sync() -> None:
    lab = build(800)
    for attribute in ("userPrincipalName", "mail", "mailNickname", "sAMAccountName", "proxyAddresses"):
        counted = Counter(
            value.lower()
            for forest in lab.forests
            for found in forest.store.objects(below=forest.layout.company_ou)
            if found.object_class != "computer"
            for value in found.all(attribute)
        )
        assert [value for value, count in counted.items() if count > 1] == [], attribute
    report = lab.engine.cycle(full=True)
    assert (report.added, report.updated, report.deleted, report.errors) == (0, 0, 0, [])


@pytest.mark.parametrize("objects", [500, 4000])
def test_it_is_about_as_large_as_asked(objects: int) -> None:
    lab = build(objects)
    found = sum(len(forest.store) for forest in lab.forests)
    assert 0.8 * objects < found < 1.4 * objects


def test_what_an_object_says_in_ad_stands_in_the_cloud() -> None:
    lab = build(100)
    forest = lab.forests[0]
    found = forest.store.find_account(forest.layout.accounts[0])
    assert found is not None and found.first("l")
    link = lab.engine.space.get(str(found.guid))
    assert link is not None and link.cloud_id is not None
    shown = lab.tenant.get("user", link.cloud_id)
    assert shown is not None
    flows = {"l": "city", "title": "jobTitle", "department": "department", "company": "companyName", "sn": "surname"}
    assert {name: found.first(name) for name in flows} == {name: shown[property_] for name, property_ in flows.items()}
