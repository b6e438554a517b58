"""Readers: JSON lines and LDIF, good and bad, read once and again by number."""

from __future__ import annotations

import base64
import io

import pytest

from deploy.cli.scan.inputs import FileInput, SpooledInput
from deploy.cli.scan.json_lines import decode_line, encode_object, json_lines_records
from deploy.cli.scan.ldif import ldif_records
from streams.contracts.errors import InvalidRecordError
from streams.hygiene.objects import DirectoryObject

JANE = DirectoryObject("CN=Jane,DC=x", ["top", "user"], {"cn": ["Jane"], "mail": ["jané@x.com"]})


def test_a_line_becomes_an_object_and_a_line_again() -> None:
    assert decode_line(encode_object(JANE)) == JANE


def test_names_in_any_case_single_values_and_booleans_are_taken_and_the_rest_is_left_out() -> None:
    line = b"""{"dn": "CN=J", "objectClass": "user", "extra": 1, "attributes": {"MAIL": "a", "proxyaddresses": ["b"],
      "isCriticalSystemObject": true, "groupType": -8, "mailNickname": null, "sn": [null], "telexNumber": ["1"]}}"""
    assert decode_line(line.replace(b"\n", b"")) == DirectoryObject(
        "CN=J",
        ["user"],
        {"mail": ["a"], "proxyAddresses": ["b"], "isCriticalSystemObject": ["TRUE"], "groupType": ["-8"]},
    )


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b'{"attributes": {}}', b'{"dn": 1}', b'{"dn": "x", "attributes": []}', b'{"dn": "\xff"}']
)
def test_a_line_that_is_no_object_is_an_invalid_record(line: bytes) -> None:
    with pytest.raises(InvalidRecordError):
        decode_line(line)


def test_a_file_is_read_in_order_again_by_number_and_bad_lines_are_named() -> None:
    lines = b"\xef\xbb\xbf" + encode_object(JANE) + b"\n" + b"broken\n" + encode_object(JANE).replace(b"Jane", b"Ann.")
    source = FileInput(io.BytesIO(lines))
    found = list(source.objects())
    assert [subject.dn for subject in found] == ["CN=Jane,DC=x", "CN=Ann.,DC=x"]
    assert [source.read(1), source.read(0)] == found[::-1]
    assert len(source.problems) == 1
    assert source.problems[0].startswith("line 3: ")


def test_a_stream_is_spooled_and_read_again_by_number() -> None:
    records = json_lines_records([b"?\n", encode_object(JANE), b" \n", encode_object(JANE)])
    with SpooledInput(records) as source:
        assert list(source.objects()) == [JANE, JANE]
        assert source.read(1) == source.read(0) == JANE
        assert source.problems[0].startswith("line 1: ")


def test_problems_are_counted_beyond_those_that_are_kept() -> None:
    with SpooledInput(json_lines_records([b"?\n"] * 1005)) as source:
        assert list(source.objects()) == []
        assert (len(source.problems), source.dropped_problems) == (1000, 5)


LDIF = b"""version: 1
# a comment
#  that goes on
dn: CN=Jane,
 DC=x
objectClass: top
objectClass: user
cn: Jane
mail;lang-en:: amFuw6lAeC5jb20=
telexNumber: 1

dn:: Q049QW5uLERDPXg=
changetype: add
objectClass: group
proxyAddresses: smtp:a@x.com
proxyAddresses: smtp:b@x.com
userCertificate;binary:: AAH/

dn: CN=Bob,DC=x
changetype: modify
replace: mail
mail: b

dn: CN=Eve,DC=x
mail:: ????

dn: CN=Url,DC=x
mail:< file:///etc/passwd

dn: CN=Latin,DC=x
mail: caf\xe9

no colon here

ref: ldap://other/DC=y

# search result
search: 2
result: 0 Success
"""


def test_ldif_records_become_objects_and_what_cannot_be_read_is_named_with_its_line() -> None:
    records = list(ldif_records(io.BytesIO(LDIF)))
    assert [record for record in records if isinstance(record, DirectoryObject)] == [
        JANE,
        DirectoryObject(
            "CN=Ann,DC=x",
            ["group"],
            {"proxyAddresses": ["smtp:a@x.com", "smtp:b@x.com"], "userCertificate": ["AAH/"]},
        ),
    ]
    problems = [str(record) for record in records if isinstance(record, InvalidRecordError)]
    assert [problem.partition(":")[0] for problem in problems] == [
        f"record at line {number}" for number in (19, 24, 27, 30, 33)
    ]
    assert "modify" in problems[0]
    assert "base64" in problems[1]
    assert "URL" in problems[2]
    assert "UTF-8" in problems[3]


def test_ldif_with_windows_line_ends_and_a_byte_order_mark_is_the_same() -> None:
    windows = b"\xef\xbb\xbf" + LDIF.replace(b"\n", b"\r\n")
    assert [str(record) for record in ldif_records(io.BytesIO(windows))] == [
        str(record) for record in ldif_records(io.BytesIO(LDIF))
    ]


def test_a_long_value_folded_over_many_lines_is_whole() -> None:
    encoded = base64.b64encode("ü".encode() * 500)
    folded = b"\n ".join(encoded[at : at + 76] for at in range(0, len(encoded), 76))
    (record,) = ldif_records((b"dn: CN=J\nmail:: " + folded + b"\n").splitlines(keepends=True))
    assert isinstance(record, DirectoryObject)
    assert record.attributes["mail"] == ["ü" * 500]
