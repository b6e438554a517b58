"""DirSync: what a change looks like to somebody who follows the directory."""

from __future__ import annotations

import uuid
from collections.abc import Callable

import ldap3
import pytest

from deploy.lab.directory import controls
from tests.support.directory import ANCESTORS_FIRST, INCREMENTAL_VALUES, OBJECT_SECURITY, Change, Directory

WATCHED = (
    "name", "parentGUID", "mail", "department", "proxyAddresses", "member", "manager", "isDeleted",
    "userAccountControl", "sAMAccountName", "pwdLastSet", "lastKnownParent", "isRecycled", "objectClass",
)  # fmt: skip


@pytest.fixture(scope="module")
def unit(directory: Directory) -> str:
    return directory.unit("dirsync")


class Follower:
    """Follows a directory from now on."""

    def __init__(
        self, directory: Directory, attributes: tuple[str, ...] = WATCHED, flags: int = INCREMENTAL_VALUES
    ) -> None:
        self._directory, self._attributes, self._flags = directory, attributes, flags
        self.cookie = directory.cookie()

    def all(self) -> list[Change]:
        found, self.cookie = self._directory.sync(self.cookie, self._attributes, flags=self._flags)
        return found

    def of(self, guid: bytes) -> list[Change]:
        return [change for change in self.all() if change.guid == uuid.UUID(bytes_le=guid)]

    def one(self, guid: bytes) -> Change:
        (change,) = self.of(guid)
        return change


def _user(directory: Directory, unit: str, name: str, **attributes: object) -> tuple[str, bytes]:
    dn = f"CN={name},{unit}"
    return dn, directory.dc.add(dn, "user", {"sAMAccountName": f"d-{name}", **attributes})  # type: ignore[dict-item]


def test_a_quiet_directory_says_nothing(directory: Directory) -> None:
    follower = Follower(directory)
    assert follower.all() == []
    assert follower.all() == []


def test_an_addition_brings_every_asked_attribute_that_is_set(directory: Directory, unit: str) -> None:
    follower = Follower(directory)
    dn, guid = _user(
        directory, unit, "added", mail="added@contoso.com", proxyAddresses=["SMTP:a@x.com", "smtp:b@x.com"]
    )
    change = follower.one(guid)
    assert change.dn == dn
    assert change.text("mail") == ["added@contoso.com"]
    assert sorted(change.text("proxyAddresses")) == ["SMTP:a@x.com", "smtp:b@x.com"]
    assert change.text("name") == ["added"]
    assert change.attributes["parentGUID"] == [directory.dc.guid(unit)]
    assert change.text("objectClass") == ["top", "person", "organizationalPerson", "user"]
    assert "objectGUID" in change.attributes and "instanceType" in change.attributes
    assert "department" not in change.attributes


def test_star_brings_what_is_replicated_and_nothing_local(directory: Directory, unit: str) -> None:
    follower = Follower(directory, ("*",))
    _, guid = _user(directory, unit, "starred")
    shown = set(follower.one(guid).attributes)
    assert {"name", "objectSid", "whenCreated", "parentGUID", "objectClass", "sAMAccountName"} <= shown
    assert not {"cn", "uSNChanged", "uSNCreated", "whenChanged", "memberOf", "distinguishedName"} & shown


def test_a_change_brings_only_the_changed_attribute_whole(directory: Directory, unit: str) -> None:
    dn, guid = _user(
        directory, unit, "changed", mail="old@contoso.com", proxyAddresses=["smtp:1@x.com", "smtp:2@x.com"]
    )
    follower = Follower(directory)
    directory.dc.add_values(dn, "proxyAddresses", "smtp:3@x.com")
    change = follower.one(guid)
    assert set(change.attributes) == {"proxyAddresses", "objectGUID", "instanceType"}
    assert sorted(change.text("proxyAddresses")) == ["smtp:1@x.com", "smtp:2@x.com", "smtp:3@x.com"]


def test_a_removed_attribute_comes_without_values(directory: Directory, unit: str) -> None:
    dn, guid = _user(directory, unit, "emptied", mail="x@contoso.com", department="IT")
    follower = Follower(directory)
    directory.dc.modify(dn, {"mail": None})
    change = follower.one(guid)
    assert change.attributes["mail"] == []
    assert "department" not in change.attributes


def test_a_change_nobody_asked_about_is_silent(directory: Directory, unit: str) -> None:
    dn, guid = _user(directory, unit, "silent")
    follower = Follower(directory, ("mail",))
    directory.dc.modify(dn, {"department": "IT"})
    assert follower.of(guid) == []


def test_there_and_back_again_is_one_change_with_the_old_value(directory: Directory, unit: str) -> None:
    dn, guid = _user(directory, unit, "back", department="A")
    follower = Follower(directory)
    directory.dc.modify(dn, {"department": "B"})
    directory.dc.modify(dn, {"department": "A"})
    assert follower.one(guid).text("department") == ["A"]


