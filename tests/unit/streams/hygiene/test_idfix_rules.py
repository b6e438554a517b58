"""Every rule of idfix.md sections 4 to 8: one value that breaks it, with the proposal, and one that just keeps it."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from streams.hygiene.check import check
from streams.hygiene.faults import Fault
from streams.hygiene.idfix.options import IdfixOptions
from streams.hygiene.idfix.profile import idfix_profile
from streams.hygiene.rules import Profile, Rule, UniqueRule
from tests.support.hygiene_subjects import DEDICATED, IDFIX, UNKNOWN, Values, scanned, thing


@dataclass(frozen=True)
class Case:
    """A value of an attribute, and what IdFix says of it."""

    rule: str
    attribute: str
    value: Values
    errors: tuple[str, ...]
    proposed: str | None
    kind: str = "user"
    others: dict[str, Values] = field(default_factory=dict)


BROKEN = [
    Case("MT-DN-LEN", "displayName", "x" * 256, ("Length",), "x" * 255),
    Case("MT-DN-BLANK", "displayName", None, ("Blank",), "Jane Doe"),
    Case("MT-DN-BLANK", "displayName", "", ("Blank",), "Jane Doe"),
    Case("MT-GN-LEN", "givenName", "x" * 64, ("Length",), "x" * 63),
    Case("MT-MAIL-LEN", "mail", "x" * 257, ("Length",), "x" * 256),
    Case("MT-NICK-LEN", "mailNickname", "x" * 65, ("Length",), "x" * 64),
    Case("MT-NICK-DOT", "mailNickname", "..jane.", ("Character",), "jane."),
    Case("MT-NICK-DOT", "mailNickname", "...", ("Character",), "Jane Doe"),
    Case("MT-PA-LEN", "proxyAddresses", "sip:" + "x" * 253, ("Length",), "sip:" + "x" * 252),
    Case("MT-PA-COLON", "proxyAddresses", "sip:a:b:c", ("Character",), "sip:abc"),
    Case("MT-PA-CHAR-SMTP", "proxyAddresses", "smtp:ja;ne@contoso.com", ("Character",), "smtp:jane@contoso.com"),
    Case("MT-PA-CHAR-SMTP", "proxyAddresses", "\u2003smtp:ja[n]e@contoso.com", ("Character",), "smtp:jane@contoso.com"),
    Case("MT-PA-RFC", "proxyAddresses", "smtp:jané@contoso.com", ("LocalPart",), "smtp:jan@contoso.com"),
    Case("MT-PA-RFC", "proxyAddresses", "smtp:j@ne@contoso.com", ("LocalPart",), "smtp:jne@contoso.com"),
    Case("MT-PA-RFC", "proxyAddresses", "smtp:jane.@contoso.com", ("LocalPart",), "smtp:jane@contoso.com"),
    Case("MT-PA-RFC", "proxyAddresses", "smtp:ja..ne@contoso.com", ("Format", "LocalPart"), "smtp:ja..ne@contoso.com"),
    Case("MT-PA-RFC", "proxyAddresses", "smtp:jane@cont_oso.com", ("DomainPart",), "smtp:jane@contoso.com"),
    Case("MT-PA-RFC", "proxyAddresses", "smtp:jane@-a.com", ("Format", "DomainPart"), "smtp:jane@-a.com"),
    Case("MT-PA-CHAR-X400", "proxyAddresses", 'X.400:c="us"', ("Character",), "X.400:c=us"),
    Case("MT-PA-CHAR-X500", "proxyAddresses", "x500:/o=O'Brien", ("Character",), "x500:/o=OBrien"),
    Case("MT-PA-CHAR-OTHER", "proxyAddresses", "sip:jane doe@contoso.com", ("Character",), "sip:janedoe@contoso.com"),
    Case("MT-SAM-LEN", "sAMAccountName", "x" * 21, ("Length",), "x" * 20),
    Case("MT-SAM-LEN", "sAMAccountName", "x" * 257, ("Length",), "x" * 256, kind="inetOrgPerson"),
    Case(
        "MT-SAM-CHAR",
        "sAMAccountName",
        'a"b[c]d:e;f|g=h+i*j?k<l>m/n\\o,',
        ("Length", "Character"),
        "abcdefghij",
        others={"userPrincipalName": "jane@contoso.com"},
    ),
    Case("MT-TA-LEN", "targetAddress", "x500:" + "x" * 251, ("Length",), "x500:" + "x" * 250),
    Case("MT-TA-COLON", "targetAddress", "SMTP:a:b@contoso.com", ("Character",), "SMTP:ab@contoso.com"),
    Case("MT-TA-CHAR-SMTP", "targetAddress", "smtp:a\\b@contoso.com", ("Character",), "smtp:ab@contoso.com"),
    Case("MT-TA-RFC", "targetAddress", "smtp:a@contoso.corp", ("TopLevelDomain",), "smtp:a@contoso.corp"),
    Case("MT-TA-CHAR-OTHER", "targetAddress", "x500:/o=a (b)", ("Character",), "x500:/o=ab"),
    # the cut takes the dot away, so no top-level domain is looked up (section 5.1)
    Case(
        "MT-UPN-LEN",
        "userPrincipalName",
        "a" * 105 + "@contoso.com",
        ("Length", "Format", "DomainPart"),
        "a" * 105 + "@contoso",
    ),
    Case("MT-UPN-CHAR", "userPrincipalName", "o'br\u00a0ien%@contoso.com", ("Character",), "obrien@contoso.com"),
    Case("MT-UPN-CHAR", "userPrincipalName", "\x85jÜrgen@contoso.com", ("Character",), "jrgen@contoso.com"),
    Case("MT-UPN-RFC", "userPrincipalName", "renée@contoso.com", ("LocalPart",), "rene@contoso.com"),
    Case("MT-UPN-RFC", "userPrincipalName", "jane@contoso.local", ("TopLevelDomain",), "jane@contoso.local"),
]
BROKEN_DEDICATED = [
    Case("D-DN-LEN", "displayName", "x" * 257, ("Length",), "x" * 256),
    Case("D-DN-TRIM", "displayName", "\tJane\u3000", ("Character",), "Jane"),
    Case("D-DN-BLANK", "displayName", None, ("Blank",), "Jane Doe", kind="group"),
    Case("D-MAIL-LEN", "mail", "a" * 250 + "@contoso.com", ("Length", "Format", "DomainPart"), "a" * 250 + "@conto"),
    Case("D-MAIL-WS", "mail", "ja ne@contoso.com", ("Character",), "jane@contoso.com"),
    Case("D-MAIL-RFC", "mail", "jane@contoso.local", ("TopLevelDomain",), "jane@contoso.local"),
    Case("D-NICK-LEN", "mailNickname", "x" * 65, ("Length",), "x" * 64),
    Case("D-NICK-CHAR", "mailNickname", "j@ne'", ("Character",), "jne"),
    Case("D-NICK-CHAR", "mailNickname", "#", ("Character",), "Jane Doe"),
    Case(
        "D-NICK-BLANK", "mailNickname", None, ("Blank",), "Jane.Doe",
        kind="contact", others={"givenName": "Jane", "sn": "Doe", "homeMDB": "x"},
    ),
    Case(
        "D-NICK-BLANK", "mailNickname", None, ("Blank",), "jd",
        kind="contact", others={"sAMAccountName": "jd", "homeMDB": "x"},
    ),
    Case("D-NICK-BLANK", "mailNickname", None, ("Blank",), "Jane Doe", kind="contact", others={"homeMDB": "x"}),
    Case("D-PA-LEN", "proxyAddresses", "sip:" + "x" * 253, ("Length",), "sip:" + "x" * 252),
    Case("D-PA-COLON", "proxyAddresses", "sip:a:b", ("Character",), "sip:ab"),
    Case("D-PA-RFC", "proxyAddresses", "smtp:a@b", ("Format", "DomainPart"), "smtp:a@b"),
    Case("D-TA-LEN", "targetAddress", "x" * 257, ("Length",), "x" * 256),
    Case(
        "D-TA-BLANK", "targetAddress", None, ("Blank",), "SMTP:j@contoso.com",
        kind="contact", others={"mail": "j@contoso.com", "mailNickname": "j"},
    ),
    Case("D-TA-BLANK", "targetAddress", None, ("Blank",), None),
    Case("D-TA-RFC", "targetAddress", "smtp:a@b.local", ("TopLevelDomain",), "smtp:a@b.local"),
]  # fmt: skip

KEPT = [
    Case("MT-DN-LEN", "displayName", "x" * 255, (), None),
    Case("MT-DN-BLANK", "displayName", " ", (), None),
    Case("MT-GN-LEN", "givenName", "x" * 63, (), None),
    Case("MT-MAIL-LEN", "mail", "not an address", (), None),
    Case("MT-NICK-LEN", "mailNickname", "x" * 64, (), None),
    Case("MT-NICK-DOT", "mailNickname", "a.b. #", (), None),
    Case("MT-PA-LEN", "proxyAddresses", "sip:" + "x" * 252, (), None),
    Case("MT-PA-COLON", "proxyAddresses", ":a:b", (), None),
    Case("MT-PA-CHAR-OTHER", "proxyAddresses", "EUM:1;phone-context=x", (), None),
    Case("MT-PA-CHAR-X500", "proxyAddresses", "X500:/o=A (b); c", (), None),
    Case("MT-PA-RFC", "proxyAddresses", "SMTP:a&b=c/d@a-b.contoso.com\n"[:-1], (), None),
    Case("MT-SAM-LEN", "sAMAccountName", "x" * 256, (), None, kind="contact"),
    Case("MT-SAM-CHAR", "sAMAccountName", "a'b&c", (), None),
    Case("MT-TA-LEN", "targetAddress", "x500:" + "x" * 250, (), None),
    Case("MT-UPN-LEN", "userPrincipalName", "a" * 101 + "@contoso.com", (), None),
    Case("MT-UPN-CHAR", "userPrincipalName", "a-_!#^~$`.b@contoso.com", (), None),
]


def _faults(case: Case, profile: Profile) -> list[Fault]:
    subject = thing(case.kind, **{**case.others, case.attribute: case.value})
    return [fault for fault in check(subject, profile, UNKNOWN) if fault.attribute == case.attribute]


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.rule)
def test_multi_tenant_rule_fires_and_proposes(case: Case) -> None:
    (fault,) = _faults(case, IDFIX)
    assert fault.errors == case.errors
    assert fault.proposed_value == case.proposed
    assert case.rule in fault.rules


@pytest.mark.parametrize("case", KEPT, ids=lambda case: case.rule)
def test_multi_tenant_rule_keeps_quiet_at_its_limit(case: Case) -> None:
    assert _faults(case, IDFIX) == []


@pytest.mark.parametrize("case", BROKEN_DEDICATED, ids=lambda case: case.rule)
def test_dedicated_rule_fires_and_proposes(case: Case) -> None:
    (fault,) = _faults(case, DEDICATED)
    assert fault.errors == case.errors
    assert fault.proposed_value == case.proposed
    assert case.rule in fault.rules


def test_every_rule_of_both_modes_has_a_case() -> None:
    covered = {case.rule for case in (*BROKEN, *BROKEN_DEDICATED)}
    for profile in (IDFIX, DEDICATED):
        judged = {rule.id for rule in profile.catalogue if isinstance(rule, Rule)}
        assert judged <= covered


def test_uniqueness_rules_are_those_of_the_reference() -> None:
    unique = {
        rule.id: rule.attribute
        for profile in (IDFIX, DEDICATED)
        for rule in profile.catalogue
        if isinstance(rule, UniqueRule)
    }
    assert unique == {
        "MT-MAIL-DUP": "mail",
        "MT-NICK-DUP": "mailNickname",
        "MT-PA-DUP": "proxyAddresses",
        "MT-SAM-DUP": "sAMAccountName",
        "MT-TA-DUP": "targetAddress",
        "MT-UPN-DUP": "userPrincipalName",
        "D-MAIL-DUP": "mail",
        "D-NICK-DUP": "mailNickname",
        "D-PA-DUP": "proxyAddresses",
    }


def test_alternate_login_turns_the_upn_rules_off() -> None:
    subject = thing(userPrincipalName="bad user@contoso.local")
    assert check(subject, IDFIX, UNKNOWN)
    assert check(subject, idfix_profile(IdfixOptions(alternate_login=True)), UNKNOWN) == ()


def test_dedicated_mode_has_no_upn_account_name_or_given_name_rule_and_no_target_duplicate() -> None:
    subjects = [
        thing(
            name=name, userPrincipalName="a b", sAMAccountName="a|b" * 9, givenName="x" * 99, targetAddress="x500:same",
            mail=f"{name}@contoso.com",
        )
        for name in ("One", "Two")
    ]  # fmt: skip
    assert scanned(DEDICATED, *subjects) == []


def test_the_period_rule_of_dedicated_mode_never_reports() -> None:
    assert check(thing(mailNickname=".j.", homeMDB="x"), DEDICATED, UNKNOWN) == ()


def test_smtp_anywhere_in_the_stored_value_picks_the_rules() -> None:
    """The rules are picked by the stored value; the mail-format rule looks at what the colon repair left."""
    (fault,) = check(thing(proxyAddresses="x500:smtp:a@contoso.com"), IDFIX, UNKNOWN)
    assert fault.rules == ("MT-PA-COLON", "MT-PA-RFC")
    assert fault.proposed_value == "x500smtpa@contoso.com"


def test_a_prefix_is_trimmed_and_the_address_is_not() -> None:
    (fault,) = check(thing(proxyAddresses=" smtp:a@b"), DEDICATED, UNKNOWN)[:1]
    assert fault.proposed_value == "smtp:a@b"


def test_the_dot_that_is_looked_up_may_stand_in_the_local_part() -> None:
    (fault,) = check(thing(userPrincipalName="jane.doe@contoso"), IDFIX, UNKNOWN)
    assert "TopLevelDomain" in fault.errors


def test_one_trailing_newline_passes_the_domain_test_as_in_dotnet() -> None:
    assert (
        "DomainPart"
        not in check(thing(mail="a@contoso.com\n", mailNickname="a", homeMDB="x"), DEDICATED, UNKNOWN)[0].errors
    )


def test_what_is_at_fault_is_pointed_at_in_utf16_units() -> None:
    (fault,) = check(thing(userPrincipalName="\U0001f600ja ne@contoso.com"), IDFIX, UNKNOWN)
    assert (fault.breaches[0].character, fault.breaches[0].position) == (" ", 4)


def test_length_is_counted_in_utf16_units_and_cut_between_characters() -> None:
    (fault,) = check(thing(givenName="x" + "\U0001f600" * 32), IDFIX, UNKNOWN)
    breach = fault.breaches[0]
    assert (breach.length, breach.limit) == (65, 63)
    assert fault.proposed_value == "x" + "\U0001f600" * 31


def test_every_proxy_value_is_judged_and_only_the_first_of_the_others() -> None:
    subject = thing(proxyAddresses=["smtp:a@contoso.com", "smtp:b c@contoso.com", "sip:d e"], mail=["a", "x" * 300])
    assert [(f.attribute, f.value) for f in check(subject, IDFIX, UNKNOWN)] == [
        ("proxyAddresses", "smtp:b c@contoso.com"),
        ("proxyAddresses", "sip:d e"),
    ]
