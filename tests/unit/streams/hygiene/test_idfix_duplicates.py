"""IdFix's duplicates (idfix.md section 6): what is compared, in which order, what is proposed, who is named."""

from __future__ import annotations

import pytest

from streams.hygiene.faults import Action, Fault
from tests.support.hygiene_subjects import DEDICATED, IDFIX, Values, scanned, thing


def duplicates(*rows: tuple[str, str, Fault]) -> list[tuple[str, str, Action]]:
    return [(name, attribute, fault.proposed_action) for name, attribute, fault in rows if "Duplicate" in fault.errors]


def pair(attribute: str, first: Values, second: Values, **others: Values) -> list[tuple[str, str, Action]]:
    """The duplicate rows of two objects, named One and Two; `others` are the second's."""
    return duplicates(
        *scanned(IDFIX, thing(name="One", **{attribute: first}), thing(name="Two", **{attribute: second, **others}))
    )


@pytest.mark.parametrize("attribute", ["mail", "mailNickname", "targetAddress", "sAMAccountName"])
def test_the_later_object_is_at_fault_and_the_first_holder_gets_an_extra_row(attribute: str) -> None:
    assert pair(attribute, "same", "SAME") == [("One", attribute, "Edit"), ("Two", attribute, "Edit")]


def test_the_extra_row_comes_again_for_every_further_repeat() -> None:
    things = [thing(name=name, mail="a@contoso.com") for name in ("One", "Two", "Three")]
    assert [name for name, _, _ in duplicates(*scanned(IDFIX, *things))] == ["One", "Two", "One", "Three"]


def test_the_extra_row_shows_the_later_objects_value_and_class() -> None:
    first, later = thing("contact", "One", mail="a@contoso.com"), thing("user", "Two", mail="A@contoso.com")
    (_, _, row), _ = scanned(IDFIX, first, later)
    assert (row.dn, row.value, row.object_class) == (first.dn, "A@contoso.com", "user")
    assert row.holders == (later.dn,)


def test_attributes_and_prefixes_are_never_compared_with_each_other() -> None:
    one = thing(
        name="One", mail="a@contoso.com", proxyAddresses="smtp:a@contoso.com", userPrincipalName="b@contoso.com"
    )
    two = thing(name="Two", mail="b@contoso.com", proxyAddresses="sip:a@contoso.com", userPrincipalName="a@contoso.com")
    assert scanned(IDFIX, one, two) == []


def test_upn_is_compared_as_repaired_and_the_first_holder_is_then_not_named_in_a_row() -> None:
    one, two = (
        thing(name="One", userPrincipalName="obrien@contoso.com"),
        thing(name="Two", userPrincipalName="o'brien@contoso.com"),
    )
    rows = scanned(IDFIX, one, two)
    assert [(name, fault.errors) for name, _, fault in rows] == [("Two", ("Character", "Duplicate"))]
    assert rows[0][2].holders == (one.dn,)


def test_proxy_clash_that_the_character_repair_makes_is_not_reported_but_the_proposal_says_so() -> None:
    one, two = (
        thing(name="One", proxyAddresses="smtp:janedoe@contoso.com"),
        thing(name="Two", proxyAddresses="smtp:jane doe@contoso.com"),
    )
    ((_, _, fault),) = scanned(IDFIX, one, two)
    assert fault.errors == ("Character",)
    assert fault.proposed_value_holders == (one.dn,)


def test_account_name_is_compared_only_among_objects_without_upn() -> None:
    assert pair("sAMAccountName", "j", "j", userPrincipalName="j@contoso.com") == []


@pytest.mark.parametrize(
    ("attribute", "value", "others", "action"),
    [
        ("mail", "a@contoso.com", {}, "Edit"),
        ("mail", "a@contoso.com", {"mailNickname": "z"}, "Complete"),
        ("sAMAccountName", "a", {"mailNickname": "z"}, "Complete"),
        ("userPrincipalName", "a@contoso.com", {"mailNickname": "z"}, "Complete"),
        ("mailNickname", "a", {}, "Edit"),
        ("mailNickname", "a", {"homeMDB": "x"}, "Complete"),
        ("targetAddress", "smtp:a@contoso.com", {"mailNickname": "z"}, "Edit"),
        ("proxyAddresses", "smtp:a@contoso.com", {"mailNickname": "z"}, "Complete"),
        ("proxyAddresses", "smtp:a@contoso.com", {}, "Remove"),
        ("proxyAddresses", "sip:a@contoso.com", {}, "Edit"),
        # compared with value number 0 of the attribute, so never right for a later one
        ("proxyAddresses", ["smtp:z@contoso.com", "smtp:a@contoso.com"], {}, "Edit"),
    ],
)
def test_proposed_action(attribute: str, value: Values, others: dict[str, Values], action: str) -> None:
    last = value if isinstance(value, str) else (value or [""])[-1]
    rows = pair(attribute, last, value, **others)
    assert rows[-1] == ("Two", attribute, action)
    assert [name for name, _, _ in rows] == (["One", "Two"] if action == "Edit" else ["Two"])


def test_an_object_that_repeats_its_own_value_is_at_fault() -> None:
    rows = scanned(IDFIX, thing(proxyAddresses=["sip:a", "SIP:A"]))
    assert [(fault.value, fault.errors, fault.holders) for _, _, fault in rows][-1] == ("SIP:A", ("Duplicate",), ())


def test_accents_compare_as_linguistic_text() -> None:
    assert pair("mail", "jos\u00e9", "JOSE\u0301\u200b") == [("One", "mail", "Edit"), ("Two", "mail", "Edit")]
    assert pair("mail", "jos\u00e9", "jose") == []


def test_dedicated_mode_compares_mail_after_whitespace_and_format_repair() -> None:
    common = {"homeMDB": "x"}
    one, two = (
        thing(name="One", mail="jane@contoso.com", **common),
        thing(name="Two", mail="ja ne@contoso.com", **common),
    )
    assert [(name, fault.errors) for name, _, fault in scanned(DEDICATED, one, two)] == [
        ("Two", ("Character", "Duplicate"))
    ]