def test_a_rename_and_a_move_bring_name_and_parent(directory: Directory, unit: str) -> None:
    dn, guid = _user(directory, unit, "renamed")
    directory.dc.add(f"OU=target,{unit}", "organizationalUnit")
    follower = Follower(directory)
    directory.dc.rename(dn, "CN=renamed2")
    change = follower.one(guid)
    assert change.dn == f"CN=renamed2,{unit}"
    assert change.text("name") == ["renamed2"]
    assert change.attributes["parentGUID"] == [directory.dc.guid(unit)]
    directory.dc.rename(change.dn, "CN=renamed2", f"OU=target,{unit}")
    change = follower.one(guid)
    assert change.dn == f"CN=renamed2,OU=target,{unit}"
    assert change.text("name") == ["renamed2"]
    assert change.attributes["parentGUID"] == [directory.dc.guid(f"OU=target,{unit}")]


def test_the_rename_of_a_unit_is_silent_about_its_children(directory: Directory, unit: str) -> None:
    directory.dc.add(f"OU=before,{unit}", "organizationalUnit")
    _, child = _user(directory, f"OU=before,{unit}", "child")
    follower = Follower(directory)
    directory.dc.rename(f"OU=before,{unit}", "OU=after")
    changes = follower.all()
    assert [change.dn for change in changes] == [f"OU=after,{unit}"]
    directory.dc.modify(f"CN=child,OU=after,{unit}", {"department": "IT"})
    assert follower.one(child).dn == f"CN=child,OU=after,{unit}"


def test_link_values_come_one_by_one_under_the_flag(directory: Directory, unit: str) -> None:
    dc = directory.dc
    members = [_user(directory, unit, f"link{number}")[0] for number in range(3)]
    group = f"CN=d-group,{unit}"
    guid = dc.add(group, "group", {"sAMAccountName": "d-group", "member": members[:2]})
    follower = Follower(directory)
    dc.add_values(group, "member", members[2])
    assert _links(follower.one(guid)) == {"member;range=1-1": {members[2]}}
    dc.remove_values(group, "member", members[0])
    assert _links(follower.one(guid)) == {"member;range=0-0": {members[0]}}
    dc.modify(group, {"member": [members[0]]})
    assert _links(follower.one(guid)) == {
        "member;range=1-1": {members[0]},
        "member;range=0-0": {members[1], members[2]},
    }


def test_a_link_added_and_removed_again_leaves_the_net_state(directory: Directory, unit: str) -> None:
    dc = directory.dc
    member, _ = _user(directory, unit, "brief")
    group = f"CN=d-brief,{unit}"
    guid = dc.add(group, "group", {"sAMAccountName": "d-brief-group"})
    follower = Follower(directory)
    dc.add_values(group, "member", member)
    dc.remove_values(group, "member", member)
    assert all("range=1-1" not in name for change in follower.of(guid) for name in change.attributes)
    dc.add_values(group, "member", member)
    assert _links(follower.one(guid)) == {"member;range=1-1": {member}}


def test_a_single_valued_link_comes_as_values_too(directory: Directory, unit: str) -> None:
    dc = directory.dc
    boss, _ = _user(directory, unit, "boss")
    dn, guid = _user(directory, unit, "report")
    follower = Follower(directory)
    dc.modify(dn, {"manager": boss})
    assert _links(follower.one(guid)) == {"manager;range=1-1": {boss}}
    dc.modify(dn, {"manager": None})
    assert _links(follower.one(guid)) == {"manager;range=0-0": {boss}}


def test_without_the_flag_a_link_comes_whole(directory: Directory, unit: str) -> None:
    dc = directory.dc
    members = [_user(directory, unit, f"whole{number}")[0] for number in range(3)]
    group = f"CN=d-whole,{unit}"
    guid = dc.add(group, "group", {"sAMAccountName": "d-whole", "member": members[:2]})
    follower = Follower(directory, flags=0)
    dc.add_values(group, "member", members[2])
    assert _links(follower.one(guid)) == {"member": set(members)}


def test_a_deletion_comes_with_what_it_stripped(directory: Directory, unit: str) -> None:
    dn, guid = _user(directory, unit, "deleted", mail="deleted@contoso.com", department="IT")
    follower = Follower(directory)
    directory.dc.delete(dn)
    change = follower.one(guid)
    assert change.dn.startswith("CN=deleted\\0ADEL:")
    assert change.attributes["isDeleted"] == [b"TRUE"]
    assert change.attributes["isRecycled"] == [b"TRUE"]
    assert [value.split(";")[-1] for value in change.text("lastKnownParent")] == [unit]
    assert change.attributes["mail"] == [] == change.attributes["department"]
    assert not {"sAMAccountName", "userAccountControl", "objectClass"} & set(change.attributes)
    assert change.text("name")[0].startswith("deleted\nDEL:")


