"""What may be written, and what Active Directory answers to the rest."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ldap3
import pytest

from deploy.lab.directory import controls
from tests.support.directory import Directory


@pytest.fixture(scope="module")
def unit(directory: Directory) -> str:
    return directory.unit("writes")


def _read(directory: Directory, dn: str, *names: str) -> dict[str, list[bytes]]:
    connection = directory.dc.connection
    connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=list(names))
    return {name: sorted(values) for name, values in connection.response[0]["raw_attributes"].items()}


def test_a_new_user_gets_what_the_system_gives(directory: Directory, unit: str) -> None:
    dn = f"CN=fresh,{unit}"
    directory.dc.add(dn, "user", {"sAMAccountName": "w-fresh"})
    found = _read(directory, dn, "userAccountControl", "primaryGroupID", "objectSid", "objectCategory", "instanceType")
    assert found["userAccountControl"] == [b"546"]
    assert found["primaryGroupID"] == [b"513"]
    assert found["instanceType"] == [b"4"]
    assert found["objectCategory"] == [f"CN=Person,CN=Schema,CN=Configuration,{directory.base_dn}".encode()]
    assert len(found["objectSid"][0]) == 28


@pytest.mark.parametrize(
    ("name", "attributes", "code"),
    [
        ("taken", {"sAMAccountName": "w-other"}, "entryAlreadyExists"),
        ("new1", {"sAMAccountName": "W-TAKEN"}, "entryAlreadyExists"),
        ("new2", {"userPrincipalName": "Taken@corp.contoso.local"}, "constraintViolation"),
        ("new3", {"userPrincipalName": "x" * 1100 + "@contoso.com"}, "constraintViolation"),
        ("new4", {"noSuchAttribute": "1"}, "noSuchAttribute"),
        ("new5", {"pwdLastSet": "yesterday"}, "invalidAttributeSyntax"),
        ("new6", {"mail": ["a@b.c", "d@e.f"]}, "constraintViolation"),
    ],
)
def test_an_add_is_refused(
    directory: Directory,
    unit: str,
    samba_differs: Callable[[str], None],
    name: str,
    attributes: dict[str, Any],
    code: str,
) -> None:
    if code == "constraintViolation" and name == "new3":
        samba_differs("Samba calls a value above the schema's range a syntax error")
    if code == "invalidAttributeSyntax":
        samba_differs("Samba checks this attribute in its password module, with the code `other`")
    dc, connection = directory.dc, directory.connect()
    connection.add(
        f"CN=taken,{unit}", ["user"], {"sAMAccountName": "w-taken", "userPrincipalName": f"taken@{dc.realm}"}
    )
    connection.add(f"CN={name},{unit}", ["user"], attributes)
    assert connection.result["description"] == code


def test_duplicate_addresses_and_anchors_are_accepted(directory: Directory, unit: str) -> None:
    same = {"mail": "same@contoso.com", "proxyAddresses": ["SMTP:same@contoso.com"], "mS-DS-ConsistencyGuid": b"1" * 16}
    for name in ("twin1", "twin2"):
        directory.dc.add(f"CN={name},{unit}", "user", {"sAMAccountName": f"w-{name}", **same})
    connection = directory.dc.connection
    connection.search(unit, "(mail=same@contoso.com)", attributes=["name"])
    assert len(connection.response) == 2


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"telephoneNumber": [(ldap3.MODIFY_DELETE, [])]}, "noSuchAttribute"),
        ({"proxyAddresses": [(ldap3.MODIFY_DELETE, ["smtp:none@contoso.com"])]}, "noSuchAttribute"),
        ({"proxyAddresses": [(ldap3.MODIFY_ADD, ["smtp:X@contoso.com"])]}, "attributeOrValueExists"),
        ({"mail": [(ldap3.MODIFY_ADD, ["second@contoso.com"])]}, "attributeOrValueExists"),
        ({"objectGUID": [(ldap3.MODIFY_REPLACE, [b"1" * 16])]}, "constraintViolation"),
        ({"member": [(ldap3.MODIFY_ADD, ["CN=nobody,{base}"])]}, "noSuchObject"),
        ({"manager": [(ldap3.MODIFY_REPLACE, ["CN=nobody,{base}"])]}, "constraintViolation"),
        ({"memberOf": [(ldap3.MODIFY_ADD, ["CN=Domain Users,CN=Users,{domain}"])]}, "unwillingToPerform"),
        ({"cn": [(ldap3.MODIFY_REPLACE, ["other"])]}, "notAllowedOnRDN"),
        ({"objectClass": [(ldap3.MODIFY_REPLACE, ["group"])]}, "objectClassViolation"),
    ],
)
def test_a_modification_is_refused_and_changes_nothing(
    directory: Directory, unit: str, samba_differs: Callable[[str], None], changes: dict[str, Any], code: str
) -> None:
    if "smtp:X@contoso.com" in str(changes):
        samba_differs("Samba compares the values of proxyAddresses with regard to case when it adds one")
    connection = directory.connect()
    dn = f"CN=steady,{unit}"
    stored = {"sAMAccountName": "w-steady", "mail": "steady@contoso.com", "proxyAddresses": ["smtp:x@contoso.com"]}
    connection.add(dn, ["user"], stored)
    before = _read(directory, dn, "uSNChanged")
    filled = {
        name: [
            (op, [v.format(base=unit, domain=directory.base_dn) if isinstance(v, str) else v for v in values])
            for op, values in operations
        ]
        for name, operations in changes.items()
    }
    connection.modify(dn, {"department": [(ldap3.MODIFY_REPLACE, ["half"])], **filled})
    assert connection.result["description"] == code
    assert _read(directory, dn, "uSNChanged") == before


def test_a_link_can_be_neither_added_nor_removed_twice(directory: Directory, unit: str) -> None:
    dc, connection = directory.dc, directory.connect()
    member = f"CN=linked,{unit}"
    dc.add(member, "user", {"sAMAccountName": "w-linked"})
    group = f"CN=linking,{unit}"
    dc.add(group, "group", {"sAMAccountName": "w-linking", "member": [member]})
    connection.modify(group, {"member": [(ldap3.MODIFY_ADD, [member])]})
    assert connection.result["description"] == "entryAlreadyExists"
    dc.remove_values(group, "member", member)
    connection.modify(group, {"member": [(ldap3.MODIFY_DELETE, [member])]})
    assert connection.result["description"] == "unwillingToPerform"


def test_the_same_value_again_is_no_change(directory: Directory, unit: str) -> None:
    dn = f"CN=idle,{unit}"
    directory.dc.add(dn, "user", {"sAMAccountName": "w-idle", "department": "IT"})
    before = _read(directory, dn, "uSNChanged")
    directory.dc.modify(dn, {"department": "IT"})
    assert _read(directory, dn, "uSNChanged") == before
    directory.dc.modify(dn, {"department": "it"})
    assert _read(directory, dn, "uSNChanged", "department") != before


def test_names_follow_a_move_and_links_follow_their_target(directory: Directory, unit: str) -> None:
    dc = directory.dc
    dc.add(f"OU=from,{unit}", "organizationalUnit")
    dn = f"CN=mover,OU=from,{unit}"
    guid = dc.add(dn, "user", {"sAMAccountName": "w-mover"})
    group = f"CN=w-group,{unit}"
    dc.add(group, "group", {"sAMAccountName": "w-group", "member": [dn]})
    dc.rename(f"OU=from,{unit}", "OU=to")
    moved = f"CN=mover,OU=to,{unit}"
    assert dc.guid(moved) == guid
    assert _read(directory, group, "member")["member"] == [moved.encode()]
    dc.rename(moved, "CN=mover\\, the", unit)
    assert _read(directory, group, "member")["member"] == [f"CN=mover\\, the,{unit}".encode()]
    assert _read(directory, f"<GUID={guid.hex()}>", "name", "cn") == {"name": [b"mover, the"], "cn": [b"mover, the"]}


def test_a_unit_with_children_stays_unless_the_tree_is_deleted(directory: Directory, unit: str) -> None:
    dc, connection = directory.dc, directory.connect()
    dc.add(f"OU=full,{unit}", "organizationalUnit")
    dc.add(f"CN=inside,OU=full,{unit}", "contact")
    connection.delete(f"OU=full,{unit}")
    assert connection.result["description"] == "notAllowedOnNonLeaf"
    connection.delete(f"OU=full,{unit}", controls=[(controls.TREE_DELETE, True, None)])
    assert connection.result["description"] == "success"


def test_a_name_is_free_again_after_a_deletion(directory: Directory, unit: str) -> None:
    dc = directory.dc
    names = {"sAMAccountName": "w-phoenix", "userPrincipalName": f"phoenix@{dc.realm}"}
    first = dc.add(f"CN=phoenix,{unit}", "user", names)
    dc.delete(f"CN=phoenix,{unit}")
    assert dc.add(f"CN=phoenix,{unit}", "user", names) != first


def test_a_restored_object_keeps_its_identity_and_loses_its_groups(directory: Directory, unit: str) -> None:
    dc = directory.dc
    dn = f"CN=lazarus,{unit}"
    guid = dc.add(dn, "user", {"sAMAccountName": "w-lazarus", "mail": "lazarus@contoso.com"})
    sid = _read(directory, dn, "objectSid")
    dc.add(f"CN=w-friends,{unit}", "group", {"sAMAccountName": "w-friends", "member": [dn]})
    dc.delete(dn)
    dc.restore(guid, dn)
    assert dc.guid(dn) == guid
    assert _read(directory, dn, "objectSid") == sid
    found = _read(directory, dn, "mail", "memberOf", "isDeleted", "sAMAccountName", "objectCategory")
    assert found["sAMAccountName"] == [b"w-lazarus"]
    assert found["objectCategory"]
    assert not found["mail"] and not found["memberOf"] and not found["isDeleted"]


def test_a_password_change_moves_its_date_and_is_never_shown(directory: Directory, unit: str) -> None:
    dc = directory.dc
    dn = f"CN=secretive,{unit}"
    dc.add(dn, "user", {"sAMAccountName": "w-secretive"})
    dc.set_password(dn, "A-new-one1")
    found = _read(directory, dn, "pwdLastSet", "unicodePwd")
    assert int(found["pwdLastSet"][0]) > 130_000_000_000_000_000
    assert not found["unicodePwd"]


def test_an_ordinary_user_may_read_but_not_write(directory: Directory, unit: str) -> None:
    dc = directory.dc
    dn = f"CN=plain,{unit}"
    dc.add(dn, "user", {"sAMAccountName": "w-plain", "userPrincipalName": f"w-plain@{dc.realm}"})
    dc.set_password(dn, "Plain-user1")
    dc.enable(dn)
    connection = directory.connect(f"w-plain@{dc.realm}", "Plain-user1")
    assert connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["name"])
    connection.modify(dn, {"department": [(ldap3.MODIFY_REPLACE, ["IT"])]})
    assert connection.result["description"] == "insufficientAccessRights"


def test_ldapmodify_applies_ldif(directory: Directory, unit: str) -> None:
    dn = f"CN=ldif,{unit}"
    directory.dc.ldapmodify(
        f"dn: {dn}\nchangetype: add\nobjectClass: user\nsAMAccountName: w-ldif\n\n"
        f"dn: {dn}\nchangetype: modify\nreplace: mail\nmail: ldif@contoso.com\n-\n"
        "add: proxyAddresses\nproxyAddresses: SMTP:ldif@contoso.com\n\n"
        f"dn: {dn}\nchangetype: modrdn\nnewrdn: CN=ldif2\ndeleteoldrdn: 1\n"
    )
    assert _read(directory, f"CN=ldif2,{unit}", "mail") == {"mail": [b"ldif@contoso.com"]}
