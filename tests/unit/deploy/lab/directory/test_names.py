"""Distinguished names against ldap3's parser."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.utils.dn import parse_dn

from deploy.lab.directory import names, sids
from deploy.lab.directory.names import GuidName, InvalidNameError, SidName

_VALUES = st.text(st.characters(min_codepoint=0x20, max_codepoint=0x2FF), min_size=1, max_size=20).filter(str.strip)


@given(st.lists(_VALUES, min_size=1, max_size=4))
def test_escaping_and_splitting_are_each_others_inverse(values: list[str]) -> None:
    relative = tuple(f"CN={value}" for value in values)
    assert names.split(",".join(map(names.escape, relative))) == relative


# ldap3 also wants a # inside a value escaped, which RFC 4514 does not.
@given(_VALUES.filter(lambda value: "#" not in value))
def test_ldap3_understands_every_escaped_name(value: str) -> None:
    dn = names.escape(f"CN={value}") + ",DC=contoso,DC=com"
    assert len(parse_dn(dn)) == 3


@given(st.text(max_size=40))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    with contextlib.suppress(InvalidNameError):
        assert all("=" in part for part in names.split(text))


@pytest.mark.parametrize(
    ("dn", "expected"),
    [
        ("cn=Ada, ou=IT ,DC=x", ("CN=Ada", "OU=IT", "DC=x")),
        (r"CN=Lovelace\, Ada,DC=x", ("CN=Lovelace, Ada", "DC=x")),
        (r"CN=a\2Cb\C3\A4,DC=x", ("CN=a,bä", "DC=x")),
        (r"CN=x\0ADEL:1,DC=x", ("CN=x\nDEL:1", "DC=x")),
        (r"CN=end\ ,DC=x", ("CN=end ", "DC=x")),
        ('CN="quoted, name",DC=x', ("CN=quoted, name", "DC=x")),
        ("", ()),
    ],
)
def test_spellings(dn: str, expected: tuple[str, ...]) -> None:
    assert names.split(dn) == expected


@pytest.mark.parametrize("dn", ["CN", "CN=", "CN=a+OU=b,DC=x", "=x", "CN=a,,DC=x", 'CN="open,DC=x', "CN=a\\"])
def test_malformed_names_are_refused(dn: str) -> None:
    with pytest.raises(InvalidNameError):
        names.split(dn)


def test_alternative_forms() -> None:
    raw = bytes(range(16))
    assert names.parse_base(f"<GUID={raw.hex()}>") == GuidName(raw)
    assert names.parse_base("<GUID=03020100-0504-0706-0809-0a0b0c0d0e0f>") == GuidName(raw)
    assert names.parse_base("<GUID=03020100-0504-0706-0809-0a0b0c0d0e0f>;CN=x,DC=y") == GuidName(raw)
    sid = sids.parse("S-1-5-21-1-2-3-500")
    assert names.parse_base("<SID=S-1-5-21-1-2-3-500>") == SidName(sid) == names.parse_base(f"<SID={sid.hex()}>")
    for broken in ("<GUID=xyz>", "<SID=S-1>", "<WKGUID=1,DC=x>"):
        with pytest.raises(InvalidNameError):
            names.parse_base(broken)


@given(st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=15), st.integers(0, 2**48 - 1))
def test_sids_are_the_same_in_both_forms(sub: list[int], authority: int) -> None:
    text = "-".join(map(str, ("S", 1, authority, *sub)))
    assert sids.text(sids.parse(text)) == text
