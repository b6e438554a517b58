"""displayName, givenName and sAMAccountName in the profile `entra`."""

from __future__ import annotations

import re

from streams.hygiene.entra import sources
from streams.hygiene.entra.sign_in import is_valid_sign_in_name
from streams.hygiene.entra.steps import characters, length, unique
from streams.hygiene.faults import Breach, Effect, ErrorName
from streams.hygiene.objects import DirectoryObject
from streams.hygiene.rules import Chain, Claim, Rule, chain_of
from streams.hygiene.tenant import TenantContext
from streams.hygiene.text import comparison_key

_BARRED_IN_ACCOUNT_NAME = re.compile(r"[\[\]\\\"|,/:<>+=;?*']")


def display_name_chain() -> Chain:
    """displayName has at most 256 characters and, if it is set at all, is not blank."""
    name = "displayName"
    rules = (
        length("EN-DN-LEN", name, 256, sources.PREPARE),
        Rule("EN-DN-BLANK", name, (ErrorName.BLANK,), sources.PREPARE, _judge_blank),
    )
    return chain_of(name, rules, lambda value, _tenant: len(value) <= 128 and not value[:1].isspace() and value != "")


def given_name_chain() -> Chain:
    """givenName has at most 64 characters."""
    rules = (length("EN-GN-LEN", "givenName", 64, sources.PREPARE),)
    return chain_of("givenName", rules, lambda value, _tenant: len(value) <= 32)


def account_name_chain() -> Chain:
    """sAMAccountName, which Entra needs only of a user whose UPN is missing or invalid."""
    name = "sAMAccountName"

    def claim(value: str) -> Claim:
        return name, comparison_key(value)

    rules = (
        unique("EN-SAM-DUP", name, sources.PREPARE, claim, lambda subject: not subject.first("userPrincipalName")),
        length("EN-SAM-LEN", name, 20, sources.PREPARE),
        characters("EN-SAM-CHAR", name, sources.PREPARE, _barred, lambda value: _BARRED_IN_ACCOUNT_NAME.sub("", value)),
    )
    return chain_of(
        name,
        rules,
        lambda value, _tenant: len(value) <= 10 and _BARRED_IN_ACCOUNT_NAME.search(value) is None,
        applies=_signs_in_by_account_name,
    )


def _signs_in_by_account_name(subject: DirectoryObject, tenant: TenantContext) -> bool:
    if subject.object_type not in {"user", "inetorgperson"}:
        return False
    sign_in_name = subject.first("userPrincipalName")
    return not sign_in_name or not is_valid_sign_in_name(sign_in_name, tenant)


def _barred(value: str) -> int:
    match = _BARRED_IN_ACCOUNT_NAME.search(value)
    return match.start() if match else -1


def _judge_blank(value: str, subject: DirectoryObject, _tenant: TenantContext) -> Breach | None:
    if value and not value.isspace():
        return None
    return Breach("EN-DN-BLANK", (ErrorName.BLANK,), value, subject.common_name or None, effect=Effect.REJECTS)
