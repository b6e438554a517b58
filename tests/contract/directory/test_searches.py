"""What an LDAP search finds and shows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ldap3
import pytest

from deploy.lab.directory import ber, controls
from tests.support.directory import Directory

SHOW_DELETED = (controls.SHOW_DELETED, True, None)


@pytest.fixture(scope="module")
def people(directory: Directory) -> str:
    """A unit with four users, a contact and three nested groups."""
    dc, unit = directory.dc, directory.unit("searches")
    for name, extra in {
        "ada": {
            "mail": "Ada@contoso.com",
            "department": "IT",
            "proxyAddresses": ["SMTP:ada@contoso.com", "smtp:a@x.com"],
        },
        "bob": {"mail": "bob@contoso.com", "department": "it", "userAccountControl": "512"},
        "cyd": {"department": "Sales", "employeeID": "7"},
        "dan, jr. (2)": {"description": "a*b"},
    }.items():
        account = "s-" + name.split(",")[0]
        attributes = {"sAMAccountName": account, "userAccountControl": "514", **extra}
        escaped = name.replace(",", "\\,")
        dc.add(f"CN={escaped},{unit}", "user", attributes)
    dc.add(f"CN=kim,{unit}", "contact", {"mail": "kim@fabrikam.com"})
    dc.add(f"CN=inner,{unit}", "group", {"sAMAccountName": "s-inner", "member": [f"CN=ada,{unit}", f"CN=bob,{unit}"]})
    dc.add(f"CN=middle,{unit}", "group", {"sAMAccountName": "s-middle", "member": [f"CN=inner,{unit}"]})
    dc.add(f"CN=outer,{unit}", "group", {"sAMAccountName": "s-outer", "member": [f"CN=middle,{unit}"]})
    return unit


def _names(connection: Any) -> set[str]:
    entries = [entry for entry in connection.response if entry["type"] == "searchResEntry"]
    return {entry["raw_attributes"]["name"][0].decode() for entry in entries}


@pytest.mark.parametrize(
    ("filter_text", "expected"),
    [
        ("(mail=ADA@CONTOSO.COM)", {"ada"}),
        ("(mail=*)", {"ada", "bob", "kim"}),
        ("(mail=*@contoso.com)", {"ada", "bob"}),
        ("(mail=b*contoso*m)", {"bob"}),
        ("(department=IT)", {"ada", "bob"}),
        ("(&(objectClass=user)(!(mail=*)))", {"cyd", "dan, jr. (2)"}),
        ("(&(objectClass=user)(!(department=it)))", {"cyd", "dan, jr. (2)"}),
        ("(|(name=cyd)(name=kim))", {"cyd", "kim"}),
        ("(proxyAddresses=SMTP:ADA@contoso.com)", {"ada"}),
        ("(description=a\\2ab)", {"dan, jr. (2)"}),
        ("(name=dan, jr. \\282\\29)", {"dan, jr. (2)"}),
        ("(objectCategory=person)", {"ada", "bob", "cyd", "dan, jr. (2)", "kim"}),
        ("(&(objectCategory=person)(objectClass=user)(sAMAccountName=s-c*))", {"cyd"}),
        ("(sAMAccountName=S-ADA)", {"ada"}),
        ("(objectClass=group)", {"inner", "middle", "outer"}),
        ("(userAccountControl:1.2.840.113556.1.4.803:=2)", {"ada", "cyd", "dan, jr. (2)"}),
        ("(&(userAccountControl>=513)(userAccountControl<=514))", {"ada", "cyd", "dan, jr. (2)"}),
        ("(member=CN=ada,{unit})", {"inner"}),
        ("(member=cn=ADA, {unit})", {"inner"}),
        ("(memberOf=CN=inner,{unit})", {"ada", "bob"}),
        ("(member:1.2.840.113556.1.4.1941:=CN=ada,{unit})", {"inner", "middle", "outer"}),
        ("(memberOf:1.2.840.113556.1.4.1941:=CN=outer,{unit})", {"ada", "bob", "inner", "middle"}),
        ("(distinguishedName=CN=kim,{unit})", {"kim"}),
        ("(noSuchAttribute=1)", set()),
        ("(!(noSuchAttribute=1))", set()),
        ("(|(noSuchAttribute=1)(name=kim))", {"kim"}),
        ("(employeeID=7)", {"cyd"}),
    ],
)
def test_filter(
    directory: Directory,
    people: str,
    filter_text: str,
    expected: set[str],
    samba_differs: Callable[[str], None],
) -> None:
    if filter_text == "(!(noSuchAttribute=1))":
        samba_differs("Samba takes an unknown attribute for one that is absent; RFC 4511 says Undefined")
    connection = directory.dc.connection
    connection.search(people, filter_text.replace("{unit}", people), ldap3.LEVEL, attributes=["name"])
    assert _names(connection) == expected


def test_scopes_differ(directory: Directory, people: str) -> None:
    directory.dc.add(f"OU=deeper,{people}", "organizationalUnit")
    connection = directory.dc.connection
    counts = {}
    for scope in (ldap3.BASE, ldap3.LEVEL, ldap3.SUBTREE):
        connection.search(people, "(objectClass=organizationalUnit)", scope, attributes=["name"])
        counts[scope] = _names(connection)
    assert counts == {ldap3.BASE: {"searches"}, ldap3.LEVEL: {"deeper"}, ldap3.SUBTREE: {"searches", "deeper"}}


def test_an_object_is_found_by_guid_and_by_sid(directory: Directory, people: str) -> None:
    connection = directory.dc.connection
    dn = f"CN=ada,{people}"
    connection.search(dn, "(objectClass=*)", ldap3.BASE, attributes=["objectGUID", "objectSid"])
    raw = connection.response[0]["raw_attributes"]
    for base in (f"<GUID={raw['objectGUID'][0].hex()}>", f"<SID={raw['objectSid'][0].hex()}>"):
        connection.search(base, "(objectClass=*)", ldap3.BASE, attributes=["name"])
        assert connection.response[0]["dn"] == dn
    escaped = "".join(f"\\{octet:02x}" for octet in raw["objectGUID"][0])
    connection.search(directory.base_dn, f"(objectGUID={escaped})", attributes=["name"])
    assert _names(connection) == {"ada"}


def test_a_missing_base_names_the_nearest_ancestor(
    directory: Directory, people: str, samba_differs: Callable[[str], None]
) -> None:
    samba_differs("Samba answers the same code with a text of its own")
    connection = directory.connect()
    assert not connection.search(f"CN=x,OU=nowhere,{people}", "(objectClass=*)", ldap3.BASE, attributes=["name"])
    assert connection.result["description"] == "noSuchObject"
    assert "NO_OBJECT" in connection.result["message"]


def test_only_asked_attributes_come(directory: Directory, people: str) -> None:
    connection = directory.connect(return_empty_attributes=False)
    connection.search(
        f"CN=ada,{people}", "(objectClass=*)", ldap3.BASE, attributes=["MAIL", "telephoneNumber", "bogus"]
    )
    assert {name: list(v) for name, v in connection.response[0]["raw_attributes"].items()} == {
        "mail": [b"Ada@contoso.com"]
    }
    connection.search(f"CN=ada,{people}", "(objectClass=*)", ldap3.BASE, attributes=["1.1"])
    assert not connection.response[0]["raw_attributes"]


def test_types_only_has_no_values(directory: Directory, people: str, samba_differs: Callable[[str], None]) -> None:
    samba_differs("Samba ignores typesOnly")
    connection = directory.connect(return_empty_attributes=False)
    connection.search(f"CN=ada,{people}", "(objectClass=*)", ldap3.BASE, attributes=["mail"], types_only=True)
    assert connection.response[0]["raw_attributes"] == {"mail": None}


def test_star_shows_stored_and_system_attributes_but_no_constructed_ones(directory: Directory, people: str) -> None:
    connection = directory.connect(return_empty_attributes=False)
    connection.search(f"CN=ada,{people}", "(objectClass=*)", ldap3.BASE, attributes=["*"])
    shown = set(connection.response[0]["raw_attributes"])
    assert {
        "objectClass", "cn", "name", "distinguishedName", "objectGUID", "objectSid", "objectCategory", "whenCreated",
        "whenChanged", "uSNCreated", "uSNChanged", "memberOf", "proxyAddresses", "sAMAccountName", "instanceType",
        "userAccountControl", "primaryGroupID", "sAMAccountType", "pwdLastSet", "accountExpires",
    } <= shown  # fmt: skip
    assert not {"parentGUID", "canonicalName", "unicodePwd"} & shown
    connection.search(f"CN=ada,{people}", "(objectClass=*)", ldap3.BASE, attributes=["parentGUID", "canonicalName"])
    raw = connection.response[0]["raw_attributes"]
    assert raw["parentGUID"] == [directory.dc.guid(people)]
    assert raw["canonicalName"] == [f"{directory.dc.realm}/searches/ada".encode()]


@pytest.mark.parametrize("form", [0, 1])
def test_extended_names_carry_guid_and_sid(directory: Directory, people: str, form: int) -> None:
    control = (controls.EXTENDED_DN, True, ber.tlv(ber.SEQUENCE, ber.integer(form)))
    connection = directory.dc.connection
    connection.search(f"CN=inner,{people}", "(objectClass=*)", ldap3.BASE, attributes=["member"], controls=[control])
    dn = connection.response[0]["raw_dn"].decode()
    member = sorted(value.decode() for value in connection.response[0]["raw_attributes"]["member"])[0]
    sid = "S-1-5-21-" if form else "01050000"
    for name in (dn, member):
        guid, sid_part, plain = name.split(";")
        assert guid.startswith("<GUID=")
        assert ("-" in guid) is bool(form)
        assert sid_part.startswith(f"<SID={sid}")
        assert plain.endswith(people)


def test_pages_hand_over_everything_once(directory: Directory, people: str) -> None:
    connection = directory.dc.connection
    found: list[str] = []
    cookie: bytes | None = None
    while cookie is None or cookie:
        connection.search(
            people, "(objectClass=*)", ldap3.LEVEL, attributes=["name"], paged_size=3, paged_cookie=cookie or None
        )
        assert len(connection.response) <= 3
        found += [entry["dn"] for entry in connection.response]
        cookie = connection.result["controls"][controls.PAGED_RESULTS]["value"]["cookie"]
    connection.search(people, "(objectClass=*)", ldap3.LEVEL, attributes=["name"])
    assert len(found) == len(set(found))
    assert set(found) == {entry["dn"] for entry in connection.response}


def test_a_size_limit_cuts_with_its_code(
    directory: Directory, people: str, samba_differs: Callable[[str], None]
) -> None:
    samba_differs("Samba ignores the size limit")
    connection = directory.connect()
    connection.search(people, "(objectClass=*)", ldap3.LEVEL, attributes=["name"], size_limit=2)
    assert connection.result["description"] == "sizeLimitExceeded"
    assert len(connection.response) == 2


def test_a_range_of_values_can_be_asked_for(directory: Directory, people: str) -> None:
    connection = directory.connect(auto_range=False, return_empty_attributes=False)
    connection.search(f"CN=inner,{people}", "(objectClass=*)", ldap3.BASE, attributes=["member;range=0-0"])
    assert [(n, len(v)) for n, v in connection.response[0]["raw_attributes"].items()] == [("member;range=0-0", 1)]
    connection.search(f"CN=inner,{people}", "(objectClass=*)", ldap3.BASE, attributes=["member;range=1-*"])
    assert [(n, len(v)) for n, v in connection.response[0]["raw_attributes"].items()] == [("member;range=1-*", 1)]


def test_deleted_objects_are_there_only_under_the_control(directory: Directory, people: str) -> None:
    dc = directory.dc
    dn = f"CN=gone,{people}"
    guid = dc.add(dn, "user", {"sAMAccountName": "s-gone", "mail": "gone@contoso.com", "employeeID": "9"})
    dc.delete(dn)
    connection = directory.connect(return_empty_attributes=False)
    base = f"<GUID={guid.hex()}>"
    connection.search(base, "(objectClass=*)", ldap3.BASE, attributes=["*"])
    assert connection.result["description"] == "noSuchObject"
    connection.search(base, "(objectClass=*)", ldap3.BASE, attributes=["*"], controls=[SHOW_DELETED])
    found = connection.response[0]
    assert found["dn"].startswith("CN=gone\\0ADEL:")
    assert f",CN=Deleted Objects,{directory.base_dn}" in found["dn"]
    raw = found["raw_attributes"]
    assert raw["isDeleted"] == [b"TRUE"]
    assert raw["lastKnownParent"] == [people.encode()]
    assert raw["sAMAccountName"] == [b"s-gone"]
    assert {"objectSid", "objectGUID", "userAccountControl", "objectClass"} <= set(raw)
    assert not {"mail", "employeeID", "objectCategory", "userPrincipalName"} & set(raw)
    connection.search(directory.base_dn, "(&(isDeleted=TRUE)(sAMAccountName=s-gone))", controls=[SHOW_DELETED])
    assert len([entry for entry in connection.response if entry["type"] == "searchResEntry"]) == 1


def test_a_subtree_search_of_the_domain_refers_to_the_configuration(directory: Directory) -> None:
    connection = directory.connect()
    connection.search(directory.base_dn, "(sAMAccountName=Administrator)", attributes=["name"])
    references = [entry["uri"][0] for entry in connection.response if entry["type"] == "searchResRef"]
    assert any(f"/CN=Configuration,{directory.base_dn}" in uri for uri in references)


def test_an_unknown_critical_control_is_refused_and_a_harmless_one_ignored(directory: Directory) -> None:
    connection = directory.connect()
    connection.search(directory.base_dn, "(objectClass=*)", ldap3.BASE, controls=[("1.2.3.4.5", True, None)])
    assert connection.result["description"] == "unavailableCriticalExtension"
    connection.search(directory.base_dn, "(objectClass=*)", ldap3.BASE, controls=[("1.2.3.4.5", False, None)])
    assert connection.result["description"] == "success"
