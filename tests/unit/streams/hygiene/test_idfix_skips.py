"""Which objects IdFix leaves out: every row of idfix.md section 2, firing and just not firing."""

from __future__ import annotations

import pytest

from streams.hygiene.objects import DirectoryObject
from tests.support.hygiene_subjects import DEDICATED, IDFIX, Values, scanned, thing

NAMES = (
    "Administrator", "cas_{1}", "DiscoverySearchMailbox {1}", "FederatedEmail.1", "Guestova Anna", "HTTPConnector",
    "KRBTGT", "IUSR_web", "iwam1", "MSOL_1", "support_1", "SystemMailbox{1}", "WWIOadmini", "HealthMailbox1",
    "Exchange Online-ApplicationAccount", "SERVER01$",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["user", "group", "contact"])
def test_names_are_skipped_in_both_modes_for_every_class(name: str, kind: str) -> None:
    assert IDFIX.skip(thing(kind, name)) == DEDICATED.skip(thing(kind, name)) == "SKIP-CN"


@pytest.mark.parametrize("name", ["My Guest", "CAS_1", "$ERVER"])
def test_a_name_that_only_resembles_one_is_checked(name: str) -> None:
    assert IDFIX.skip(thing(name=name)) is None


@pytest.mark.parametrize(
    ("rule", "kind", "attributes"),
    [
        ("SKIP-CRIT", "user", {"isCriticalSystemObject": "True"}),
        ("SKIP-SAM", "user", {"sAMAccountName": "MSOL_ad"}),
        ("SKIP-SAM", "user", {"sAMAccountName": "cas_1"}),
        ("SKIP-NICK", "user", {"mailNickname": "SYSTEMMAILBOX1"}),
        ("SKIP-NICK", "user", {"mailNickname": "Cas_x"}),
        ("SKIP-HIDE", "user", {"msExchHideFromAddressLists": "TRUE", "displayName": "msol x"}),
        ("SKIP-RTD", "user", {"msExchRecipientTypeDetails": "0x1000"}),
        ("SKIP-SECGRP", "group", {"groupType": "-2147483646"}),
        ("SKIP-DG", "group", {"groupType": "2", "mail": "a@contoso.com"}),
    ],
)
def test_multi_tenant_rule_leaves_the_object_out(rule: str, kind: str, attributes: dict[str, Values]) -> None:
    assert IDFIX.skip(thing(kind, **attributes)) == rule
    assert DEDICATED.skip(thing(kind, **attributes)) is None


@pytest.mark.parametrize(
    ("kind", "attributes"),
    [
        ("user", {"isCriticalSystemObject": "FALSE"}),
        ("user", {"isCriticalSystemObject": "perhaps"}),
        ("inetOrgPerson", {"sAMAccountName": "MSOL_ad"}),
        ("user", {"msExchHideFromAddressLists": "FALSE", "displayName": "MSOL x"}),
        # what LDAP really gives: the rule compares with hexadecimal text, so it never fires on a directory
        ("user", {"msExchRecipientTypeDetails": "4096"}),
        ("group", {"groupType": "-2147483646", "mail": "a@contoso.com"}),
        ("group", {"groupType": "2", "proxyAddresses": "smtp:a@contoso.com"}),
        ("group", {}),  # the skip test throws without groupType, and IdFix then checks the object
        # a boolean that is none throws, which ends the skip test before the recipient type is looked at
        ("user", {"msExchHideFromAddressLists": "maybe", "msExchRecipientTypeDetails": "0x1000"}),
    ],
)
def test_multi_tenant_checks_it_all_the_same(kind: str, attributes: dict[str, Values]) -> None:
    assert IDFIX.skip(thing(kind, **attributes)) is None


@pytest.mark.parametrize("mark", ["\\0ACNF:", "\\0acnf:", "\nCNF:"])
def test_replication_conflicts_are_skipped(mark: str) -> None:
    dn = f"CN=Jane{mark}0f4c,OU=People,DC=contoso,DC=com"
    subject = DirectoryObject(dn, ("top", "user"), {"cn": ["Jane"]})
    assert IDFIX.skip(subject) == DEDICATED.skip(subject) == "SKIP-CNF"


def test_a_skipped_object_holds_nothing_so_a_clash_with_it_is_not_seen() -> None:
    hidden = thing(name="Guestova Anna", mail="a@contoso.com")
    assert scanned(IDFIX, hidden, thing(mail="a@contoso.com")) == []
