"""Whoever names an object cannot move it, nor give it another domain."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contracts.distinguished_name import container_of, dns_domain, is_place, normal, parts, value_of

UNIT = "OU=Staff,DC=corp,DC=contoso,DC=com"
_SPECIAL = '\\,+"<>;=#'


def written(value: str) -> str:
    """As AD writes a value: RFC 4514, section 2.4."""
    escaped = "".join(f"\\{letter}" if letter in _SPECIAL else letter for letter in value)
    return escaped.replace("\n", "\\0A").replace("\r", "\\0D")


@given(name=st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(lambda name: name == name.strip()))
def test_a_name_stays_a_name(name: str) -> None:
    dn = f"CN={written(name)},{UNIT}"
    assert container_of(dn) == UNIT
    assert value_of(parts(dn)[0]) == ("cn", name)
    assert dns_domain(dn) == "corp.contoso.com"
    assert normal(dn)[1:] == normal(UNIT)
    assert is_place(dn)


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    assert len(normal(text)) == len(parts(text))
    assert isinstance(dns_domain(text) + container_of(text), str)


@pytest.mark.parametrize(
    "spelt",
    ["ou=STAFF, dc=corp,DC=contoso , DC=com", r"OU=St\61ff,DC=corp,DC=contoso,DC=com"],
)
def test_one_unit_spelt_otherwise(spelt: str) -> None:
    assert normal(spelt) == normal(UNIT)


def test_escaped_bytes_are_one_letter() -> None:
    assert value_of(r"OU=M\C3\BCnchen") == ("ou", "München")


def test_nothing_has_no_container_and_no_domain() -> None:
    assert (container_of("DC=com"), container_of(""), dns_domain(""), dns_domain("CN=x")) == ("", "", "", "")


@pytest.mark.parametrize(
    "text",
    ["", " ", "Staff", "OU=Staff", "OU=Staff,", f"{UNIT},", f",{UNIT}", f"Staff,{UNIT}", f"OU=,{UNIT}", f"OU= ,{UNIT}",
     f"{UNIT};{UNIT}", "corp.contoso.com/Staff", "corp.contoso.com", f"LDAP://{UNIT}", f'"{UNIT}"',
     "DC=corp,OU=Staff"],
)  # fmt: skip
def test_what_names_no_place_in_a_directory(text: str) -> None:
    assert not is_place(text)


@pytest.mark.parametrize("text", [UNIT, "dc=corp", "ou = Staff , dc = corp", r"OU=a\,b\;c,DC=corp", "1.2.3=x,DC=corp"])
def test_what_names_one(text: str) -> None:
    assert is_place(text)
