"""Entries to changes: the rows of what DirSync was seen to send."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producers.ad import mapping
from producers.ad.attributes import LINKS, NAMES, OBJECT_FILTER, WATCHED
from producers.ad.facts import Assembler
from producers.ad.forest import _look
from producers.ad.ldap.extended_name import names_tombstone, read_name
from producers.ad.ldap.times import changed_times
from producers.ad.ldap.wire import Entry, Result
from producers.ad.mapping import Change, kind_of, read_change, rfc3339_of_generalized_time
from producers.graph.collections import COLLECTIONS
from producers.id_set import IdSet
from producers.refusing import STUMBLES
from streams.contracts.codec import encode
from streams.contracts.errors import InvalidRecordError
from streams.contracts.facts import FOREST_KEYWORDS, ObjectKind, Operation
from streams.runtime.clock import HybridClock

GUID = uuid.UUID("6e1a2c90-5b7d-4f38-9c21-0a4be37d1f55")
OTHER = "0f0e0d0c-0b0a-0908-0706-050403020100"
SID = bytes.fromhex("010500000000000515000000" + "01000000" * 3 + "f4010000")


def entry(dn: str = "CN=Ada,DC=corp", **attributes: list[bytes]) -> Entry:
    named = {name.replace("__", ";").replace("_", "-"): values for name, values in attributes.items()}
    return Entry(dn, {"objectGUID": [GUID.bytes_le], **named})


def far(guid: str = OTHER, sid: str = "S-1-5-21-1-1-1-500") -> bytes:
    return f"<GUID={guid}>;<SID={sid}>;CN=Far; and <away>,DC=corp".encode()


@pytest.mark.parametrize("error", STUMBLES)
def test_a_reader_that_stumbles_costs_its_value_and_the_rest_of_an_entry_itself(
    error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: object) -> None:
        raise error

    with monkeypatch.context() as patched:
        patched.setitem(mapping._PLAIN, "mail", ("mail", stumble))
        change = read_change(entry(mail=[b"a@x"], displayName=[b"Ada"]))
    assert change.attributes["displayName"] == "Ada" and "mail" not in change.attributes
    assert [refusal.reason for refusal, _ in change.refused] == ["value"]
    monkeypatch.setattr(mapping, "_classify", stumble)
    with pytest.raises(InvalidRecordError, match="shape"):
        read_change(entry())


def test_times_and_ids_that_are_none_are_unknown() -> None:
    answers = [
        Entry("CN=a", {"objectGUID": [b"short"], "whenChanged": [b"20261122140509.0Z"]}),
        Entry("CN=b", {"objectGUID": [GUID.bytes_le], "whenChanged": [b"00000000000000.0Z"]}),
        Entry("CN=c", {"keywords": [b"\xff"], "whenChanged": [b"\xff"]}),
    ]
    connection = SimpleNamespace(
        search=lambda *_, **__: Found(answers[:2]), read=lambda *_, **__: answers[2:], server=SimpleNamespace(url="x")
    )
    times = changed_times(cast(Any, connection), "DC=x", [Change(str(GUID), "CN=b")], 0)
    assert times.keys() == {str(GUID)}
    assert _look(cast(Any, connection), "CN=Configuration").keys() == {"distinguishedName", FOREST_KEYWORDS}


class Found(list[Entry]):
    result = Result(0)


def test_attributes_become_what_their_syntax_says() -> None:
    change = read_change(
        entry(
            mail=[b"a@x"],
            proxyAddresses=[b"SMTP:a@x", b"smtp:b@x"],
            userAccountControl=[b"512"],
            isCriticalSystemObject=[b"TRUE"],
            objectSid=[SID],
            pwdLastSet=[b"133000000000000000"],
            mS_DS_ConsistencyGuid=[b"0123456789abcdef"],
            whenCreated=[b"20261122140509.0Z"],
        )
    )
    assert change.object_id == str(GUID)
    assert change.attributes == {
        "mail": "a@x",
        "proxyAddresses": ["SMTP:a@x", "smtp:b@x"],
        "userAccountControl": 512,
        "isCriticalSystemObject": True,
        "objectSid": "S-1-5-21-1-1-1-500",
        "pwdLastSet": 133000000000000000,
        "mS-DS-ConsistencyGuid": "MDEyMzQ1Njc4OWFiY2RlZg==",
        "whenCreated": "2026-11-22T14:05:09Z",
        "distinguishedName": "CN=Ada,DC=corp",
    }


def test_an_attribute_without_values_was_removed() -> None:
    assert read_change(entry(mail=[])).attributes["mail"] is None


def test_what_nobody_asked_for_is_ignored_and_spelling_does_not_matter() -> None:
    change = read_change(entry(instanceType=[b"4"], unicodePwd=[], MAIL=[b"a@x"], PROXYADDRESSES=[]))
    assert change.attributes == {"mail": "a@x", "proxyAddresses": None, "distinguishedName": "CN=Ada,DC=corp"}


def test_fields_into_which_people_write_what_they_like_are_not_read() -> None:
    assert not {"description", "info", "comment", "userParameters", "servicePrincipalName"} & set(NAMES)
    read = {name for collection in COLLECTIONS for name in collection.properties}
    assert "displayName" in read and not {"description", "aboutMe", "notes"} & read


def test_a_whole_object_leaves_out_what_was_never_set() -> None:
    change = read_change(entry(objectClass=[b"top", b"user"], whenCreated=[b"20261122140509.0Z"], mail=[]))
    assert change.whole
    assert "mail" not in change.attributes


def test_link_changes_come_from_the_range_options() -> None:
    change = read_change(entry(**{"member__range=1-1": [far()], "member__range=0-0": [far(str(GUID))], "member": []}))
    member = change.links["member"]
    assert [link.id for link in member.added] == [OTHER]
    assert [link.id for link in member.removed] == [str(GUID)]
    assert member.added[0].sid == "S-1-5-21-1-1-1-500"
    assert not member.complete
    assert "member" not in change.attributes


def test_a_plain_list_of_links_is_complete() -> None:
    change = read_change(entry(member=[far()], manager=[]))
    assert change.links["member"].complete
    assert change.links["manager"].complete
    assert change.links["manager"].added == []


def test_a_tombstone_is_told_by_its_flag_and_never_by_its_name_alone() -> None:
    assert read_change(entry(isDeleted=[b"TRUE"])).deleted
    assert read_change(entry(isRecycled=[b"TRUE"])).deleted
    deleted = f"CN=Ada\\0ADEL:{GUID},CN=Deleted Objects,DC=corp"
    for dn in (deleted, "CN=x\\\\0ADEL:A,DC=corp", "CN=x\\0ADEL:A,OU=People,DC=corp"):
        change = read_change(entry(dn, mail=[]))
        assert not change.deleted
        assert change.attributes["mail"] is None
        assert not read_change(entry(dn, isDeleted=[b"FALSE"])).deleted


@pytest.mark.parametrize("guid", ["-" * 36, "0" * 36, "0" * 32, "6e1a2c90-5b7d-4f38-9c21-0a4be37d1f5-"])
def test_a_name_without_a_guid_is_refused(guid: str) -> None:
    with pytest.raises(InvalidRecordError, match="objectGUID"):
        read_change(Entry(f"<GUID={guid}>;CN=Ada,DC=corp", {"mail": [b"x"]}))


def test_a_restored_object_has_its_mark_taken_away() -> None:
    change = read_change(entry(isDeleted=[], name=[b"Ada"]))
    assert (change.deleted, change.restored, change.moved) == (False, True, True)


def test_the_guid_may_come_from_the_extended_name_alone() -> None:
    found = read_change(Entry(f"<GUID={GUID}>;<SID=S-1-5-21-1>;CN=Ada,DC=corp", {}))
    assert (found.object_id, found.dn) == (str(GUID), "CN=Ada,DC=corp")


@pytest.mark.parametrize("attributes", [{}, {"objectGUID": []}, {"objectGUID": [b"short"]}])
def test_an_entry_without_object_guid_is_invalid(attributes: dict[str, list[bytes]]) -> None:
    with pytest.raises(InvalidRecordError) as raised:
        read_change(Entry("CN=Ada,DC=corp", attributes))
    assert raised.value.reason == "object_guid"


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("mail", b"\xff"),
        ("userAccountControl", b"many"),
        ("pwdLastSet", b"9" * 30),
        ("objectSid", b"\1"),
        ("whenCreated", b"yesterday"),
    ],
)
def test_an_attribute_that_cannot_be_read_costs_itself_and_is_named(name: str, raw: bytes) -> None:
    change = read_change(entry(**{name: [raw], "displayName": [b"Ada"], "member": [far()] * 3}))
    [(error, part)] = change.refused
    assert error.reason == "value" and name in str(error)
    assert part.attributes == {name: [raw]}
    assert name not in change.attributes
    assert change.attributes["displayName"] == "Ada" and len(change.links["member"].added) == 3


def test_one_value_of_a_list_costs_itself_and_not_the_list() -> None:
    values = [f"smtp:a{number}@x".encode() for number in range(1_500)]
    change = read_change(entry(proxyAddresses=[*values[:700], b"smtp:\xff@x", *values[700:]], displayName=[b"Ada"]))
    [(error, part)] = change.refused
    assert error.reason == "value" and part.attributes == {"proxyAddresses": [b"smtp:\xff@x"]}
    assert change.attributes["proxyAddresses"] == [value.decode() for value in values]


def test_many_unreadable_values_are_a_few_dead_letters() -> None:
    change = read_change(entry(proxyAddresses=[b"\xff"] * 1_500))
    assert change.attributes["proxyAddresses"] == [] and len(change.refused) == 20


def test_the_unit_of_a_deleted_object_is_a_plain_name() -> None:
    unit = f"<GUID={uuid.uuid4()}>;OU=Pilot,DC=corp".encode()
    assert read_change(entry(lastKnownParent=[unit])).attributes["lastKnownParent"] == "OU=Pilot,DC=corp"


def test_a_name_that_is_not_utf_8_is_invalid() -> None:
    with pytest.raises(InvalidRecordError, match="UTF-8"):
        read_change(entry(b"CN=\xff".decode("utf-8", "surrogateescape")))


@given(
    st.dictionaries(
        st.sampled_from([*NAMES, "member;range=0-0", "member;range=1-1", "member;range=0-*", "x"]),
        st.lists(st.binary(max_size=40), max_size=3),
        max_size=8,
    ),
    st.text(max_size=40),
)
def test_any_entry_is_a_change_or_invalid(attributes: dict[str, list[bytes]], dn: str) -> None:
    try:
        change = read_change(Entry(dn, attributes))
    except InvalidRecordError:
        return
    assert uuid.UUID(change.object_id)
    assert encode(Assembler(IdSet(), IdSet(), HybridClock()).whole(change, Operation.READ))
    assert set(change.links) <= set(LINKS)
    assert not set(change.attributes) & set(LINKS)


@pytest.mark.parametrize(
    ("classes", "kind"),
    [
        (["top", "person", "organizationalPerson", "user"], ObjectKind.USER),
        (["top", "person", "organizationalPerson", "user", "inetOrgPerson"], ObjectKind.USER),
        (["top", "person", "organizationalPerson", "user", "computer"], ObjectKind.DEVICE),
        (["top", "group"], ObjectKind.GROUP),
        (["top", "person", "organizationalPerson", "contact"], ObjectKind.CONTACT),
        (["top", "organizationalUnit"], ObjectKind.CONTAINER),
        (["top", "domain", "domainDNS"], ObjectKind.CONTAINER),
        (["top", "foreignSecurityPrincipal"], ObjectKind.OTHER),
    ],
)
def test_kinds(classes: list[str], kind: ObjectKind) -> None:
    assert kind_of(classes) is kind


@given(st.uuids(), st.text(max_size=60))
def test_extended_names_come_apart(guid: uuid.UUID, dn: str) -> None:
    assert read_name(f"<GUID={guid}>;<SID=S-1-5-32-544>;{dn}") == (str(guid), "S-1-5-32-544", dn)
    assert read_name(f"<GUID={guid}>;{dn}").guid == str(guid)


def test_only_deleted_names_look_deleted() -> None:
    assert names_tombstone("OU=x\\0adel:1-2,DC=y")
    assert not names_tombstone("CN=DEL: me,DC=y")
    assert not names_tombstone("CN=x\\\\0ADEL:A,DC=y"), "a backslash of its own, and no line feed"
    assert names_tombstone("CN=x\\\\\\0ADEL:A,DC=y")


@pytest.mark.parametrize("text", ["", "2026", "20261122140509", "20261122140509.0+0100"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        rfc3339_of_generalized_time(text)


def test_the_filter_never_loses_a_deletion_to_a_stripped_attribute() -> None:
    assert "objectCategory" not in OBJECT_FILTER
    assert "isDeleted" not in OBJECT_FILTER


def test_nothing_secret_or_noisy_is_watched() -> None:
    never = {"unicodePwd", "dBCSPwd", "lastLogonTimestamp", "msDS-KeyCredentialLink", "ntPwdHistory", "ms-Mcs-AdmPwd"}
    assert not {name.lower() for name in NAMES} & {name.lower() for name in never}
    assert len({name.lower() for name in NAMES}) == len(NAMES)
    assert all(attribute.why for attribute in WATCHED)


def test_a_registered_device_is_a_kind_of_its_own_and_names_the_device_it_copies() -> None:
    change = read_change(
        entry(
            objectClass=[b"top", b"msDS-Device"],
            whenCreated=[b"20261122140509.0Z"],
            msDS_DeviceID=[GUID.bytes_le],
            msDS_IsEnabled=[b"TRUE"],
            msDS_IsCompliant=[b"FALSE"],
        )
    )
    assert change.kind is ObjectKind.REGISTERED_DEVICE
    assert change.attributes["msDS-DeviceID"] == str(GUID)
    assert (change.attributes["msDS-IsEnabled"], change.attributes["msDS-IsCompliant"]) == (True, False)
