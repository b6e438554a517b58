"""Every documented difference between IdFix and what Entra does: one object, both verdicts."""

from __future__ import annotations

from itertools import chain

import pytest

from streams.hygiene.objects import DirectoryObject
from streams.hygiene.tenant import tenant_of_domains
from tests.support.hygiene_subjects import ENTRA, IDFIX, Values, errors, scanned, thing

_OURS = tenant_of_domains(
    ["contoso.com", "contoso.app", "contoso.onmicrosoft.com", "m\u00fcnchen.de", "contoso.xn--p1ai"]
)
_LONG_LOCAL = "x" * 65 + "@contoso.com"
_LONG_SUFFIX = "x@" + "y" * 60 + ".com"


@pytest.mark.parametrize(
    ("attributes", "idfix", "entra"),
    [
        # the apostrophe is a valid character of a UPN (idfix.md 12, #13)
        ({"userPrincipalName": "o'brien@contoso.com"}, ["Character"], []),
        # Exchange writes X500 names with apostrophes itself (#79)
        ({"proxyAddresses": "x500:/o=C/cn=O'Brien"}, ["Character"], []),
        # targetAddress has no X400/X500 exception in IdFix
        ({"targetAddress": "x500:/o=Contoso (old)/cn=a"}, ["Character"], []),
        # internationalised domains, as U-label and as A-label
        ({"userPrincipalName": "jane@m\u00fcnchen.de"}, ["Character"], []),
        ({"proxyAddresses": "smtp:jane@m\u00fcnchen.de"}, ["DomainPart"], []),
        ({"userPrincipalName": "jane@contoso.xn--p1ai"}, ["Format", "TopLevelDomain", "DomainPart"], []),
        # a top-level domain younger than IdFix's list
        ({"userPrincipalName": "jane@contoso.app"}, ["TopLevelDomain"], []),
        # the suffix is looked up in the tenant, not only among top-level domains
        ({"userPrincipalName": "jane@fabrikam.com"}, [], ["UnverifiedDomain"]),
        # the parts of a UPN have limits of their own
        ({"userPrincipalName": _LONG_LOCAL}, [], ["Length"]),
        ({"userPrincipalName": _LONG_SUFFIX}, [], ["Length", "UnverifiedDomain"]),
        # the published limits are one longer than IdFix's
        ({"displayName": "x" * 256}, ["Length"], []),
        ({"givenName": "x" * 64}, ["Length"], []),
        ({"targetAddress": "sip:" + "x" * 252}, ["Length"], []),
        # no limit is published for these
        ({"mailNickname": "x" * 65}, ["Length"], []),
        ({"mail": "x" * 257}, ["Length"], []),
        # the dollar sign is on IdFix's list of what passes, and not on Microsoft's of what is allowed
        ({"userPrincipalName": "ja$ne@contoso.com"}, [], ["Character"]),
        # accents: six umlauts are characters to IdFix, any other is a wrong local part; to Entra all are characters
        ({"userPrincipalName": "ren\u00e9@contoso.com"}, ["LocalPart"], ["Character"]),
        ({"proxyAddresses": "smtp:ren\u00e9@contoso.com"}, ["LocalPart"], ["Character"]),
        # an address need not be routable, except as a UPN suffix
        ({"proxyAddresses": "smtp:jane@contoso.local"}, ["TopLevelDomain"], []),
        # `smtp:` is a prefix, not any five characters
        ({"proxyAddresses": "EUM:smtp@contoso.corp"}, [], []),
        ({"proxyAddresses": "x400:c=us;smtp:x"}, ["Character", "Format", "DomainPart", "LocalPart"], []),
        # a blank name: a space is blank to Entra, absence is not
        ({"displayName": " "}, [], ["Blank"]),
        ({"displayName": None}, ["Blank"], []),
        # a bad account name is tolerated beside a good UPN
        ({"sAMAccountName": "a|b", "userPrincipalName": "jane@contoso.com"}, ["Character"], []),
        # the apostrophe in an account name is barred by Microsoft's list alone
        ({"sAMAccountName": "a'b"}, [], ["Character"]),
        # UPN and primary address should be one
        ({"userPrincipalName": "jane@contoso.com", "mail": "jd@contoso.com"}, [], ["AddressMismatch"]),
        ({"proxyAddresses": ["SMTP:a@contoso.com", "SMTP:b@contoso.com"]}, [], ["PrimaryAddress"]),
        ({"userCertificate": [str(n) for n in range(16)]}, [], ["TooManyValues"]),
    ],
)  # fmt: skip
def test_both_verdicts(attributes: dict[str, Values], idfix: list[str], entra: list[str]) -> None:
    subject = thing(**attributes)
    assert list(chain.from_iterable(errors(subject, IDFIX, _OURS).values())) == idfix
    assert list(chain.from_iterable(errors(subject, ENTRA, _OURS).values())) == entra


def test_addresses_clash_across_attributes_only_in_entra() -> None:
    things = thing(name="One", mail="a@contoso.com"), thing(name="Two", proxyAddresses="smtp:a@contoso.com")
    assert scanned(IDFIX, *things) == []
    assert [name for name, _, _ in scanned(ENTRA, *things)] == ["One", "Two"]


def test_all_holders_are_at_fault_in_entra_and_the_first_is_not_in_idfix() -> None:
    things = [thing(name=name, mail="a@contoso.com", mailNickname=name) for name in ("One", "Two")]
    assert [name for name, _, _ in scanned(IDFIX, *things)] == ["Two"]
    assert [name for name, _, _ in scanned(ENTRA, *things)] == ["One", "Two"]


def test_people_whose_name_starts_like_a_service_account_are_skipped_by_idfix_alone() -> None:
    subject = thing(name="Guestova Anna", userPrincipalName="bad user@contoso.com")
    assert errors(subject, IDFIX, _OURS) == {}
    assert errors(subject, ENTRA, _OURS) == {"userPrincipalName": ["Character"]}


def test_distribution_group_without_addresses_is_skipped_by_idfix_alone() -> None:
    group = thing("group", groupType="8", mail="a@contoso.com")
    user = thing("user", "Other", mail="a@contoso.com")
    assert scanned(IDFIX, user, group) == []
    assert len(scanned(ENTRA, user, group)) == 2


def test_recipient_types_that_exchange_online_refuses_are_skipped_by_entra_alone() -> None:
    subject = thing(msExchRecipientTypeDetails="4096", userPrincipalName="a b@contoso.com")
    assert errors(subject, IDFIX, _OURS) != {}
    assert errors(subject, ENTRA, _OURS) == {}


def test_computers_are_skipped_by_entra_itself_and_by_idfix_only_through_its_query() -> None:
    assert ENTRA.skip(thing("computer")) is not None
    assert IDFIX.skip(thing("computer")) is None


def test_a_domain_verified_as_u_label_is_the_same_as_its_a_label() -> None:
    subject = DirectoryObject("CN=J,DC=x", ("user",), {"userPrincipalName": ["jane@xn--mnchen-3ya.de"]})
    assert errors(subject, ENTRA, _OURS) == {}
