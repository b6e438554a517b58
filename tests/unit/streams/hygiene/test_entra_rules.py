"""Every rule of domain.md section 8 (and 2.5, 10.3) under the profile `entra`."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from streams.hygiene.check import check
from streams.hygiene.entra.forecast import cloud_nickname
from streams.hygiene.faults import Effect, Fault
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import UniqueRule
from streams.hygiene.tenant import tenant_of_domains
from tests.support.hygiene_subjects import ENTRA, TENANT, UNKNOWN, Values, errors, only_fault, scanned, thing


@dataclass(frozen=True)
class Case:
    """A value of an attribute, the errors it has and what is proposed."""

    rule: str
    attribute: str
    value: Values
    errors: tuple[str, ...]
    proposed: str | None
    others: dict[str, Values] = field(default_factory=dict)
    kind: str = "user"


MAILBOX: dict[str, Values] = {"homeMDB": "CN=DB"}
UPN = "userPrincipalName"
BROKEN = [
    Case("EN-DN-LEN", "displayName", "x" * 257, ("Length",), "x" * 256),
    Case("EN-DN-BLANK", "displayName", " \t", ("Blank",), "Jane Doe"),
    Case("EN-GN-LEN", "givenName", "x" * 65, ("Length",), "x" * 64),
    Case("EN-NICK-DOT", "mailNickname", "..jane", ("Character",), "jane"),
    Case("EN-PA-LEN", "proxyAddresses", "sip:" + "x" * 253, ("Length",), "sip:" + "x" * 252),
    Case("EN-PA-COLON", "proxyAddresses", "smtp:user:m@contoso.com", ("Character",), "smtp:userm@contoso.com"),
    Case("EN-PA-CHAR", "proxyAddresses", 'smtp:j<a>(n);,[e]"@contoso.com', ("Character",), "smtp:jane@contoso.com"),
    Case("EN-PA-CHAR", "proxyAddresses", "smtp:ren\u00e9e@contoso.com", ("Character",), "smtp:renee@contoso.com"),
    Case("EN-PA-CHAR", "proxyAddresses", "sip:jane doe@contoso.com", ("Character",), "sip:janedoe@contoso.com"),
    Case("EN-PA-CHAR", "proxyAddresses", "x500:/o=a\n", ("Character",), "x500:/o=a"),
    Case("EN-PA-RFC", "proxyAddresses", "smtp:jane", ("Format",), None),
    Case("EN-PA-RFC", "proxyAddresses", "smtp:.ja..ne.@contoso.com", ("LocalPart",), "smtp:ja.ne@contoso.com"),
    Case("EN-PA-RFC", "proxyAddresses", "smtp:ja@ne@contoso.com", ("LocalPart",), "smtp:jane@contoso.com"),
    Case("EN-PA-RFC", "proxyAddresses", "smtp:jane@con!toso.com", ("DomainPart",), "smtp:jane@contoso.com"),
    Case("EN-PA-VERIFIED", "proxyAddresses", "smtp:jane@fabrikam.com", ("UnverifiedDomain",), None, MAILBOX),
    Case("EN-SAM-LEN", "sAMAccountName", "x" * 21, ("Length",), "x" * 20),
    Case("EN-SAM-CHAR", "sAMAccountName", "a'b", ("Character",), "ab"),
    Case("EN-SAM-CHAR", "sAMAccountName", '["|,/:<>+=;?*\\]ab', ("Character",), "ab"),
    Case("EN-TA-LEN", "targetAddress", "sip:" + "x" * 253, ("Length",), "sip:" + "x" * 252),
    Case("EN-TA-COLON", "targetAddress", "smtp:a:b@fabrikam.com", ("Character",), "smtp:ab@fabrikam.com"),
    Case("EN-TA-CHAR", "targetAddress", "smtp:a\\b c@fabrikam.com", ("Character",), "smtp:abc@fabrikam.com"),
    Case("EN-TA-RFC", "targetAddress", "smtp:fabrikam.com", ("Format",), None),
    Case("EN-UPN-LEN", UPN, "x" * 65 + "@contoso.com", ("Length",), "x" * 64 + "@contoso.com"),
    Case("EN-UPN-AT", UPN, "jane", ("Format",), "jane@contoso.com"),
    Case("EN-UPN-AT", UPN, "@contoso.com", ("Format",), None),
    Case("EN-UPN-AT", UPN, "ja@ne@contoso.com", ("Format",), "jane@contoso.com"),
    Case("EN-UPN-CHAR", UPN, "ja ne\n@contoso.com", ("Character",), "jane@contoso.com"),
    Case("EN-UPN-CHAR", UPN, "\u00df\u00fc\u0142@contoso.com", ("Character",), "ssul@contoso.com"),
    Case("EN-UPN-CHAR", UPN, '\\%*+/=?{}|<>();:,[]"&x@contoso.com', ("Character",), "x@contoso.com"),
    Case("EN-UPN-CHAR", UPN, "\u5f20@contoso.com", ("Character",), None),
    Case("EN-UPN-DOT", UPN, "jane.@contoso.com", ("LocalPart",), "jane@contoso.com"),
    Case("EN-UPN-SUFFIX", UPN, "jane@con toso.com", ("DomainPart",), "jane@contoso.com"),
    Case("EN-UPN-TLD", UPN, "jane@corp.local", ("TopLevelDomain", "UnverifiedDomain"), "jane@contoso.com"),
    Case("EN-UPN-VERIFIED", UPN, "jane@fabrikam.com", ("UnverifiedDomain",), "jane@contoso.com"),
    Case("EN-UPN-VERIFIED", UPN, "jane@sub.contoso.com", ("UnverifiedDomain",), "jane@contoso.com"),
    Case("EN-UPN-PRIMARY", UPN, "jane@contoso.com", ("AddressMismatch",), None, {"mail": "jd@contoso.com"}),
    Case(
        "EN-PA-PRIMARY", "proxyAddresses", ["SMTP:a@contoso.com", "SMTP:b@contoso.com"],
        ("PrimaryAddress",), "smtp:b@contoso.com",
    ),
    Case(
        "EN-PA-COUNT", "proxyAddresses", [f"smtp:a{n}@contoso.com" for n in range(301)], ("TooManyValues",), None
    ),
    Case("EN-CERT-COUNT", "userCertificate", [f"{n}" for n in range(16)], ("TooManyValues",), None),
    Case("EN-SMIME-COUNT", "userSMIMECertificate", [f"{n}" for n in range(16)], ("TooManyValues",), None),
]  # fmt: skip

KEPT = [
    Case("EN-DN-LEN", "displayName", "x" * 256, (), None),
    Case("EN-DN-BLANK", "displayName", None, (), None),
    Case("EN-GN-LEN", "givenName", "x" * 64, (), None),
    Case("mail", "mail", "anything at all", (), None),
    Case("EN-NICK-DOT", "mailNickname", "a." + "x" * 100, (), None),
    Case("EN-PA-LEN", "proxyAddresses", "sip:" + "x" * 252, (), None),
    Case("EN-PA-CHAR", "proxyAddresses", "EUM:1;phone-context=x", (), None),
    Case("EN-PA-CHAR", "proxyAddresses", "NOTES:Emil Notes/Sales/Contoso@CONTOSO", (), None),
    Case("EN-PA-CHAR", "proxyAddresses", "GWISE:Sales.Contoso.Emil (Notes)", (), None),
    Case("EN-PA-COLON", "proxyAddresses", "CCMAIL:Emil, Notes at Post:Office", (), None),
    Case("EN-PA-RFC", "proxyAddresses", "SMTP:o'b&c=d/e@any.thing.corp", (), None),
    Case("EN-PA-VERIFIED", "proxyAddresses", "smtp:jane@fabrikam.com", (), None),
    Case("EN-PA-VERIFIED", "proxyAddresses", "sip:jane@fabrikam.com", (), None, MAILBOX),
    Case("EN-SAM-LEN", "sAMAccountName", "x" * 21, (), None, {UPN: "jane@contoso.com"}),
    Case("EN-SAM-LEN", "sAMAccountName", "x" * 200, (), None, kind="group"),
    Case("EN-TA-LEN", "targetAddress", "SMTP:jane@contoso.mail.onmicrosoft.com", (), None),
    Case("EN-UPN-LEN", UPN, "x" * 64 + "@contoso.com", (), None),
    Case("EN-UPN-CHAR", UPN, "o'b.r-i_e!n#^~@contoso.com", (), None),
    Case("EN-UPN-VERIFIED", UPN, "jane@CONTOSO.com", (), None),
    Case("EN-UPN-PRIMARY", UPN, "jane@contoso.com", (), None, {"mail": "JANE@contoso.com"}),
    Case("EN-CERT-COUNT", "userCertificate", ["x"] * 15, (), None),
]


def _faults(case: Case) -> list[Fault]:
    subject = thing(case.kind, **{**case.others, case.attribute: case.value})
    return [fault for fault in check(subject, ENTRA, TENANT) if fault.attribute == case.attribute]


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case.rule)
def test_rule_fires_and_proposes(case: Case) -> None:
    (fault,) = _faults(case)
    assert fault.errors == case.errors
    assert fault.proposed_value == case.proposed
    assert case.rule in fault.rules


@pytest.mark.parametrize("case", KEPT, ids=lambda case: case.rule)
def test_rule_keeps_quiet_at_its_limit(case: Case) -> None:
    assert _faults(case) == []


def test_every_rule_has_a_case_and_a_source() -> None:
    judged = {rule.id for rule in ENTRA.catalogue if not isinstance(rule, UniqueRule)}
    assert judged == {case.rule for case in BROKEN}
    assert all(rule.source for rule in ENTRA.catalogue)


def test_part_limits_of_the_upn_add_up_to_the_published_113() -> None:
    tenant = tenant_of_domains(["x" * 44 + ".com"])
    assert errors(thing(userPrincipalName="a" * 64 + "@" + "x" * 44 + ".com"), ENTRA, tenant) == {}
    fault = only_fault(thing(userPrincipalName="a@" + "x" * 45 + ".com"), ENTRA, UNKNOWN)
    assert [(breach.length, breach.limit) for breach in fault.breaches] == [(49, 48)]


def test_account_name_matters_where_the_upn_is_missing_or_invalid() -> None:
    bad = "a|b"
    assert "sAMAccountName" in errors(thing(sAMAccountName=bad), ENTRA)
    assert "sAMAccountName" in errors(thing(sAMAccountName=bad, userPrincipalName="ja ne@contoso.com"), ENTRA)
    assert "sAMAccountName" not in errors(thing(sAMAccountName=bad, userPrincipalName="jane@corp.local"), ENTRA)


def test_without_verified_domains_no_rule_judges_by_them() -> None:
    subject = thing(userPrincipalName="jane@fabrikam.com", proxyAddresses="SMTP:jane@fabrikam.com", homeMDB="x")
    assert errors(subject, ENTRA, UNKNOWN) == {}
    assert set(errors(subject, ENTRA, TENANT)) == {"userPrincipalName", "proxyAddresses"}


@pytest.mark.parametrize(
    ("attributes", "nickname"),
    [
        ({"mailNickname": "nick", "mail": "m@contoso.com"}, "nick"),
        ({"proxyAddresses": ["smtp:second@a", "SMTP:primary@a"], "mail": "m@contoso.com"}, "primary"),
        ({"mail": "m@contoso.com", UPN: "u@corp.local"}, "m"),
        ({UPN: "u@corp.local", "proxyAddresses": "smtp:second@a"}, "u"),
        ({"proxyAddresses": "smtp:second@a"}, "second"),
        ({"sAMAccountName": "j"}, None),
    ],
)
def test_forecast_takes_the_first_name_in_the_documented_order(
    attributes: dict[str, Values], nickname: str | None
) -> None:
    assert cloud_nickname(thing(**attributes)) == nickname


def test_a_upn_that_entra_rewrites_comes_with_the_forecast_of_the_new_one() -> None:
    fault = only_fault(thing(userPrincipalName="jane@corp.local", mailNickname="jd"), ENTRA)
    assert {breach.forecast for breach in fault.breaches} == {"jd@contoso.onmicrosoft.com"}
    assert {breach.effect for breach in fault.breaches} == {Effect.REWRITES}


def test_the_objects_own_verified_address_decides_the_proposed_suffix() -> None:
    subject = thing(userPrincipalName="jane@corp.local", proxyAddresses="SMTP:jane@XN--MNCHEN-3YA.de")
    assert check(subject, ENTRA, TENANT)[0].proposed_value == "jane@XN--MNCHEN-3YA.de"


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("user", {"isCriticalSystemObject": "TRUE"}),
        ("user", {"sAMAccountName": "MSOL_1"}),
        ("group", {"adminDescription": "Group_0f4c"}),
        ("user", {"sAMAccountName": "AAD_1"}),
        ("user", {"sAMAccountName": "SUPPORT_388945a0"}),
        ("user", {"sAMAccountName": "CAS_{1}"}),
        ("user", {"mailNickname": "SystemMailbox{1}"}),
        ("inetOrgPerson", {"mailNickname": "CAS_{1}"}),
        ("user", {"msExchRecipientTypeDetails": "4096"}),
        ("group", {"msExchRecipientTypeDetails": str(0x40000000)}),
        ("group", {"sAMAccountName": "MSOL_AD_Sync_RichCoexistence"}),
        ("contact", {"displayName": "x (MSOL)", "msExchHideFromAddressLists": "TRUE"}),
        ("contact", {"mailNickname": "CAS_{1}"}),
        ("computer", {}),
    ],
)
def test_what_connect_never_synchronises_is_left_out(kind: str, attributes: dict[str, Values]) -> None:
    bad = {"proxyAddresses": "smtp:a b@contoso.com", **attributes}
    assert ENTRA.skip(thing(kind, **bad)) is not None
    assert check(thing(kind, **bad), ENTRA, TENANT) == ()


def test_replication_conflicts_are_left_out() -> None:
    subject = DirectoryObject("CN=J\\0ACNF:1,DC=contoso,DC=com", ("user",), {UPN: ["a b"]})
    assert check(subject, ENTRA, TENANT) == ()


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("user", {"msExchRecipientTypeDetails": "1"}),
        ("user", {"msExchRecipientTypeDetails": "?"}),
        ("user", {"sAMAccountName": "CAS_people"}),
        ("contact", {"displayName": "x (MSOL)"}),
    ],
)
def test_what_only_resembles_a_service_object_is_checked(kind: str, attributes: dict[str, Values]) -> None:
    assert ENTRA.skip(thing(kind, **attributes)) is None


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"mail": "a@contoso.com"}, {"proxyAddresses": "smtp:A@contoso.com"}),
        ({UPN: "a@contoso.com"}, {"mail": "a@contoso.com"}),
        ({UPN: "a@contoso.com"}, {"proxyAddresses": ["SMTP:z@contoso.com", "smtp:a@contoso.com"]}),
        ({"mailNickname": "a"}, {"mailNickname": "A"}),
        ({"targetAddress": "smtp:a@b.com"}, {"targetAddress": "SMTP:A@b.com"}),
        ({"proxyAddresses": "sip:a@contoso.com"}, {"proxyAddresses": "SIP:a@contoso.com"}),
        ({"sAMAccountName": "a"}, {"sAMAccountName": "A"}),
    ],
)
def test_uniqueness_spans_addresses_and_classes_and_faults_all_holders(
    one: dict[str, Values], two: dict[str, Values]
) -> None:
    first, second = thing("user", "One", **one), thing("user", "Two", **two)
    rows = [(name, fault.holders) for name, _, fault in scanned(ENTRA, first, second) if "Duplicate" in fault.errors]
    assert rows == [("One", (second.dn,)), ("Two", (first.dn,))]


def test_an_object_never_clashes_with_itself() -> None:
    address = "a@contoso.com"
    subject = thing(
        userPrincipalName=address, mail=address, proxyAddresses=["SMTP:" + address, "smtp:" + address.upper()]
    )
    assert scanned(ENTRA, subject) == []


def test_the_forecast_has_underscores_for_what_a_nickname_may_not_hold() -> None:
    fault = only_fault(thing(userPrincipalName="j\u00fcrgen m@contoso.com"), ENTRA)
    assert fault.breaches[0].forecast == "j_rgen_m@contoso.onmicrosoft.com"
