"""What a source reads before it trusts a position: the rootDSE and the controller's invocationId."""

from __future__ import annotations

import uuid
from typing import Any

import ldap3

from tests.support.directory import Directory


def _root(directory: Directory) -> dict[str, Any]:
    connection = directory.dc.connection
    connection.search("", "(objectClass=*)", ldap3.BASE, attributes=["*", "+"])
    return {name: [v.decode() for v in values] for name, values in connection.response[0]["raw_attributes"].items()}


def test_root_names_the_partitions_and_the_controller(directory: Directory) -> None:
    root = _root(directory)
    base = directory.base_dn
    assert root["defaultNamingContext"] == [base] == root["rootDomainNamingContext"]
    assert root["configurationNamingContext"] == [f"CN=Configuration,{base}"]
    assert root["dnsHostName"] == [f"dc1.{directory.dc.realm}"]
    assert root["isSynchronized"] == ["TRUE"]
    assert root["dsServiceName"][0].startswith("CN=NTDS Settings,CN=DC1,")
    assert {"1.2.840.113556.1.4.841", "1.2.840.113556.1.4.417", "1.2.840.113556.1.4.319"} <= set(
        root["supportedControl"]
    )


def test_the_settings_object_carries_the_invocation_id(directory: Directory) -> None:
    connection = directory.dc.connection
    connection.search(_root(directory)["dsServiceName"][0], "(objectClass=*)", ldap3.BASE, attributes=["invocationId"])
    (raw,) = connection.response[0]["raw_attributes"]["invocationId"]
    assert uuid.UUID(bytes_le=raw).int != 0


def test_every_write_raises_the_highest_usn_and_the_object_shows_it(directory: Directory) -> None:
    before = int(_root(directory)["highestCommittedUSN"][0])
    dn = directory.dc.add_user("root-usn")
    between = int(_root(directory)["highestCommittedUSN"][0])
    directory.dc.modify(dn, {"department": "IT"})
    after = int(_root(directory)["highestCommittedUSN"][0])
    assert before < between < after
    connection = directory.dc.connection
    connection.search(directory.base_dn, f"(uSNChanged>={between + 1})", attributes=["uSNChanged", "uSNCreated"])
    found = [e for e in connection.response if e.get("dn") == dn]
    assert [int(found[0]["raw_attributes"]["uSNChanged"][0])] == [after]
    assert before < int(found[0]["raw_attributes"]["uSNCreated"][0]) <= between