def test_something_added_and_deleted_between_two_polls_is_a_tombstone(directory: Directory, unit: str) -> None:
    follower = Follower(directory)
    dn, guid = _user(directory, unit, "mayfly")
    directory.dc.delete(dn)
    change = follower.one(guid)
    assert change.attributes["isDeleted"] == [b"TRUE"]
    assert change.text("sAMAccountName") == ["d-mayfly"]


def test_the_deletion_of_a_member_is_silent_about_the_group(directory: Directory, unit: str) -> None:
    dc = directory.dc
    dn, guid = _user(directory, unit, "leaver")
    group = dc.add(f"CN=d-left,{unit}", "group", {"sAMAccountName": "d-left", "member": [dn]})
    follower = Follower(directory)
    dc.delete(dn)
    found = {change.guid for change in follower.all()}
    assert uuid.UUID(bytes_le=guid) in found
    assert uuid.UUID(bytes_le=group) not in found


def test_a_restore_takes_the_deletion_back(directory: Directory, unit: str) -> None:
    dn, guid = _user(directory, unit, "restored", mail="restored@contoso.com")
    directory.dc.delete(dn)
    follower = Follower(directory)
    directory.dc.restore(guid, dn)
    change = follower.one(guid)
    assert change.dn == dn
    assert change.attributes["isDeleted"] == [] == change.attributes["isRecycled"]
    assert change.text("name") == ["restored"]
    assert change.attributes["parentGUID"] == [directory.dc.guid(unit)]
    assert not change.attributes.get("mail")


def test_a_new_password_shows_as_its_date(directory: Directory, unit: str) -> None:
    dn, guid = _user(directory, unit, "password")
    follower = Follower(directory)
    directory.dc.set_password(dn, "Brand-new1")
    assert int(follower.one(guid).text("pwdLastSet")[0]) > 0


def test_the_filter_sees_the_object_as_it_is_now(directory: Directory, unit: str) -> None:
    dn, guid = _user(directory, unit, "filtered", department="in")
    cookie = directory.cookie()
    directory.dc.modify(dn, {"department": "out"})
    wanted = uuid.UUID(bytes_le=guid)
    assert wanted not in directory.changes(cookie, ["department"], filter_text="(department=in)")
    assert wanted in directory.changes(cookie, ["department"], filter_text="(department=out)")
    directory.dc.delete(dn)
    assert wanted not in directory.changes(cookie, ["*"], filter_text="(objectCategory=person)")
    assert wanted in directory.changes(cookie, ["*"], filter_text="(objectClass=user)")


def test_only_a_naming_context_can_be_followed(directory: Directory, unit: str) -> None:
    assert directory.page(base=unit).code == 50
    assert directory.page(base=unit, flags=OBJECT_SECURITY).code == 53
    assert directory.page(base=f"CN=Configuration,{directory.base_dn}").code == 0


def test_each_naming_context_is_followed_by_itself(directory: Directory) -> None:
    cookie = directory.cookie()
    dn = f"CN=d-service,CN=Services,CN=Configuration,{directory.base_dn}"
    guid = uuid.UUID(bytes_le=directory.dc.add(dn, "container"))
    assert guid not in directory.changes(cookie)
    assert guid in directory.changes(b"", base=f"CN=Configuration,{directory.base_dn}")


def test_a_damaged_cookie_is_refused(directory: Directory) -> None:
    good = directory.cookie()
    for damaged in (b"junk", good[:40], good[:-3]):
        assert directory.page(damaged).code == 12


def test_a_cookie_of_an_unknown_controller_starts_all_over(directory: Directory) -> None:
    good = directory.cookie()
    own = good[52:68]
    stranger = good.replace(own, bytes(16))
    assert len(directory.sync(stranger, ["name"])[0]) > 20
    assert directory.sync(good, ["name"])[0] == []


def test_another_controllers_cookie_goes_on_where_its_vector_says(directory: Directory, unit: str) -> None:
    good = directory.cookie()
    _, guid = _user(directory, unit, "vector")
    portable = good[:52] + bytes(16) + good[68:]
    assert [change.guid.bytes_le for change in directory.sync(portable, ["name"])[0]] == [guid]


def test_a_cookie_ahead_of_the_directory_loses_silently(directory: Directory, unit: str) -> None:
    good = directory.cookie()
    ahead = (1 << 40).to_bytes(8, "little")
    _user(directory, unit, "lost")
    changes, cookie = directory.sync(good[:28] + ahead + good[36:44] + ahead + good[52:], ["name"])
    assert changes == []
    assert int.from_bytes(cookie[28:36], "little") < 1 << 40


