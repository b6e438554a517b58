"""Changes to facts: operations, follow-up reads, large groups, sequence numbers."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from producers.ad.facts import LINKS_PER_FACT, Assembler, FollowUpRead, FoundObject, ReadBelow, ReadWhole
from producers.ad.follow_up import outermost
from producers.ad.ldap.extended_name import ExtendedName
from producers.ad.mapping import Change
from producers.id_set import IdSet
from streams.contracts.facts import Fact, Link, LinkChange, ObjectKind, Operation
from streams.runtime.clock import HybridClock

ID, GROUP, OTHER = (f"6e1a2c90-5b7d-4f38-9c21-0a4be37d1f5{number}" for number in (5, 6, 7))


def assembler(*known: str, containers: tuple[str, ...] = (), elsewhere: bool = False) -> Assembler:
    return Assembler(IdSet(known), IdSet(containers), HybridClock(), lambda _: elsewhere)


def links(count: int) -> list[Link]:
    return [Link(str(uuid.UUID(int=number))) for number in range(count)]


def test_a_whole_object_is_created_once_and_updated_after() -> None:
    maker = assembler()
    first = facts_of(maker.stream(Change(ID, "CN=a", ObjectKind.USER, whole=True)))
    again = facts_of(maker.stream(Change(ID, "CN=a", ObjectKind.USER, whole=True)))
    assert [fact.op for fact in first + again] == [Operation.CREATED, Operation.UPDATED]
    assert first[0].full


def facts_of(outcome: list[Fact] | FollowUpRead) -> list[Fact]:
    assert isinstance(outcome, list)
    return outcome


def test_a_partial_change_of_an_unknown_object_is_a_reason_to_read_it() -> None:
    assert assembler().stream(Change(ID, "CN=a")) == ReadWhole(ID)


def test_a_restored_object_is_read_whole_and_linked_again() -> None:
    maker = assembler(GROUP)
    assert maker.stream(Change(ID, "CN=a", restored=True)) == ReadWhole(ID, restored=True)
    assert not maker.published.discard(ID), "nothing is emitted yet"
    members = [("member", ExtendedName(guid, None, f"CN={name}")) for name, guid in (("g", GROUP), ("unknown", OTHER))]
    back = Change(ID, "CN=a", ObjectKind.USER, attributes={"objectSid": "S-1-5-21-1"})
    first, link = facts_of(maker.found(FoundObject(back, 7, restored=True, linked_from=members)))
    assert (first.op, first.full, first.changed_ms) == (Operation.RESTORED, True, 7) and ID in maker.published
    assert (link.object_id, link.links["member"].added) == (GROUP, [Link(ID, "S-1-5-21-1")])


def test_what_is_below_a_container_that_was_read_is_read_too() -> None:
    maker = assembler(OTHER)
    assert maker.found(FoundObject(Change(ID, "OU=a", ObjectKind.CONTAINER))) == ReadBelow("OU=a")
    assert ID in maker.containers and ID not in maker.published
    [named] = maker.renamed(Change(OTHER, "CN=x,OU=a", ObjectKind.USER))
    assert (named.op, named.full, named.attributes) == (Operation.UPDATED, False, {"distinguishedName": "CN=x,OU=a"})
    assert maker.renamed(Change(GROUP, "CN=y,OU=a", ObjectKind.GROUP)) == [], "nobody was told of it"


def test_a_partial_change_of_a_known_object_is_an_update() -> None:
    [fact] = facts_of(assembler(ID).stream(Change(ID, "CN=a", attributes={"mail": None})))
    assert (fact.op, fact.full, fact.attributes) == (Operation.UPDATED, False, {"mail": None})


def test_containers_are_not_published_and_their_moves_are_noted() -> None:
    maker = assembler()
    created = Change(ID, "OU=a", ObjectKind.CONTAINER, whole=True, moved=True)
    assert maker.stream(created) == [], "what lies below a new container tells its own name"
    assert maker.stream(Change(ID, "OU=b", moved=True)) == ReadBelow("OU=b")
    assert maker.stream(Change(ID, "OU=b")) == []


def test_a_container_seen_first_after_a_rename_is_looked_below() -> None:
    assert assembler().stream(Change(ID, "OU=a", moved=True)) == ReadWhole(ID)


def test_other_classes_are_dropped() -> None:
    assert assembler().stream(Change(ID, "CN=a", ObjectKind.OTHER, whole=True)) == []


def test_deletions_are_told_even_of_objects_nobody_knew() -> None:
    [fact] = facts_of(assembler().stream(Change(ID, "CN=a", deleted=True)))
    assert fact.op is Operation.DELETED


def test_a_deleted_container_is_not_told() -> None:
    maker = assembler(containers=(ID,))
    assert maker.stream(Change(ID, "OU=a", deleted=True)) == []
    assert ID not in maker.containers


def test_an_object_that_moved_to_another_domain_is_not_deleted() -> None:
    assert assembler(ID, elsewhere=True).stream(Change(ID, "CN=a", deleted=True)) == []


def test_a_full_pass_tells_tombstones_of_known_objects_only() -> None:
    maker, seen = assembler(ID), IdSet()
    stranger = str(uuid.uuid4())
    facts = facts_of(maker.snapshot(Change(ID, "CN=a", deleted=True), seen))
    facts += facts_of(maker.snapshot(Change(stranger, "CN=b", deleted=True), seen))
    assert [(fact.op, fact.object_id) for fact in facts] == [(Operation.DELETED, ID)]


def test_the_second_part_of_a_split_object_adds_to_the_first() -> None:
    maker, seen = assembler(), IdSet()
    first = Change(ID, "CN=g", ObjectKind.GROUP, whole=True, links={"member": LinkChange(links(2))})
    second = Change(ID, "CN=g", links={"member": LinkChange(links(4)[2:])})
    facts = facts_of(maker.snapshot(first, seen)) + facts_of(maker.snapshot(second, seen))
    assert [(fact.op, fact.full, fact.links["member"].complete) for fact in facts] == [
        (Operation.READ, True, True),
        (Operation.UPDATED, False, False),
    ]


@given(st.integers(0, 3 * LINKS_PER_FACT), st.integers(0, 3 * LINKS_PER_FACT), st.booleans())
def test_a_large_link_change_is_several_facts_that_say_the_same(added: int, removed: int, complete: bool) -> None:
    pool = links(added + removed)
    change = LinkChange(pool[:added], pool[added:], complete)
    whole = Change(ID, "CN=g", links={"member": change, "manager": LinkChange(pool[:1])})
    facts = facts_of(assembler(ID).stream(whole))
    parts = [fact.links["member"] for fact in facts]
    assert [link for part in parts for link in part.added] == change.added
    assert [link for part in parts for link in part.removed] == change.removed
    assert all(len(part.added) + len(part.removed) <= LINKS_PER_FACT for part in parts)
    assert [part.complete for part in parts[1:]] == [False] * (len(parts) - 1)
    assert parts[0].complete == complete
    assert [fact.seq for fact in facts] == sorted({fact.seq for fact in facts})


def test_searches_below_moved_containers_do_not_overlap() -> None:
    assert outermost(["OU=b,OU=a", "ou=A", "OU=ab", "OU=c,OU=b,OU=A"]) == ["ou=A", "OU=ab"]
