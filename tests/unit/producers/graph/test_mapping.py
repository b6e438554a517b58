"""Graph JSON -> facts: whatever comes, either a right fact or a named refusal."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.graph.collections import (
    BOOLEANS,
    COLLECTIONS,
    CONTACTS,
    GROUPS,
    KEPT_ENTRIES,
    OBJECT_LISTS,
    OBJECTS,
    TEXT_LISTS,
    USERS,
    Collection,
)
from producers.graph.mapping.objects import LINKS_PER_FACT, attributes_of, facts_of_item, names_of, object_id
from streams.contracts.codec import decode, encode
from streams.contracts.errors import InvalidRecordError
from streams.contracts.facts import Fact, FactChunk, Operation, Origin
from streams.contracts.flows import CARRIED_SHORT, EXTENSIONS, READ_BY, VERSION, carried
from streams.runtime.clock import HybridClock

guids = st.uuids().map(str)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


def proper(name: str) -> st.SearchStrategy[Any]:
    """What Graph may send for a property."""
    if name in BOOLEANS:
        return st.none() | st.booleans()
    if name in TEXT_LISTS:
        text = st.text(max_size=5) | st.text(max_size=3).map(lambda end: KEPT_ENTRIES.get(name, "") + end)
        return st.none() | st.lists(text, max_size=3)
    if name in OBJECT_LISTS:
        return st.none() | st.lists(st.dictionaries(st.sampled_from(["category", "value"]), st.text(max_size=5)))
    if name in OBJECTS:
        return st.none() | st.dictionaries(st.sampled_from(EXTENSIONS), st.none() | st.text(max_size=5), max_size=3)
    return st.none() | st.text(max_size=8)


def items(collection: Collection) -> st.SearchStrategy[dict[str, Any]]:
    known = {name: proper(name) for name in collection.properties}
    member = st.fixed_dictionaries({"id": guids}, optional={"@removed": st.just({"reason": "deleted"})})
    links = {f"{link}@delta": st.lists(member, max_size=5) for link in collection.links}
    return st.fixed_dictionaries({"id": guids}, optional={**known, **links})


def mapped(item: Any, collection: Collection = USERS, *, full: bool = False) -> list[Fact]:
    return list(facts_of_item(item, collection, Operation.UPDATED, HybridClock(), 1, full=full))


@pytest.mark.parametrize("collection", COLLECTIONS, ids=lambda collection: collection.name)
@given(data=st.data(), full=st.booleans())
def test_null_false_and_absent_are_three_things(collection: Collection, data: st.DataObject, full: bool) -> None:
    item = data.draw(items(collection))
    fact = mapped(item, collection, full=full)[0]
    for name in collection.properties:
        if names_of(name) != (name,) or name == "businessPhones":
            continue  # see the test of what is nested
        if name not in item:
            assert name not in fact.attributes
        elif name in CARRIED_SHORT:
            kept = carried(item[name] or "") or None
            assert fact.attributes.get(name, None if full else "lacks") == kept
        elif item[name] is None:
            assert name not in fact.attributes if full else fact.attributes[name] is None
        else:
            kept = KEPT_ENTRIES.get(name)
            said = item[name] if kept is None else [entry for entry in item[name] if entry.startswith(kept)]
            assert fact.attributes[name] == said
    assert fact.full is full and fact.changed_ms is None and fact.kind is collection.kind


def test_what_graph_nests_stands_beside_the_others_and_only_what_is_said_is_news() -> None:
    identity = {"id": "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55"}
    said = {
        "businessPhones": [" +43 1 2345 ", "+43 1 9"],
        "onPremisesExtensionAttributes": {"extensionAttribute1": "  Board  member", "extensionAttribute2": None},
        "streetAddress": "Obere Augartenstrasse 123, Hof 4, Stiege 5, Tuer 6",
    }
    assert attributes_of(identity | said, USERS, full=True) == {
        "businessPhones": "+43 1 2345",
        "extensionAttribute1": "Board member",
        "streetAddress": "Obere Augartenst… #8c0ec4a8c4f6",
        READ_BY: VERSION,
    }
    partial = attributes_of(identity | said, USERS, full=False)
    assert [partial[name] for name in ("extensionAttribute1", "extensionAttribute2", "extensionAttribute15")] == [
        "Board member", None, None,
    ]  # fmt: skip
    assert attributes_of(identity | {"businessPhones": []}, USERS, full=False) == {"businessPhones": None}
    contact = {
        "addresses": [{"city": "Graz", "countryOrRegion": "Austria", "officeLocation": None, "street": "Hof 4"}],
        "phones": [{"type": "mobile", "number": "+43 664 1"}, {"type": "business", "number": None}],
    }
    assert attributes_of(identity | contact, CONTACTS, full=True) == {
        "city": "Graz",
        "country": "Austria",
        "streetAddress": "Hof 4",
        "mobilePhone": "+43 664 1",
        READ_BY: VERSION,
    }
    with pytest.raises(InvalidRecordError, match="a int where"):
        attributes_of(identity | {"onPremisesExtensionAttributes": {"extensionAttribute1": 1}}, USERS, full=True)


@given(item=items(GROUPS), extra=st.dictionaries(st.text(min_size=1).map(lambda key: f"x_{key}"), json_values))
def test_unknown_keys_change_nothing(item: dict[str, Any], extra: dict[str, Any]) -> None:
    def said(facts: list[Fact]) -> list[Any]:
        return [(fact.object_id, fact.attributes, fact.links) for fact in facts]

    assert said(mapped({**extra, **item}, GROUPS)) == said(mapped(item, GROUPS))


@given(item=st.dictionaries(st.sampled_from(["id", "@removed", "members@delta", *GROUPS.properties]), json_values))
def test_garbage_is_refused_by_name_or_mapped_to_what_the_codec_takes(item: dict[str, Any]) -> None:
    try:
        facts = mapped(item, GROUPS)
    except InvalidRecordError as error:
        assert error.reason in {"no_id", "wrong_type"}
        return
    chunk = FactChunk(origin=Origin(name="entra/t", side="entra", tenant="t"), facts=facts)
    assert decode(encode(chunk), FactChunk) == chunk


@given(
    members=st.lists(st.tuples(guids, st.booleans()), max_size=30),
    before=st.sets(guids, max_size=5),
    per_fact=st.integers(1, 7),
    complete=st.booleans(),
)
def test_members_in_parts_come_to_the_same_group(
    members: list[tuple[str, bool]], before: set[str], per_fact: int, complete: bool
) -> None:
    entries = [{"id": name, **({} if joins else {"@removed": {"reason": "deleted"}})} for name, joins in members]
    item = {"id": "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55", "members@delta": entries}
    expected = set() if complete else set(before)
    for name, joins in members:
        (expected.add if joins else expected.discard)(name)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("producers.graph.mapping.objects.LINKS_PER_FACT", per_fact)
        facts = mapped(item, GROUPS, full=complete)
    found = set(before)
    for fact in sorted(facts, key=lambda fact: fact.seq):
        for change in fact.links.values():
            found = set() if change.complete else found
            found = (found | {link.id for link in change.added}) - {link.id for link in change.removed}
    assert found == expected
    assert [fact.full for fact in facts] == [complete] + [False] * (len(facts) - 1)


def test_a_group_without_members_in_a_full_pass_has_none() -> None:
    (fact,) = mapped({"id": "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55"}, GROUPS, full=True)
    assert fact.links["members"].complete and fact.links["members"].added == []


def test_no_news_of_members_in_a_partial_item_says_nothing_of_them() -> None:
    (fact,) = mapped({"id": "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55", "displayName": "x"}, GROUPS)
    assert fact.links == {}


@pytest.mark.parametrize("reason", ["changed", "deleted"])
def test_removed_items_are_deletions_that_keep_their_reason(reason: str) -> None:
    (fact,) = mapped({"id": "6E1A2C90-5b7d-4f38-9c21-0a4be37d1f55", "@removed": {"reason": reason}})
    assert fact.op is Operation.DELETED and fact.attributes == {"@removed": reason}
    assert fact.object_id == "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55"


def test_annotations_and_long_texts_of_errors_are_cut() -> None:
    error = {"@odata.type": "#microsoft.graph.serviceProvisioningXmlError", "errorDetail": "x" * 9000, "more": 1}
    item = {"id": "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55", "serviceProvisioningErrors": [error]}
    (kept,) = attributes_of(item, USERS, full=False)["serviceProvisioningErrors"]
    assert kept == {"errorDetail": "x" * 2000, "more": 1}


@pytest.mark.parametrize("item", [None, [], "x", {}, {"id": 5}, {"id": "x"}, {"id": "{6e1a2c90}"}])
def test_an_item_without_a_guid_is_refused(item: Any) -> None:
    with pytest.raises(InvalidRecordError) as refusal:
        object_id(item)
    assert refusal.value.reason == "no_id"


def test_the_limit_of_links_keeps_a_fact_far_below_a_record() -> None:
    entries = [{"id": f"6e1a2c90-5b7d-4f38-9c21-{number:012x}"} for number in range(LINKS_PER_FACT)]
    (fact,) = mapped({"id": "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55", "members@delta": entries}, GROUPS)
    assert len(encode(fact)) < 100_000
