"""What happens to one object in a directory, and the facts that come of it."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import pytest

from streams.contracts.facts import Fact, ObjectKind, Operation
from streams.runtime.clock import now_ms
from tests.integration.ad.conftest import Reading
from tests.support.samba import SambaDC

pytestmark = pytest.mark.samba

Make = Callable[..., Reading]


def guid(dc: SambaDC, dn: str) -> str:
    return str(uuid.UUID(bytes_le=dc.guid(dn)))


def only(facts: list[Fact]) -> Fact:
    assert len(facts) == 1, facts
    return facts[0]


def test_the_snapshot_tells_every_object_once_and_whole(directory: SambaDC, reading: Make) -> None:
    dn = directory.add_user("snap.user", mail="snap@contoso.com", proxyAddresses=["SMTP:snap@contoso.com"])
    directory.add(f"CN=snap.contact,CN=Users,{directory.base_dn}", "contact", {"mail": "c@contoso.com"})
    directory.add(
        f"CN=snap.pc,CN=Users,{directory.base_dn}",
        "computer",
        {"sAMAccountName": "snap.pc$", "userAccountControl": "4096"},
    )
    facts = reading(directory).drain()
    assert len({fact.object_id for fact in facts}) == len(facts)
    assert all(fact.op is Operation.READ and fact.full for fact in facts)
    by_dn = {fact.attributes["distinguishedName"]: fact for fact in facts}
    user = by_dn[dn]
    assert user.object_id == guid(directory, dn)
    assert user.kind is ObjectKind.USER
    assert user.attributes["mail"] == "snap@contoso.com"
    assert user.attributes["proxyAddresses"] == ["SMTP:snap@contoso.com"]
    assert user.attributes["objectSid"].startswith("S-1-5-21-")
    assert isinstance(user.attributes["userAccountControl"], int)
    assert by_dn[f"CN=snap.contact,CN=Users,{directory.base_dn}"].kind is ObjectKind.CONTACT
    assert by_dn[f"CN=snap.pc,CN=Users,{directory.base_dn}"].kind is ObjectKind.DEVICE
    assert {fact.kind for fact in facts} <= {
        ObjectKind.USER,
        ObjectKind.GROUP,
        ObjectKind.CONTACT,
        ObjectKind.DEVICE,
    }


def test_nothing_new_is_no_fact(directory: SambaDC, reading: Make) -> None:
    source = reading(directory)
    source.drain()
    assert source.drain() == []


def test_a_creation_is_whole_and_timed(directory: SambaDC, reading: Make) -> None:
    source = reading(directory)
    source.drain()
    before_ms = now_ms()
    dn = directory.add_user("new.user", mail="new@contoso.com")
    fact = only(source.drain())
    assert (fact.op, fact.kind, fact.full) == (Operation.CREATED, ObjectKind.USER, True)
    assert fact.attributes["distinguishedName"] == dn
    assert fact.changed_ms is not None
    assert before_ms // 1000 * 1000 <= fact.changed_ms <= now_ms()


def test_an_update_holds_what_changed_and_none_for_what_was_removed(directory: SambaDC, reading: Make) -> None:
    dn = directory.add_user("upd.user", mail="u@contoso.com", displayName="U", proxyAddresses=["smtp:a@x", "smtp:b@x"])
    source = reading(directory)
    source.drain()
    directory.modify(dn, {"mail": None, "proxyAddresses": ["SMTP:c@x"]})
    fact = only(source.drain())
    assert (fact.op, fact.full) == (Operation.UPDATED, False)
    assert fact.attributes == {"mail": None, "proxyAddresses": ["SMTP:c@x"], "distinguishedName": dn}


def test_changes_of_attributes_nobody_watches_are_silent(directory: SambaDC, reading: Make) -> None:
    dn = directory.add_user("quiet.user")
    source = reading(directory)
    source.drain()
    directory.modify(dn, {"division": "12"})
    assert source.drain() == []


def test_the_source_anchor_is_base64_of_its_bytes(directory: SambaDC, reading: Make) -> None:
    dn = directory.add_user("anchor.user")
    source = reading(directory)
    source.drain()
    directory.modify(dn, {"mS-DS-ConsistencyGuid": b"0123456789abcdef"})
    assert only(source.drain()).attributes["mS-DS-ConsistencyGuid"] == "MDEyMzQ1Njc4OWFiY2RlZg=="


def test_a_move_tells_the_new_name(directory: SambaDC, reading: Make) -> None:
    dn = directory.add_user("move.user")
    directory.add(f"OU=MoveTarget,{directory.base_dn}", "organizationalUnit")
    source = reading(directory)
    source.drain()
    directory.rename(dn, "CN=moved.user", f"OU=MoveTarget,{directory.base_dn}")
    fact = only(source.drain())
    assert fact.op is Operation.UPDATED
    assert fact.attributes["distinguishedName"] == f"CN=moved.user,OU=MoveTarget,{directory.base_dn}"
    assert fact.attributes["name"] == "moved.user"


def test_a_renamed_container_tells_every_descendant_s_new_name(directory: SambaDC, reading: Make) -> None:
    top = f"OU=Before,{directory.base_dn}"
    directory.add(top, "organizationalUnit")
    directory.add(f"OU=Inner,{top}", "organizationalUnit")
    expected = set()
    for number in range(3):
        directory.add(f"CN=in{number},OU=Inner,{top}", "user", {"sAMAccountName": f"in{number}"})
        expected.add(f"CN=in{number},OU=Inner,OU=After,{directory.base_dn}")
    source = reading(directory)
    source.drain()
    directory.rename(top, "OU=After")
    facts = source.drain()
    assert {fact.attributes["distinguishedName"] for fact in facts} == expected
    assert all(fact.op is Operation.UPDATED and fact.kind is ObjectKind.USER for fact in facts)


def test_a_container_renamed_before_it_was_known_is_found_out(directory: SambaDC, reading: Make) -> None:
    top = f"OU=Early,{directory.base_dn}"
    source = reading(directory)
    source.drain()
    directory.add(top, "organizationalUnit")
    directory.add(f"CN=early,{top}", "user", {"sAMAccountName": "early"})
    directory.rename(top, "OU=Late")
    facts = source.drain()
    assert facts[-1].attributes["distinguishedName"] == f"CN=early,OU=Late,{directory.base_dn}"


def test_links_come_as_differences(directory: SambaDC, reading: Make) -> None:
    one, two = directory.add_user("link.one"), directory.add_user("link.two")
    group = f"CN=link.group,CN=Users,{directory.base_dn}"
    directory.add(group, "group", {"sAMAccountName": "link.group", "member": [one]})
    source = reading(directory)
    snapshot = {fact.attributes["distinguishedName"]: fact for fact in source.drain()}
    assert [link.id for link in snapshot[group].links["member"].added] == [guid(directory, one)]
    assert snapshot[group].links["member"].complete

    directory.add_values(group, "member", two)
    change = only(source.drain()).links["member"]
    assert ([link.id for link in change.added], change.removed, change.complete) == ([guid(directory, two)], [], False)
    assert change.added[0].sid == snapshot[two].attributes["objectSid"]

    directory.remove_values(group, "member", one)
    change = only(source.drain()).links["member"]
    assert ([link.id for link in change.removed], change.added) == ([guid(directory, one)], [])


def test_a_replaced_manager_is_one_link_removed_and_one_added(directory: SambaDC, reading: Make) -> None:
    old, new = directory.add_user("boss.old"), directory.add_user("boss.new")
    dn = directory.add_user("boss.report", manager=old)
    source = reading(directory)
    source.drain()
    directory.modify(dn, {"manager": new})
    change = only(source.drain()).links["manager"]
    assert [link.id for link in change.added] == [guid(directory, new)]
    assert [link.id for link in change.removed] == [guid(directory, old)]
    directory.modify(dn, {"manager": None})
    change = only(source.drain()).links["manager"]
    assert ([link.id for link in change.removed], change.added) == ([guid(directory, new)], [])


def test_a_deletion_is_told_with_the_stripped_attributes_as_none(directory: SambaDC, reading: Make) -> None:
    dn = directory.add_user("del.user", mail="del@contoso.com", proxyAddresses=["smtp:del@contoso.com"])
    object_id = guid(directory, dn)
    source = reading(directory)
    source.drain()
    directory.delete(dn)
    fact = only(source.drain())
    assert (fact.op, fact.object_id) == (Operation.DELETED, object_id)
    assert fact.attributes["mail"] is None
    assert fact.attributes["proxyAddresses"] is None
    assert fact.attributes["isDeleted"] is True
    assert fact.attributes["lastKnownParent"] == dn.partition(",")[2]


def test_created_and_deleted_between_two_reads_is_one_deletion(directory: SambaDC, reading: Make) -> None:
    source = reading(directory)
    source.drain()
    dn = directory.add_user("brief.user")
    object_id = guid(directory, dn)
    directory.delete(dn)
    assert [(fact.op, fact.object_id) for fact in source.drain()] == [(Operation.DELETED, object_id)]


def test_a_restored_object_is_told_whole(directory: SambaDC, reading: Make) -> None:
    dn = directory.add_user("undead.user", mail="undead@contoso.com")
    raw = directory.guid(dn)
    source = reading(directory)
    source.drain()
    directory.delete(dn)
    source.drain()
    directory.restore(raw, dn)
    fact = only(source.drain())
    assert (fact.op, fact.full, fact.kind) == (Operation.RESTORED, True, ObjectKind.USER)
    assert fact.object_id == str(uuid.UUID(bytes_le=raw))
    assert fact.attributes["distinguishedName"] == dn
    assert "isDeleted" not in fact.attributes


def test_waiting_ends_with_a_change_and_with_wake(directory: SambaDC, reading: Make) -> None:
    source = reading(directory)
    source.drain()
    directory.add_user("bell.user")
    source.source.wait(60)
    assert only(source.drain()).op is Operation.CREATED
    source.source.wake()
    source.source.wait(60)
    assert source.drain() == []


def test_a_link_made_after_a_restoration_survives_it(directory: SambaDC, reading: Make) -> None:
    """Both come in one response; a restoration ends the links before it, so this one is told after it."""
    dn = directory.add_user("relinked.user")
    raw = directory.guid(dn)
    group = f"CN=relinked.group,CN=Users,{directory.base_dn}"
    directory.add(group, "group", {"sAMAccountName": "relinked.group"})
    source = reading(directory)
    source.drain()
    directory.delete(dn)
    directory.restore(raw, dn)
    directory.add_values(group, "member", dn)
    facts = source.drain()
    restored = next(fact for fact in facts if fact.op is Operation.RESTORED)
    linked = [fact for fact in facts if fact.links][-1]
    assert restored.seq < linked.seq
    assert [link.id for link in linked.links["member"].added] == [restored.object_id]
