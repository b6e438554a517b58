"""What Windows forces on its clients and Samba does not: these run on the lab directory alone.

Samba 4.17 returns unlimited results, whole groups and whole DirSync passes in one response (measured), so there is no
second opinion here; the rules are from MS-ADTS 3.1.1.3.4.6 and the go-ldap and ldap3 issues named below.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Iterator
from pathlib import Path

import ldap3
import pytest
from ldap3.core.exceptions import LDAPExtensionError

from deploy.lab.directory import ber, controls
from deploy.lab.directory.limits import Limits
from deploy.lab.directory.server import DirectoryServer
from deploy.lab.directory.store import DirectoryStore
from tests.support.directory import (
    INCREMENTAL_VALUES,
    OBJECT_SECURITY,
    Change,
    Directory,
    dirsync_control,
    lab_directory,
)

LIMITS = Limits(max_page_size=10, max_val_range=5, dirsync_objects=10, dirsync_link_values=4)


@pytest.fixture(scope="module")
def store() -> DirectoryStore:
    store = DirectoryStore()
    users = f"CN=Users,{store.base_dn}"
    store.load(users, "user", ["sAMAccountName"], ((f"u{number:02d}", f"u{number:02d}") for number in range(30)))
    members = [f"CN=u{number:02d},{users}" for number in range(12)]
    store.add(f"CN=big,{users}", {"objectClass": "group", "member": members})
    return store


@pytest.fixture(scope="module")
def lab(store: DirectoryStore, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Directory]:
    with lab_directory(tmp_path_factory.mktemp("lab"), DirectoryServer(store, limits=LIMITS)) as lab:
        yield lab


def test_an_unpaged_search_stops_at_the_page_size(lab: Directory) -> None:
    connection = lab.connect()
    connection.search(lab.base_dn, "(objectClass=user)", attributes=["name"])
    assert connection.result["description"] == "sizeLimitExceeded"
    assert len(connection.response) == 10


def test_a_page_is_never_larger_than_the_page_size(lab: Directory) -> None:
    connection = lab.connect()
    sizes, cookie = [], None
    while cookie is None or cookie:
        connection.search(
            f"CN=Users,{lab.base_dn}",
            "(sAMAccountName=u*)",
            attributes=["name"],
            paged_size=500,
            paged_cookie=cookie or None,
        )
        sizes.append(len(connection.response))
        cookie = connection.result["controls"][controls.PAGED_RESULTS]["value"]["cookie"]
    assert sum(sizes) == 30
    assert max(sizes) == 10


def test_a_paging_cookie_of_another_connection_is_worthless(lab: Directory) -> None:
    first, second = lab.connect(), lab.connect()
    first.search(lab.base_dn, "(sAMAccountName=u*)", attributes=["name"], paged_size=5)
    cookie = first.result["controls"][controls.PAGED_RESULTS]["value"]["cookie"]
    second.search(lab.base_dn, "(sAMAccountName=u*)", attributes=["name"], paged_size=5, paged_cookie=cookie)
    assert second.result["description"] == "unavailableCriticalExtension"


def test_only_ten_paged_searches_stay_open(lab: Directory) -> None:
    connection = lab.connect()
    cookies = []
    for _ in range(11):
        connection.search(lab.base_dn, "(sAMAccountName=u*)", attributes=["name"], paged_size=5)
        cookies.append(connection.result["controls"][controls.PAGED_RESULTS]["value"]["cookie"])
    connection.search(lab.base_dn, "(sAMAccountName=u*)", attributes=["name"], paged_size=5, paged_cookie=cookies[0])
    assert connection.result["description"] == "unavailableCriticalExtension"
    connection.search(lab.base_dn, "(sAMAccountName=u*)", attributes=["name"], paged_size=5, paged_cookie=cookies[1])
    assert connection.result["description"] == "success"


def test_a_large_attribute_comes_in_ranges_whether_asked_or_not(lab: Directory) -> None:
    connection = lab.connect(auto_range=False, return_empty_attributes=False)
    wanted, members, seen = "member", [], []
    while wanted:
        connection.search(f"CN=big,CN=Users,{lab.base_dn}", "(objectClass=*)", ldap3.BASE, attributes=[wanted])
        ((name, values),) = connection.response[0]["raw_attributes"].items()
        seen.append(name)
        members += values
        stop = name.rpartition("-")[2]
        wanted = "" if stop == "*" else f"member;range={int(stop) + 1}-*"
    assert seen == ["member;range=0-4", "member;range=5-9", "member;range=10-*"]
    assert len(set(members)) == len(members) == 12


def test_ldap3_puts_the_ranges_together_by_itself(lab: Directory) -> None:
    connection = lab.connect()
    connection.search(f"CN=big,CN=Users,{lab.base_dn}", "(objectClass=*)", ldap3.BASE, attributes=["member"])
    assert len(connection.response[0]["raw_attributes"]["member"]) == 12


def test_a_pass_takes_several_responses_and_each_object_comes_once(lab: Directory) -> None:
    cookie, pages, seen = b"", 0, []
    while True:
        page = lab.page(cookie, ["name"])
        assert page.code == 0
        assert len(page.changes) <= 10
        pages, cookie = pages + 1, page.cookie
        seen += [change.guid for change in page.changes]
        if not page.more:
            break
    assert pages > 3
    assert len(seen) == len(set(seen))


def test_a_pass_can_be_continued_on_another_connection(lab: Directory) -> None:
    first = lab.page(attributes=["name"])
    assert first.more
    rest, cookie = lab.sync(first.cookie, ["name"], connection=lab.connect())
    whole = {change.guid for change in lab.sync(attributes=["name"])[0]}
    assert {change.guid for change in first.changes} | {change.guid for change in rest} == whole
    assert lab.sync(cookie, ["name"])[0] == []


def test_max_bytes_shortens_the_responses(lab: Directory) -> None:
    page = lab.page(attributes=["name"], max_bytes=300)
    assert 0 < len(page.changes) < 10
    assert page.more


def test_a_change_in_the_middle_of_a_pass_is_not_lost(lab: Directory) -> None:
    dc = lab.dc
    early = f"CN=u00,CN=Users,{lab.base_dn}"
    first = lab.page(attributes=["name", "department"])
    dc.modify(early, {"department": "while reading"})
    rest = lab.changes(first.cookie, ["name", "department"])
    assert rest[uuid.UUID(bytes_le=dc.guid(early))].text("department") == ["while reading"]
    dc.modify(early, {"department": None})


def test_attributes_of_an_interrupted_incremental_pass_all_arrive(lab: Directory) -> None:
    cookie = lab.cookie()
    users = [f"CN=u{number:02d},CN=Users,{lab.base_dn}" for number in range(25)]
    for dn in users:
        lab.dc.modify(dn, {"title": "first"})
    for dn in users:
        lab.dc.modify(dn, {"company": "second"})
    changes = lab.changes(cookie, ["title", "company"])
    assert len(changes) == 25
    assert all(set(change.attributes) >= {"title", "company"} for change in changes.values())


def test_a_large_group_is_split_over_responses(lab: Directory) -> None:
    guid = uuid.UUID(bytes_le=lab.dc.guid(f"CN=big,CN=Users,{lab.base_dn}"))
    pieces = [change for change in lab.sync(attributes=["member", "sAMAccountName"])[0] if change.guid == guid]
    counts = [len(piece.attributes["member;range=1-1"]) for piece in pieces]
    assert len(pieces) >= 3
    assert max(counts) <= 4
    members = [value for piece in pieces for value in piece.attributes["member;range=1-1"]]
    assert len(set(members)) == len(members) == 12
    assert ["sAMAccountName" in piece.attributes for piece in pieces] == [True] + [False] * (len(pieces) - 1)


def test_a_group_that_changes_between_its_pieces_comes_again_whole(lab: Directory, store: DirectoryStore) -> None:
    users = f"CN=Users,{lab.base_dn}"
    members = [f"CN=u{number:02d},{users}" for number in range(9)]
    cookie = lab.cookie()
    guid = store.add(f"CN=shifting,{users}", {"objectClass": "group", "member": members})
    first = lab.page(cookie, ["member"])
    assert first.more
    store.add_values(guid, "member", f"CN=u20,{users}")
    rest = lab.sync(first.cookie, ["member"])[0]
    seen = {value for change in rest for value in change.attributes.get("member;range=1-1", []) if change.guid == guid}
    assert len(seen) == 10


def test_without_incremental_values_a_large_group_is_cut_under_its_range(lab: Directory) -> None:
    guid = uuid.UUID(bytes_le=lab.dc.guid(f"CN=big,CN=Users,{lab.base_dn}"))
    found = {change.guid: change for change in _unmerged(lab)}
    assert len(found[guid].attributes["member;range=0-4"]) == 5


@pytest.mark.parametrize("octets", ["02050080000000", "0205ff80000000"], ids=["ldap3", "pyasn1-negative"])
def test_flags_in_five_octets_are_refused(lab: Directory, octets: str) -> None:
    """go-ldap issue 570 and ldap3 issue 642: Windows answers unavailableCriticalExtension."""
    value = ber.tlv(ber.SEQUENCE, bytes.fromhex(octets), ber.integer(0), ber.octets(b""))
    connection = lab.connect()
    connection.search(lab.base_dn, "(objectClass=*)", attributes=["name"], controls=[(controls.DIRSYNC, True, value)])
    assert connection.result["description"] == "unavailableCriticalExtension"


def _unmerged(lab: Directory) -> list[Change]:
    """Return a pass without incremental values, through an ldap3 that does not fetch the other ranges by itself."""
    return lab.sync(attributes=["member"], flags=0, connection=lab.connect(auto_range=False))[0]


def test_ldap3s_own_dirsync_is_refused_with_incremental_values(lab: Directory) -> None:
    connection = lab.connect()
    follow = connection.extend.microsoft.dir_sync(lab.base_dn, attributes=["name"], incremental_values=True)
    with pytest.raises(LDAPExtensionError, match="unavailableCriticalExtension"):
        follow.loop()


def test_a_restored_controller_starts_every_follower_over(lab: Directory, store: DirectoryStore) -> None:
    cookie = lab.cookie()
    assert lab.sync(cookie, ["name"])[0] == []
    store.simulate_restore_from_backup()
    assert len(lab.sync(cookie, ["name"])[0]) > 40


def test_a_usn_rollback_loses_the_changes_that_reuse_the_numbers(lab: Directory, store: DirectoryStore) -> None:
    saved = store.save_state()
    store.modify(f"CN=u01,CN=Users,{lab.base_dn}", {"department": "before"})
    cookie = lab.cookie()
    store.restore_state(saved)
    assert store.get(f"CN=u01,CN=Users,{lab.base_dn}").first("department") is None
    store.modify(f"CN=u02,CN=Users,{lab.base_dn}", {"department": "after"})
    assert lab.sync(cookie, ["department"])[0] == []


def test_nothing_is_missing_from_a_full_pass_after_a_rollback(lab: Directory, store: DirectoryStore) -> None:
    usn = store.highest_committed_usn
    for number in range(25):
        store.modify(f"CN=u{number:02d},CN=Users,{lab.base_dn}", {"info": "rolled back"})
    store.simulate_usn_rollback(usn)
    store.simulate_restore_from_backup()
    passed = {change.guid for change in lab.sync(attributes=["name"])[0]}
    assert {found.guid for found in store.objects()} <= passed


def test_the_service_account_sees_deletions_through_dirsync_only(lab: Directory, store: DirectoryStore) -> None:
    user = f"svc-synchealth@{store.domain}"
    connection = lab.connect(user, "Passw0rd!svc1")
    guid = store.add(f"CN=going,CN=Users,{lab.base_dn}", {"objectClass": "contact"})
    _, cookie = lab.sync(attributes=["name"], connection=connection)
    store.delete(guid)
    assert guid in {change.guid for change in lab.sync(cookie, ["isDeleted"], connection=connection)[0]}
    hidden = lab.sync(cookie, ["isDeleted"], connection=connection, flags=OBJECT_SECURITY | INCREMENTAL_VALUES)[0]
    assert guid not in {change.guid for change in hidden}
    shown = (controls.SHOW_DELETED, True, None)
    connection.search(lab.base_dn, "(isDeleted=TRUE)", attributes=["name"], controls=[shown])
    assert [entry for entry in connection.response if entry["type"] == "searchResEntry"] == []


def test_the_cookie_has_the_shape_of_windows_cookies(lab: Directory, store: DirectoryStore) -> None:
    cookie = lab.cookie()
    assert (cookie[:4], struct.unpack_from("<I", cookie, 4)[0], len(cookie)) == (b"MSDS", 3, 108)
    assert struct.unpack_from("<Q", cookie, 28)[0] == store.highest_committed_usn
    assert uuid.UUID(bytes_le=cookie[52:68]) == store.invocation_id
    assert dirsync_control(0, cookie)[2].endswith(cookie)


def test_with_the_recycle_bin_a_recycled_object_needs_a_control_of_its_own(tmp_path: Path) -> None:
    store = DirectoryStore(recycle_bin=True)
    guid = store.add(f"CN=bin,CN=Users,{store.base_dn}", {"objectClass": "contact", "mail": "bin@contoso.com"})
    with lab_directory(tmp_path, DirectoryServer(store)) as lab:
        cookie = lab.cookie()
        store.delete(guid)
        deleted = lab.changes(cookie)[guid]
        assert deleted.attributes["isDeleted"] == [b"TRUE"]
        assert not {"isRecycled", "mail"} & set(deleted.attributes)
        connection, found = lab.connect(), []
        store.recycle(guid)
        assert lab.changes(cookie)[guid].attributes["mail"] == []
        for control in (controls.SHOW_DELETED, controls.SHOW_RECYCLED):
            connection.search(lab.base_dn, "(name=bin*)", attributes=["name"], controls=[(control, True, None)])
            found.append(len([entry for entry in connection.response if entry["type"] == "searchResEntry"]))
        assert found == [0, 1]