def test_an_ordinary_user_needs_the_object_security_flag(directory: Directory, unit: str) -> None:
    dc = directory.dc
    dn, guid = _user(directory, unit, "ordinary", userPrincipalName=f"d-ordinary@{dc.realm}")
    dc.set_password(dn, "Ordinary-1")
    dc.enable(dn)
    connection = directory.connect(f"d-ordinary@{dc.realm}", "Ordinary-1")
    assert directory.page(connection=connection).code == 50
    found, _ = directory.sync(connection=connection, flags=OBJECT_SECURITY | INCREMENTAL_VALUES, attributes=["name"])
    assert uuid.UUID(bytes_le=guid) in {change.guid for change in found}


def test_the_object_security_flag_hides_deletions_from_an_ordinary_user(directory: Directory, unit: str) -> None:
    dc = directory.dc
    dn, _ = _user(directory, unit, "blind", userPrincipalName=f"d-blind@{dc.realm}")
    dc.set_password(dn, "Blind-user1")
    dc.enable(dn)
    gone, guid = _user(directory, unit, "unseen")
    cookie = directory.cookie()
    dc.delete(gone)
    connection = directory.connect(f"d-blind@{dc.realm}", "Blind-user1")
    assert uuid.UUID(bytes_le=guid) not in directory.changes(cookie, connection=connection, flags=OBJECT_SECURITY)
    assert uuid.UUID(bytes_le=guid) in directory.changes(cookie)


def test_the_right_to_replicate_is_enough_to_see_deletions(
    directory: Directory, unit: str, samba_differs: Callable[[str], None]
) -> None:
    connection = directory.connect(*directory.replicator())
    gone, guid = _user(directory, unit, "replicated")
    changes, cookie = directory.sync(connection=connection, attributes=["name"])
    assert uuid.UUID(bytes_le=guid) in {change.guid for change in changes}
    directory.dc.delete(gone)
    samba_differs("Samba 4.17 hides tombstones from an account with the replication right alone")
    found = {change.guid for change in directory.sync(cookie, ["isDeleted"], connection=connection)[0]}
    assert uuid.UUID(bytes_le=guid) in found


def test_ancestors_come_first_under_the_flag(
    directory: Directory, unit: str, samba_differs: Callable[[str], None]
) -> None:
    samba_differs("Samba 4.17 ignores ANCESTORS_FIRST and returns objects in no order of ancestry")
    dc = directory.dc
    tops = [f"OU=top{number},{unit}" for number in range(6)]  # several: by chance alone one may come first
    for top in tops:
        dc.add(top, "organizationalUnit")
        for number in range(6):
            _user(directory, top, f"{top[3:7]}-below{number}")
    cookie = directory.cookie()
    for top in tops:
        for number in range(6):
            dc.modify(f"CN={top[3:7]}-below{number},{top}", {"department": "IT"})
        dc.modify(top, {"description": "changed last"})
    order = [change.dn for change in directory.sync(cookie, ["*"], flags=ANCESTORS_FIRST)[0]]
    assert sorted(order) == sorted(set(order))
    for top in tops:
        assert order.index(top) == min(place for place, dn in enumerate(order) if dn.endswith(top))
    assert len(order) == 6 + 36


def test_without_the_flag_objects_come_in_the_order_of_their_last_change(
    directory: Directory, unit: str, samba_differs: Callable[[str], None]
) -> None:
    samba_differs("Samba 4.17 does not order by USN")
    names = [_user(directory, unit, f"order{number}")[0] for number in range(8)]
    cookie = directory.cookie()
    for dn in reversed(names):
        directory.dc.modify(dn, {"department": "IT"})
    assert [change.dn for change in directory.sync(cookie, ["department"])[0]] == names[::-1]


def test_a_usn_poll_sees_the_same_objects(directory: Directory, unit: str) -> None:
    connection = directory.dc.connection
    connection.search("", "(objectClass=*)", ldap3.BASE, attributes=["highestCommittedUSN"])
    bound = int(connection.response[0]["raw_attributes"]["highestCommittedUSN"][0]) + 1
    dn, _ = _user(directory, unit, "polled")
    gone, _ = _user(directory, unit, "polled-gone")
    directory.dc.delete(gone)
    shown = (controls.SHOW_DELETED, True, None)
    connection.search(directory.base_dn, f"(uSNChanged>={bound})", attributes=["isDeleted", "name"], controls=[shown])
    found = {e["dn"].split("\\0A")[0] for e in connection.response if e["type"] == "searchResEntry"}
    assert {dn, "CN=polled-gone"} <= found


def _links(change: Change) -> dict[str, set[str]]:
    """Return the linked names a change carries, without the extended parts of the names."""
    return {
        name: {value.decode().split(";")[-1] for value in values}
        for name, values in change.attributes.items()
        if name.startswith(("member", "manager"))
    }
