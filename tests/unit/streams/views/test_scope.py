"""Scope: organisational units and Entra Connect's default filters."""

from __future__ import annotations

from typing import Any

import pytest

from streams.contracts.facts import ObjectKind
from streams.directory.scope import Scope
from streams.directory.state import ObjectState


def _object(kind: ObjectKind = ObjectKind.USER, **attributes: Any) -> ObjectState:
    defaults = {"distinguishedName": "CN=x,OU=Berlin,OU=People,DC=corp,DC=local", "sAMAccountName": "x"}
    return ObjectState(object_id="g", side="ad", tenant="t", kind=kind, attributes={**defaults, **attributes})


@pytest.mark.parametrize(
    ("scope", "reason"),
    [
        (Scope(), None),
        (Scope(include_ous=["ou=people, dc=corp, dc=local"]), None),
        (Scope(include_ous=["OU=Other,DC=corp,DC=local"]), "ou_not_included"),
        (Scope(exclude_ous=["OU=People,DC=corp,DC=local"]), "ou_excluded"),
        (Scope(["OU=People,DC=corp,DC=local"], ["OU=Berlin,OU=People,DC=corp,DC=local"]), "ou_excluded"),
        (Scope(["OU=Berlin,OU=People,DC=corp,DC=local"], ["OU=People,DC=corp,DC=local"]), None),
        (Scope(["OU=People,DC=corp,DC=local"], ["OU=People,DC=corp,DC=local"]), "ou_excluded"),
        (Scope(exclude_ous=["OU=erlin,OU=People,DC=corp,DC=local"]), None),
    ],
)
def test_organisational_units(scope: Scope, reason: str | None) -> None:
    assert scope.reason_outside(_object()) == reason


def test_an_escaped_comma_is_no_separator() -> None:
    name = _object(distinguishedName="CN=Doe\\, John,OU=People,DC=corp,DC=local")
    assert Scope(exclude_ous=["John,OU=People,DC=corp,DC=local"]).reason_outside(name) is None
    assert Scope(include_ous=["OU=People,DC=corp,DC=local"]).reason_outside(name) is None
    # Whoever names an object cannot move it to another unit, nor out of its own.
    named = _object(distinguishedName="CN=x\\,OU=Berlin\\,OU=People,DC=corp,DC=local")
    assert Scope(exclude_ous=["OU=Berlin,OU=People,DC=corp,DC=local"]).reason_outside(named) is None
    named = _object(distinguishedName="CN=x\\\\,OU=Berlin,DC=corp,DC=local")
    assert Scope(exclude_ous=["OU=Berlin,DC=corp,DC=local"]).reason_outside(named) == "ou_excluded"


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (_object(isCriticalSystemObject=True), "critical_system_object"),
        (_object(isCriticalSystemObject=False), None),
        (_object(distinguishedName="CN=x\\0ACNF:1f,OU=People,DC=corp,DC=local"), "replication_conflict"),
        (_object(mailNickname="SystemMailbox{1f05a927}"), "system_mailbox"),
        (_object(sAMAccountName="MSOL_ab12"), "reserved_account"),
        (_object(sAMAccountName="SUPPORT_388945a0"), "reserved_account"),
        (_object(sAMAccountName="support_desk"), None),
        (_object(sAMAccountName=""), "no_account_name"),
        (_object(msExchRecipientTypeDetails="536870912"), "system_mailbox"),
        (_object(msExchRecipientTypeDetails="2147483648"), None),
        (_object(adminDescription="User_NoO365Sync"), "cloud_filtered"),
        (_object(ObjectKind.CONTACT), "contact_without_address"),
        (_object(ObjectKind.CONTACT, mail="a@b.c"), None),
        (_object(ObjectKind.GROUP, sAMAccountName=""), None),
    ],
)
def test_default_filters(state: ObjectState, reason: str | None) -> None:
    assert Scope().reason_outside(state) == reason
    assert Scope(default_filters=False).reason_outside(state) is None
